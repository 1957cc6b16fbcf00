using System.Buffers.Binary;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Events;

/// <summary>An eventfd: a counter that writes add to and reads take, whole or one at a time.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class EventCounter(Inode inode, int flags, ulong value, bool isSemaphore) : OpenFile(inode, flags)
{
    private readonly Lock _gate = new();
    private ulong _value = value;

    /// <inheritdoc/>
    internal override WaitQueue Waiters { get; } = new();

    /// <inheritdoc/>
    internal override long Read(ref IoVector to)
    {
        if (to.Left < sizeof(ulong))
            return -Errno.EINVAL;
        ulong taken;
        lock (_gate)
        {
            if (_value == 0)
                return -Errno.EAGAIN;
            taken = isSemaphore ? 1 : _value;
            _value -= taken;
        }

        Waiters.Wake(FileAbi.POLLOUT);
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, taken);
        return to.TryPut(bytes) ? sizeof(ulong) : -Errno.EFAULT;
    }

    /// <inheritdoc/>
    internal override long Write(ref IoVector from)
    {
        if (from.Left < sizeof(ulong))
            return -Errno.EINVAL;
        // A write that has to wait takes its number again.
        var start = from;
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        if (!from.TryTake(bytes))
            return -Errno.EFAULT;
        var added = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        if (added == ulong.MaxValue)
            return -Errno.EINVAL;
        lock (_gate)
        {
            if (added >= ulong.MaxValue - _value)
            {
                from = start;
                return -Errno.EAGAIN;
            }

            _value += added;
        }

        from.SkipRest();
        Waiters.Wake(FileAbi.POLLIN);
        return sizeof(ulong);
    }

    /// <inheritdoc/>
    public override int Poll()
    {
        lock (_gate)
            return (_value > 0 ? FileAbi.POLLIN : 0) | (_value < ulong.MaxValue - 1 ? FileAbi.POLLOUT : 0);
    }
}
