using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

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
    internal override long Read(ref IoVector to)
    {
        long count;
        lock (_gate)
        {
            count = file.Content.Read(_position, ref to);
            _position += Math.Max(count, 0);
        }

        return Accessed(count);
    }

    /// <inheritdoc/>
    internal override long Write(ref IoVector from)
    {
        long count;
        lock (_gate)
        {
            if ((Flags & FileAbi.O_APPEND) != 0)
                _position = file.Content.Length;
            count = Put(_position, ref from);
            _position += Math.Max(count, 0);
        }

        return Modified(count);
    }

    /// <inheritdoc/>
    internal override long ReadAt(long offset, ref IoVector to) => Accessed(file.Content.Read(offset, ref to));

    /// <inheritdoc/>
    internal override long WriteAt(long offset, ref IoVector from) => Modified(Put(offset, ref from));

    private long Put(long offset, ref IoVector from)
    {
        if (from.Left == 0)
            return 0;
        var most = Math.Min(FileContent.MostBytes, from.SizeLimit);
        if (offset >= most)
            return -Errno.EFBIG;
        var writable = file.Writable(offset, Math.Min(from.Left, most - offset));
        if (writable < 0)
            return writable;
        var count = writable == from.Left ? file.Content.Write(offset, ref from) : WritePart(offset, ref from, writable);
        if (count > 0)
            file.Touch();
        return count;
    }

    /// <inheritdoc/>
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
                    if (file.Content.Find(offset, whence == FileAbi.SEEK_HOLE) is not { } found)
                        return -Errno.ENXIO;
                    target = found;
                    break;
                default:
                    return -Errno.EINVAL;
            }

            if (target is < 0 or > FileContent.MostBytes)
                return -Errno.EINVAL;
            return _position = target;
        }
    }

    /// <inheritdoc/>
    public override long Truncate(long length) => Changed(file.Truncate(length));

    /// <summary>fallocate, with flags that go together and a range that does not wrap around: 0 or a negated errno.</summary>
    internal long Allocate(int mode, long offset, long length) => Changed(file.Allocate(mode, offset, length));

    private long Changed(int error)
    {
        if (error != 0)
            return error;
        file.Touch();
        file.FileSystem.Notice(this, Inotify.IN_MODIFY);
        return 0;
    }

    /// <summary>Writes the first bytes of what is there.</summary>
    private long WritePart(long offset, ref IoVector from, long length)
    {
        const int most = 1 << 16;
        var part = new byte[(int)Math.Min(length, most)];
        if (!from.TryTake(part))
            return -Errno.EFAULT;
        var whole = new IoVector(part.AsSpan());
        return file.Content.Write(offset, ref whole);
    }

    private long Accessed(long count)
    {
        if (count > 0)
            file.FileSystem.Notice(this, Inotify.IN_ACCESS);
        return count;
    }

    private long Modified(long count)
    {
        if (count > 0)
            file.FileSystem.Notice(this, Inotify.IN_MODIFY);
        return count;
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        if (CanWrite && file.FileSystem.Upper is { } upper)
        {
            // With the time of the last write.
            lock (file.FileSystem.Gate)
                upper.Changed(file);
        }
    }
}
