using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>Computed content, fixed at open.</summary>
public sealed class ComputedOpenFile(Inode inode, int flags, byte[] content) : OpenFile(inode, flags)
{
    private long _position;

    /// <inheritdoc/>
    public override bool IsSeekable => true;

    /// <inheritdoc/>
    internal override long Read(ref IoVector to)
    {
        var count = ReadAt(_position, ref to);
        _position += Math.Max(count, 0);
        return count;
    }

    /// <inheritdoc/>
    internal override long ReadAt(long offset, ref IoVector to)
    {
        if (offset >= content.Length)
            return 0;
        var count = (int)Math.Min(to.Left, content.Length - offset);
        return to.TryPut(content.AsSpan((int)offset, count)) ? count : -Errno.EFAULT;
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
