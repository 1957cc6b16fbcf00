using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;

namespace Cheri2IL.Deployment.Archives;

/// <summary>The file tree in an uncompressed tar archive, or in several that lie one over the other, read in place: nothing is unpacked.</summary>
/// <remarks>
/// Thread-safe once it is made. The archives must not change while it is used. Symbolic links are followed inside the tree alone, and names that lead
/// upwards are refused.
/// </remarks>
public sealed class TarTree : IHostTree, IDisposable
{
    /// <summary>Most files that a tree may have.</summary>
    private const int MostFiles = 1_000_000;

    /// <summary>Most directories that lie in each other: as many as the longest path names.</summary>
    private const int GreatestDepth = FileAbi.PATH_MAX / 2;

    private const int MostSymbolicLinks = 40;

    /// <summary>Most names that are followed while a tree is made.</summary>
    private const int MostSteps = 50_000_000;

    private const string Whiteout = ".wh.";
    private const string Opaque = ".wh..wh..opq";

    private readonly TreeNode _root = new(HostEntryKind.Directory) { Links = 1 };
    private readonly List<ImageFile> _files = [];
    private int _count;
    private int _steps;
    private int _layer;

    /// <summary>A tree without files.</summary>
    internal TarTree()
    {
    }

    /// <summary>Opens an archive.</summary>
    /// <param name="path">The file.</param>
    /// <param name="folder">Folder of the archive that is the root, without a slash at the end; empty: all of it.</param>
    /// <exception cref="RootFormatException">It is malformed, or has nothing in that folder.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It must not be read.</exception>
    public static TarTree Open(string path, string folder = "") => Of(new ImageFile(path), folder);

    /// <summary>The tree of an archive, which it disposes of.</summary>
    /// <exception cref="RootFormatException">It is malformed, or has nothing in that folder.</exception>
    internal static TarTree Of(ImageFile file, string folder = "")
    {
        var tree = new TarTree();
        try
        {
            tree.Own(file);
            tree.Add(file, 0, file.Length, folder.Length == 0 ? "" : folder + "/", isLayer: false);
            return tree;
        }
        catch
        {
            tree.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public HostEntry Root => _root.ToEntry("");

    /// <inheritdoc/>
    public IReadOnlyList<HostEntry> List(IReadOnlyList<string> path)
        => Find(path) is { Kind: HostEntryKind.Directory } directory ? [.. directory.Children.Select(c => c.Value.Node.ToEntry(c.Key))] : [];

    /// <inheritdoc/>
    public IHostFile? Open(IReadOnlyList<string> path)
        => Find(path) is { Kind: HostEntryKind.File } file ? new Part(file.Source!, file.Offset, file.Length) : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in _files)
            file.Dispose();
    }

    /// <summary>Where the content of a file is, to which symbolic links may lead; null: there is none.</summary>
    internal (long Offset, long Length)? ContentOf(string path)
    {
        try
        {
            var at = new List<TreeNode> { _root };
            var (names, links, link) = (path.Split('/'), 0, "");
            for (; ; names = [.. names[..^1], .. link.Split('/')])
            {
                at.RemoveRange(1, at.Count - 1);
                Walk(at, names.AsSpan(..^1), makes: false, ref links);
                var node = at[^1].Children.GetValueOrDefault(names[^1]).Node;
                if (node is null or { Kind: not (HostEntryKind.File or HostEntryKind.SymbolicLink) })
                    return null;
                if (node.Kind == HostEntryKind.File)
                    return (node.Offset, node.Length);
                link = node.LinkTarget!;
                if (++links > MostSymbolicLinks)
                    return null;
            }
        }
        catch (PathException)
        {
            return null;
        }
    }

    /// <summary>Closes a file with the tree.</summary>
    internal void Own(ImageFile file) => _files.Add(file);

    /// <summary>Puts an archive over what there is.</summary>
    /// <param name="file">The file that has it.</param>
    /// <param name="offset">Where.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="prefix">Only what has names that begin so, without it.</param>
    /// <param name="isLayer">Whether names that begin with ".wh." take away what lies below (OCI Image Format Specification, layer.md, "Whiteouts").</param>
    /// <exception cref="RootFormatException">It is malformed.</exception>
    internal void Add(ImageFile file, long offset, long length, string prefix, bool isLayer)
    {
        _layer++;
        var reader = new TarReader(file, offset, length);
        var count = 0;
        while (reader.TryRead(out var entry))
        {
            if (!entry.Name.StartsWith(prefix, StringComparison.Ordinal))
                continue;
            count++;
            try
            {
                Add(file, entry, prefix, isLayer);
            }
            catch (PathException error)
            {
                throw file.Problem($"offset {entry.Offset}: {entry.Name}: {error.Message}");
            }
        }

        if (count == 0 && !isLayer)
            throw file.Problem(prefix.Length == 0 ? "an archive without files" : $"{prefix} is missing");
    }

    private void Add(ImageFile file, TarEntry entry, string prefix, bool isLayer)
    {
        var names = Split(entry.Name[prefix.Length..]);
        if (names.Length == 0)
        {
            if (entry.Kind == HostEntryKind.Directory)
                Describe(_root, entry);
            return;
        }

        var directory = DirectoryOf(names.AsSpan(..^1), makes: true);
        var name = names[^1];
        if (isLayer && name.StartsWith(Whiteout, StringComparison.Ordinal))
        {
            TakeAway(directory, name);
            return;
        }

        var known = directory.Children.GetValueOrDefault(name).Node;
        if (known is { Kind: HostEntryKind.Directory } && entry is { Kind: HostEntryKind.Directory, IsHardLink: false })
        {
            // A directory that comes after its files, or lies over another, only changes what is said of it.
            Describe(known, entry);
            directory.Children[name] = new TreeEntry(known, _layer);
            return;
        }

        var node = entry.IsHardLink ? Linked(entry, prefix) : new TreeNode(entry.Kind)
        {
            LinkTarget = entry.Kind == HostEntryKind.SymbolicLink ? Target(entry.LinkName) : null,
            Device = entry.Device,
            Source = file,
            Offset = entry.ContentOffset,
            Length = entry.Length,
        };
        if (node == known)
            return;
        if (!entry.IsHardLink)
            Describe(node, entry);
        if (known is not null)
            Forget(directory, name, known);
        Enter(directory, name, node);
    }

    private static void Describe(TreeNode node, TarEntry entry)
        => (node.Mode, node.UserId, node.GroupId, node.ModifyTime, node.Attributes) = (entry.Mode, entry.UserId, entry.GroupId, entry.ModifyTime, entry.Attributes);

    private TreeNode Linked(TarEntry entry, string prefix)
    {
        TreeNode? node = null;
        try
        {
            if (entry.LinkName.StartsWith(prefix, StringComparison.Ordinal) && Split(entry.LinkName[prefix.Length..]) is { Length: > 0 } names)
                node = DirectoryOf(names.AsSpan(..^1), makes: false).Children.GetValueOrDefault(names[^1]).Node;
        }
        catch (PathException)
        {
            // It leads nowhere.
        }

        if (node is null)
            throw new PathException($"a hard link to {entry.LinkName}, which is not in the archive");
        return node.Kind != HostEntryKind.Directory ? node : throw new PathException($"a hard link to {entry.LinkName}, which is a directory");
    }

    private static string Target(string target)
        => target.Length is > 0 and < FileAbi.PATH_MAX && !target.Contains('\0', StringComparison.Ordinal) ? target : throw new PathException("a symbolic link that leads nowhere");

    /// <summary>Names of a path.</summary>
    private static string[] Split(string path)
    {
        string[] names = [.. path.Split('/').Where(n => n is not ("" or "."))];
        if (path.Length >= FileAbi.PATH_MAX || names.Any(n => n.Length > FileAbi.NAME_MAX || n.Contains('\0', StringComparison.Ordinal)))
            throw new PathException("no file can be called that");
        return names.Contains("..") ? throw new PathException("it leads upwards") : names;
    }

    /// <summary>The directory that names lead to from the root, as they would lead a process whose root it is.</summary>
    private TreeNode DirectoryOf(ReadOnlySpan<string> names, bool makes)
    {
        var at = new List<TreeNode> { _root };
        var links = 0;
        Walk(at, names, makes, ref links);
        return at[^1];
    }

    private void Walk(List<TreeNode> at, ReadOnlySpan<string> names, bool makes, ref int links)
    {
        foreach (var name in names)
        {
            if (++_steps > MostSteps)
                throw new PathException("its names, and those before, lead through too many symbolic links");
            if (name is "" or ".")
                continue;
            if (name == "..")
            {
                if (at.Count > 1)
                    at.RemoveAt(at.Count - 1);
                continue;
            }

            var directory = at[^1];
            var next = directory.Children.GetValueOrDefault(name).Node;
            if (next is null)
            {
                if (!makes)
                    throw new PathException($"it leads through {name}, which does not exist");
                next = new TreeNode(HostEntryKind.Directory);
                Enter(directory, name, next);
            }

            switch (next.Kind)
            {
                case HostEntryKind.Directory:
                    if (at.Count > GreatestDepth)
                        throw new PathException("too many directories in each other");
                    if (makes)
                        directory.Children[name] = new TreeEntry(next, _layer);
                    at.Add(next);
                    break;
                case HostEntryKind.SymbolicLink:
                    if (++links > MostSymbolicLinks)
                        throw new PathException("it leads through too many symbolic links");
                    if (next.LinkTarget!.StartsWith('/'))
                        at.RemoveRange(1, at.Count - 1);
                    Walk(at, next.LinkTarget!.Split('/'), makes, ref links);
                    break;
                default:
                    throw new PathException($"it leads through {name}, which is no directory");
            }
        }
    }

    private void Enter(TreeNode directory, string name, TreeNode node)
    {
        if (++_count > MostFiles)
            throw new PathException($"more than {MostFiles} files");
        node.Links++;
        directory.Children[name] = new TreeEntry(node, _layer);
    }

    private static void Forget(TreeNode directory, string name, TreeNode node)
    {
        directory.Children.Remove(name);
        if (--node.Links > 0 || node.Kind != HostEntryKind.Directory)
            return;
        foreach (var (inner, child) in node.Children.ToArray())
            Forget(node, inner, child.Node);
    }

    /// <summary>A whiteout: takes away what lower layers have, not what this one has, in whichever order it says so.</summary>
    private void TakeAway(TreeNode directory, string name)
    {
        if (name == Opaque)
        {
            foreach (var (inner, child) in directory.Children.ToArray())
                TakeAway(directory, inner, child);
            return;
        }

        // Others that begin with it twice are notes of a storage driver (AUFS).
        var hidden = name[Whiteout.Length..];
        if (!hidden.StartsWith(Whiteout, StringComparison.Ordinal) && directory.Children.TryGetValue(hidden, out var entry))
            TakeAway(directory, hidden, entry);
    }

    private void TakeAway(TreeNode directory, string name, TreeEntry entry)
    {
        if (++_steps > MostSteps)
            throw new PathException("it, and those before, take away too many files");
        if (entry.Layer < _layer)
        {
            Forget(directory, name, entry.Node);
            return;
        }

        if (entry.Node.Kind != HostEntryKind.Directory)
            return;
        foreach (var (inner, child) in entry.Node.Children.ToArray())
            TakeAway(entry.Node, inner, child);
    }

    private TreeNode? Find(IReadOnlyList<string> path)
    {
        var at = _root;
        foreach (var name in path)
        {
            if (at.Kind != HostEntryKind.Directory || !at.Children.TryGetValue(name, out var entry))
                return null;
            at = entry.Node;
        }

        return at;
    }

    /// <summary>An entry cannot be where its name says.</summary>
    private sealed class PathException(string problem) : Exception(problem);

    /// <summary>A file's bytes inside an archive.</summary>
    private sealed class Part(ImageFile file, long offset, long length) : IHostFile
    {
        public long Length => length;

        public FileIdentity? Identity => file.IdentityOf(offset / TarHeader.Size, length);

        public int Read(long at, Span<byte> destination)
            => file.Read(offset + at, destination[..(int)Math.Clamp(length - at, 0, destination.Length)]);
    }
}
