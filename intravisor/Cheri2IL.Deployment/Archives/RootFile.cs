using Cheri2IL.Deployment.Archives.Ext4;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;

namespace Cheri2IL.Deployment.Archives;

/// <summary>
/// A root: a folder of the host, or a file that has a file tree in it, of whichever kind its bytes say: a tar archive, a container's image in one, both perhaps
/// compressed, or an ext4 file system.
/// </summary>
/// <param name="Tree">The tree.</param>
/// <param name="Configuration">How it wants to be run.</param>
public sealed record RootFile(IHostTree Tree, ImageConfiguration Configuration)
{
    /// <summary>What is supported, for messages.</summary>
    private const string Kinds = "neither a folder nor a tar archive (also gzip, xz, zstd), a container's image, or an ext4 file system";

    /// <summary>PATH where nobody sets it.</summary>
    private const string UsualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>Opens one. What it opens stays open.</summary>
    /// <param name="path">Path on the host.</param>
    /// <param name="store">Keeps what was unpacked and checked.</param>
    /// <exception cref="RootFormatException">It is malformed, or none of these.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It must not be read.</exception>
    public static RootFile Open(string path, RootStore store)
        => HostTree.IsDirectory(path) ? new RootFile(new HostTree(path), ImageConfiguration.None) : Open(new ImageFile(path), store);

    /// <summary>What is wrong where <see cref="Apply"/> returns null.</summary>
    public string UserProblem => $"the image wants to be run as {Configuration.User}, which its /etc/passwd and /etc/group do not have";

    /// <summary>
    /// What a cVM starts with that has this root, and the user, working directory and environment of the image; variables that are set already stay.
    /// PATH and HOME are always set, as containers have them. Null: the image wants a user whom it does not have.
    /// </summary>
    public CvmOptions? Apply(CvmOptions options)
    {
        if ((Configuration.User is { } wanted ? ImageUser.Find(wanted, Tree) : ImageUser.Root(Tree)) is not { } user)
            return null;
        var environment = new List<string>(Configuration.Environment);
        foreach (var variable in options.Environment)
        {
            var name = variable[..(variable.IndexOf('=', StringComparison.Ordinal) + 1)];
            environment.RemoveAll(v => v.StartsWith(name, StringComparison.Ordinal));
            environment.Add(variable);
        }

        SetUnlessSet("PATH", UsualPath);
        SetUnlessSet("HOME", user.Home);
        return options with
        {
            Root = Tree,
            Environment = environment,
            UserId = user.UserId,
            GroupId = user.GroupId,
            Groups = user.Groups,
            WorkingDirectory = Configuration.WorkingDirectory ?? "/",
        };

        void SetUnlessSet(string name, string value)
        {
            if (!environment.Exists(v => v.StartsWith(name + "=", StringComparison.Ordinal)))
                environment.Add(string.Concat(name, "=", value));
        }
    }

    /// <summary>The program that a name without slash means, in the directories of PATH; null if there is none.</summary>
    /// <param name="name">The name.</param>
    /// <param name="environment">NAME=VALUE, in which PATH may be.</param>
    public string? Search(string name, IReadOnlyList<string> environment)
    {
        var path = UsualPath;
        foreach (var variable in environment)
        {
            if (variable.StartsWith("PATH=", StringComparison.Ordinal))
                path = variable["PATH=".Length..];
        }

        foreach (var directory in PlainText.Split(path, ':'))
        {
            var candidate = string.Concat(directory.TrimEnd('/'), "/", name);
            if (directory.StartsWith('/') && TreeFile.Find(Tree, candidate) is { Entry.Mode: var mode } && (mode & 0x49) != 0)
                return candidate;
        }

        return null;
    }

    private static RootFile Open(ImageFile file, RootStore store)
    {
        try
        {
            Span<byte> block = stackalloc byte[TarHeader.Size];
            var head = block[..file.Read(0, block)];
            if (Compression.IsCompressed(head))
            {
                using var compressed = file;
                file = store.Decompressed(store.HashOf(compressed), compressed, 0, compressed.Length);
                head = block[..file.Read(0, block)];
                if (!TarReader.IsArchive(head))
                    throw compressed.Problem("what is compressed is no tar archive");
            }

            if (Ext4Tree.IsImage(file))
                return new RootFile(Ext4Tree.Open(file, store), ImageConfiguration.None);
            if (!TarReader.IsArchive(head))
                throw file.Problem(Kinds);
            var archive = TarTree.Of(file);
            return ContainerImage.TryOpen(file, archive, store) is var (tree, configuration)
                ? new RootFile(tree, configuration)
                : new RootFile(archive, ImageConfiguration.None);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
