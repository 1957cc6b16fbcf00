using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A place of the host that keeps what a guest writes: a journal, and contents of files by number. Part of the host interface.</summary>
/// <remarks>Thread-safe.</remarks>
public interface IHostUpper : IDisposable
{
    /// <summary>The journal as it was when the place was opened.</summary>
    byte[] ReadJournal();

    /// <summary>Cuts the journal off: what follows was not written whole.</summary>
    void TruncateJournal(long length);

    /// <summary>Appends to the journal; false where the host has no room.</summary>
    bool AppendJournal(ReadOnlySpan<byte> record);

    /// <summary>Puts another journal in the place of the journal, so that at any moment the host has one of them, whole. False where it cannot: the old one stays.</summary>
    bool ReplaceJournal(ReadOnlySpan<byte> journal);

    /// <summary>Bytes that the journal may have before it is replaced by one that says what is needed in so many.</summary>
    long MostJournal(long needed) => Math.Max(1 << 16, 2 * needed);

    /// <summary>Opens the content of a file, and makes it, empty, where there is none; null where the host cannot.</summary>
    BackingFile? OpenContent(long id);

    /// <summary>Deletes the content of a file.</summary>
    void DeleteContent(long id);

    /// <summary>Numbers of all contents, with their lengths in bytes.</summary>
    IReadOnlyList<(long Id, long Length)> Contents { get; }

    /// <summary>Returns when the journal is on the disk, and with <paramref name="all"/> all contents, too.</summary>
    void Sync(bool all);
}
