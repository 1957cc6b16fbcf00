using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>A directory of the host, read-only: part of the host interface, with <see cref="IHostInterface"/>.</summary>
/// <remarks>
/// Paths are made of names that <see cref="List"/> or <see cref="Find"/> returned as directories, so neither ".." nor a link occurs in them. By libc's calls:
/// names are any bytes, and .NET's take several times as long, which is much of the start of a program that looks for many files.
/// </remarks>
public sealed unsafe partial class HostTree : IHostTree
{
    /// <summary>PATH_MAX.</summary>
    private const int LongestPath = 4096;

    /// <summary>Where struct dirent has its name (bits/dirent.h, with 64-bit offsets).</summary>
    private const int NameOffset = 19;

    private readonly byte[] _root;

    /// <summary>The tree under <paramref name="root"/>.</summary>
    /// <exception cref="DirectoryNotFoundException">It is not a directory.</exception>
    public HostTree(string root)
    {
        if (!IsDirectory(root))
            throw new DirectoryNotFoundException($"{root}: not a directory");
        _root = PlainText.ToBytes(root.StartsWith('/') ? root : Path.GetFullPath(root));
    }

    /// <summary>Whether a path of the host leads to a directory.</summary>
    public static bool IsDirectory(string path) => HostStatus.OfTarget(PlainText.ToTerminatedBytes(path)) is { Format: HostStatus.Directory };

    /// <inheritdoc/>
    public IReadOnlyList<HostEntry> List(IReadOnlyList<string> path)
    {
        var entries = new List<HostEntry>();
        nint directory;
        fixed (byte* host = HostPath(path, ""))
            directory = NativeOpenDirectory(host);
        if (directory == 0)
            return entries;
        try
        {
            byte* next;
            while ((next = NativeReadDirectory(directory)) != null)
            {
                var name = FileSystem.FromBytes(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(next + NameOffset));
                if (name is not ("." or "..") && Describe(HostPath(path, name), name) is { } entry)
                    entries.Add(entry);
            }
        }
        finally
        {
            _ = NativeCloseDirectory(directory);
        }

        return entries;
    }

    /// <inheritdoc/>
    public HostEntry? Find(IReadOnlyList<string> path, string name)
    {
        if (name is "" or "." or "..")
            return null;
        foreach (var character in name)
        {
            if (character is '/' or '\0' or > '\xff')
                return null;
        }

        return Describe(HostPath(path, name), name);
    }

    /// <inheritdoc/>
    public IHostFile? Open(IReadOnlyList<string> path)
        => Runtime.HostFile.TryOpenUnfollowed(HostPath(path, ""), out _) is { } file ? new HostFile(file) : null;

    /// <summary>An entry by its path; null: it went, or is a device, a socket or a FIFO of the host, which are not shown.</summary>
    private static HostEntry? Describe(ReadOnlySpan<byte> path, string name)
    {
        if (HostStatus.Of(path) is not { } status)
            return null;
        switch (status.Format)
        {
            case HostStatus.SymbolicLink:
                return ReadLink(path) is { } target ? new HostEntry(name, HostEntryKind.SymbolicLink, 0x1ff, status.ModifyTime, target) : null;
            case HostStatus.Directory:
                return new HostEntry(name, HostEntryKind.Directory, status.Permissions, status.ModifyTime, null);
            case HostStatus.Regular:
                return new HostEntry(name, HostEntryKind.File, status.Permissions, status.ModifyTime, null);
            default:
                return null;
        }
    }

    private static string? ReadLink(ReadOnlySpan<byte> path)
    {
        Span<byte> target = stackalloc byte[LongestPath];
        fixed (byte* name = path)
        fixed (byte* buffer = target)
            return (int)NativeReadLink(name, buffer, LongestPath) is var length and >= 0 ? FileSystem.FromBytes(target[..length]) : null;
    }

    /// <summary>Bytes of the path of an entry, or, where its name is empty, of the directory itself, with a zero at the end.</summary>
    private byte[] HostPath(IReadOnlyList<string> path, string name)
    {
        var length = _root.Length + (name.Length > 0 ? 1 + name.Length : 0) + 1;
        for (var k = 0; k < path.Count; k++)
            length += 1 + path[k].Length;
        var result = new byte[length];
        _root.CopyTo(result, 0);
        var at = _root.Length;
        for (var k = 0; k < path.Count; k++)
            Append(path[k]);
        if (name.Length > 0)
            Append(name);
        return result;

        void Append(string part)
        {
            result[at++] = (byte)'/';
            foreach (var character in part)
                result[at++] = (byte)character;
        }
    }

    [LibraryImport("libc", EntryPoint = "opendir")]
    private static partial nint NativeOpenDirectory(byte* path);

    [LibraryImport("libc", EntryPoint = "readdir")]
    private static partial byte* NativeReadDirectory(nint directory);

    [LibraryImport("libc", EntryPoint = "closedir")]
    private static partial int NativeCloseDirectory(nint directory);

    [LibraryImport("libc", EntryPoint = "readlink")]
    private static partial nint NativeReadLink(byte* path, byte* buffer, nuint length);

    /// <summary>An open host file; closed when the guest's file is collected.</summary>
    private sealed class HostFile(Runtime.HostFile file) : IHostFile
    {
        ~HostFile() => file.Dispose();

        public long Length => file.Length;

        // By its descriptor: the path may lead elsewhere by now.
        public FileIdentity? Identity
        {
            get
            {
                var identity = file.IdentityNow;
                GC.KeepAlive(this);
                return identity;
            }
        }

        public int Read(long offset, Span<byte> destination)
        {
            try
            {
                return file.Read(offset, destination);
            }
            catch (IOException)
            {
                return 0;
            }
            finally
            {
                GC.KeepAlive(this);
            }
        }
    }
}
