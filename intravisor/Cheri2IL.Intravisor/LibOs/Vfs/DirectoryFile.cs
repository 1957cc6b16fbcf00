using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A directory being listed.</summary>
public sealed class DirectoryFile(DirectoryNode directory, int flags) : OpenFile(directory, flags)
{
    private List<NamedInode>? _entries;
    private int _next;

    /// <summary>The directory.</summary>
    public DirectoryNode Directory => directory;

    /// <inheritdoc/>
    internal override long Read(ref IoVector to) => -Errno.EISDIR;

    /// <summary>The next entry without passing it, or null at the end. The list is taken at the first call after a rewind.</summary>
    public NamedInode? Peek()
    {
        if (_entries is null)
        {
            lock (directory.FileSystem.Gate)
                _entries = [new(".", directory), new("..", directory.Parent), .. directory.Children];
        }

        return _next < _entries.Count ? _entries[_next] : null;
    }

    /// <summary>Passes the entry; returns the position after it (d_off).</summary>
    public long Advance() => ++_next;

    /// <inheritdoc/>
    public override long Seek(long offset, int whence)
    {
        if (whence == FileAbi.SEEK_CUR && offset == 0)
            return _next;
        if (whence != FileAbi.SEEK_SET || offset is < 0 or > int.MaxValue)
            return -Errno.EINVAL;
        if (offset == 0)
            _entries = null;
        return _next = (int)offset;
    }
}
