using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A host file that is read and never written.</summary>
public interface IHostFile
{
    /// <summary>Bytes when it was opened.</summary>
    long Length { get; }

    /// <summary>What tells its content from any other without reading it; null: nothing does.</summary>
    FileIdentity? Identity => null;

    /// <summary>Its content where it lies in memory and never changes; null elsewhere.</summary>
    ReadOnlyMemory<byte>? Bytes => null;

    /// <summary>Reads at an offset; fewer bytes than asked for only at the end or on a host error.</summary>
    int Read(long offset, Span<byte> destination);
}

/// <summary>What kind of file a host directory entry is.</summary>
public enum HostEntryKind
{
    /// <summary>Regular file.</summary>
    File,

    /// <summary>Directory.</summary>
    Directory,

    /// <summary>Symbolic link; only its text counts, the guest's own path walk follows it.</summary>
    SymbolicLink,

    /// <summary>Character device: a number, behind which is a device of the library OS or none, never one of the host.</summary>
    CharacterDevice,

    /// <summary>Block device, likewise.</summary>
    BlockDevice,

    /// <summary>Named pipe.</summary>
    Fifo,

    /// <summary>Name of a Unix socket, at which nobody listens.</summary>
    Socket,
}

/// <summary>An entry of a host directory.</summary>
/// <param name="Name">Name, Latin-1 characters.</param>
/// <param name="Kind">Kind.</param>
/// <param name="Mode">Permission bits.</param>
/// <param name="ModifyTime">Nanoseconds since 1970.</param>
/// <param name="LinkTarget">Text of a symbolic link, Latin-1 characters.</param>
public sealed record HostEntry(string Name, HostEntryKind Kind, int Mode, long ModifyTime, string? LinkTarget)
{
    /// <summary>Owner as the guest sees it.</summary>
    public int UserId { get; init; }

    /// <summary>Group as the guest sees it.</summary>
    public int GroupId { get; init; }

    /// <summary>Number of a device, as st_rdev has it.</summary>
    public long Device { get; init; }

    /// <summary>Names that the file has.</summary>
    public int Links { get; init; } = 1;

    /// <summary>The same object for each name of a file that has several.</summary>
    public object? Identity { get; init; }

    /// <summary>Extended attributes by name; null: none. Never changed.</summary>
    public IReadOnlyDictionary<string, byte[]>? Attributes { get; init; }
}

/// <summary>
/// A host directory tree that a guest sees read-only: the only way by which the file system reaches host files. Paths are
/// lists of names that this interface itself listed or found as directories; the host never follows a link on the guest's behalf.
/// </summary>
/// <remarks>Thread-safe.</remarks>
public interface IHostTree
{
    /// <summary>Attributes of the root directory; null: it is root's, and everybody may look into it.</summary>
    HostEntry? Root => null;

    /// <summary>Entries of the directory reached by <paramref name="path"/> from the root; empty if it cannot be read.</summary>
    IReadOnlyList<HostEntry> List(IReadOnlyList<string> path);

    /// <summary>The entry called <paramref name="name"/>, whatever bytes a guest has put there, of the directory reached by <paramref name="path"/>; null: there is none.</summary>
    HostEntry? Find(IReadOnlyList<string> path, string name) => List(path).FirstOrDefault(entry => entry.Name == name);

    /// <summary>Opens the regular file reached by <paramref name="path"/>; null if it is not one any more.</summary>
    IHostFile? Open(IReadOnlyList<string> path);
}
