using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>
/// An open file description: what descriptors that were duplicated share. Results are byte counts or negated errno values.
/// </summary>
public abstract class OpenFile(Inode inode, int flags)
{
    private int _references;

    /// <summary>The file.</summary>
    public Inode Inode { get; } = inode;

    /// <summary>Access mode and status flags (O_APPEND, O_NONBLOCK...).</summary>
    public int Flags { get; set; } = flags & ~(FileAbi.O_CREAT | FileAbi.O_EXCL | FileAbi.O_TRUNC | FileAbi.O_CLOEXEC | FileAbi.O_NOCTTY);

    /// <summary>Absolute path by which it was opened, for /proc/self/fd.</summary>
    public string Path { get; set; } = "";

    /// <summary>Whether reads are allowed.</summary>
    public bool CanRead => (Flags & FileAbi.O_PATH) == 0 && (Flags & FileAbi.O_ACCMODE) != FileAbi.O_WRONLY;

    /// <summary>Whether writes are allowed.</summary>
    public bool CanWrite => (Flags & FileAbi.O_PATH) == 0 && (Flags & FileAbi.O_ACCMODE) != FileAbi.O_RDONLY;

    /// <summary>Whether calls return EAGAIN rather than wait.</summary>
    public bool IsNonBlocking => (Flags & FileAbi.O_NONBLOCK) != 0;

    /// <summary>Whether it has a position (lseek, pread).</summary>
    public virtual bool IsSeekable => false;

    /// <summary>Reads at the position and moves it. <paramref name="wait"/> tells whether the caller may still wait.</summary>
    public virtual long Read(Span<byte> destination, Func<bool> wait) => -Errno.EINVAL;

    /// <summary>Writes at the position (or the end, O_APPEND) and moves it.</summary>
    public virtual long Write(ReadOnlySpan<byte> source, Func<bool> wait) => -Errno.EINVAL;

    /// <summary>Reads at an offset.</summary>
    public virtual long ReadAt(long offset, Span<byte> destination) => -Errno.ESPIPE;

    /// <summary>Writes at an offset.</summary>
    public virtual long WriteAt(long offset, ReadOnlySpan<byte> source) => -Errno.ESPIPE;

    /// <summary>lseek.</summary>
    public virtual long Seek(long offset, int whence) => -Errno.ESPIPE;

    /// <summary>ftruncate.</summary>
    public virtual long Truncate(long length) => -Errno.EINVAL;

    /// <summary>POLL* events that hold now.</summary>
    public virtual short Poll() => (short)(FileAbi.POLLIN | FileAbi.POLLOUT);

    /// <summary>Terminal size if it is one.</summary>
    public virtual bool IsTerminal(out int columns, out int rows)
    {
        columns = rows = 0;
        return false;
    }

    /// <summary>Bytes that can be read at once (FIONREAD), or a negated errno.</summary>
    public virtual long Available => -Errno.ENOTTY;

    /// <summary>Counts a descriptor more.</summary>
    public void AddReference() => Interlocked.Increment(ref _references);

    /// <summary>Counts a descriptor less; the last one closes.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
            Close();
    }

    /// <summary>The last descriptor went.</summary>
    protected virtual void Close()
    {
    }
}

/// <summary>A regular file with a position.</summary>
public sealed class RegularOpenFile(RegularFile file, int flags) : OpenFile(file, flags)
{
    private readonly Lock _gate = new();
    private long _position;

    /// <inheritdoc/>
    public override bool IsSeekable => true;

    /// <inheritdoc/>
    public override long Available => Math.Max(0, file.Content.Length - _position);

    /// <inheritdoc/>
    public override long Read(Span<byte> destination, Func<bool> wait)
    {
        lock (_gate)
        {
            var count = file.Content.Read(_position, destination);
            _position += count;
            return count;
        }
    }

    /// <inheritdoc/>
    public override long Write(ReadOnlySpan<byte> source, Func<bool> wait)
    {
        lock (_gate)
        {
            if ((Flags & FileAbi.O_APPEND) != 0)
                _position = file.Content.Length;
            var count = WriteAt(_position, source);
            if (count > 0)
                _position += count;
            return count;
        }
    }

    /// <inheritdoc/>
    public override long ReadAt(long offset, Span<byte> destination) => file.Content.Read(offset, destination);

    /// <inheritdoc/>
    public override long WriteAt(long offset, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty)
            return 0;
        if (offset > long.MaxValue - source.Length)
            return -Errno.EFBIG;
        if (!file.Content.Write(offset, source))
            return -Errno.ENOSPC;
        file.Touch();
        return source.Length;
    }

    /// <summary>SEEK_DATA and SEEK_HOLE see one run of data and the hole at the end, as file systems without holes do.</summary>
    public override long Seek(long offset, int whence)
    {
        lock (_gate)
        {
            var length = file.Content.Length;
            long target;
            switch (whence)
            {
                case FileAbi.SEEK_SET:
                    target = offset;
                    break;
                case FileAbi.SEEK_CUR:
                    target = _position + offset;
                    break;
                case FileAbi.SEEK_END:
                    target = length + offset;
                    break;
                case FileAbi.SEEK_DATA or FileAbi.SEEK_HOLE:
                    if ((ulong)offset >= (ulong)length)
                        return -Errno.ENXIO;
                    target = whence == FileAbi.SEEK_DATA ? offset : length;
                    break;
                default:
                    return -Errno.EINVAL;
            }

            if (target < 0)
                return -Errno.EINVAL;
            return _position = target;
        }
    }

    /// <inheritdoc/>
    public override long Truncate(long length)
    {
        file.Content.Truncate(length);
        file.Touch();
        return 0;
    }
}

/// <summary>Computed content, fixed at open.</summary>
public sealed class ComputedOpenFile(Inode inode, int flags, byte[] content) : OpenFile(inode, flags)
{
    private long _position;

    /// <inheritdoc/>
    public override bool IsSeekable => true;

    /// <inheritdoc/>
    public override long Read(Span<byte> destination, Func<bool> wait)
    {
        var count = ReadAt(_position, destination);
        _position += count;
        return count;
    }

    /// <inheritdoc/>
    public override long ReadAt(long offset, Span<byte> destination)
    {
        if (offset >= content.Length)
            return 0;
        var count = (int)Math.Min(destination.Length, content.Length - offset);
        content.AsSpan((int)offset, count).CopyTo(destination);
        return count;
    }

    /// <inheritdoc/>
    public override long Seek(long offset, int whence)
    {
        var target = whence switch
        {
            FileAbi.SEEK_SET => offset,
            FileAbi.SEEK_CUR => _position + offset,
            _ => -1,
        };
        return target < 0 ? -Errno.EINVAL : _position = target;
    }
}

/// <summary>A directory being listed.</summary>
public sealed class DirectoryFile(DirectoryNode directory, int flags) : OpenFile(directory, flags)
{
    private List<(string Name, Inode Inode)>? _entries;
    private int _next;

    /// <summary>The directory.</summary>
    public DirectoryNode Directory => directory;

    /// <inheritdoc/>
    public override long Read(Span<byte> destination, Func<bool> wait) => -Errno.EISDIR;

    /// <summary>The next entry without passing it, or null at the end. The list is taken at the first call after a rewind.</summary>
    public (string Name, Inode Inode)? Peek()
    {
        if (_entries is null)
        {
            lock (directory.FileSystem.Gate)
                _entries = [(".", directory), ("..", directory.Parent), .. directory.Children.Select(c => (c.Key, c.Value))];
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

/// <summary>/dev/null, /dev/zero, /dev/full and /dev/urandom.</summary>
public sealed class MemoryDevice(DeviceNode node, int flags, MemoryDeviceKind kind, Action<Span<byte>> random) : OpenFile(node, flags)
{
    /// <inheritdoc/>
    public override bool IsSeekable => true;

    /// <inheritdoc/>
    public override long Read(Span<byte> destination, Func<bool> wait)
    {
        if (kind == MemoryDeviceKind.Null)
            return 0;
        if (kind == MemoryDeviceKind.Random)
            random(destination);
        else
            destination.Clear();
        return destination.Length;
    }

    /// <inheritdoc/>
    public override long Write(ReadOnlySpan<byte> source, Func<bool> wait) => kind == MemoryDeviceKind.Full ? -Errno.ENOSPC : source.Length;

    /// <inheritdoc/>
    public override long ReadAt(long offset, Span<byte> destination) => Read(destination, () => false);

    /// <inheritdoc/>
    public override long WriteAt(long offset, ReadOnlySpan<byte> source) => Write(source, () => false);

    /// <inheritdoc/>
    public override long Seek(long offset, int whence) => 0;
}

/// <summary>Which memory device.</summary>
public enum MemoryDeviceKind
{
    /// <summary>Reads end at once, writes vanish.</summary>
    Null,

    /// <summary>Reads yield zeros.</summary>
    Zero,

    /// <summary>Reads yield zeros, writes say ENOSPC.</summary>
    Full,

    /// <summary>Reads yield random bytes.</summary>
    Random,
}
