using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A pipe's buffer: 64 KiB, writes up to PIPE_BUF are atomic.</summary>
/// <remarks>Thread-safe. Waiters wake at every change, and look after their thread every few milliseconds.</remarks>
/// <param name="closed">Called when the last end of an unnamed pipe is closed; null for one with a name, which can be opened again.</param>
public sealed class Pipe(Action? closed = null)
{
    /// <summary>Bytes it holds.</summary>
    public const int Capacity = 65536;

    private const int PipeBuf = 4096;
    private const int WaitMilliseconds = 20;

    private readonly object _gate = new();
    private readonly byte[] _buffer = new byte[Capacity];
    private int _start;
    private int _count;
    private int _readers;
    private int _writers;

    /// <summary>Whether an end is open for reading.</summary>
    public bool HasReader => Volatile.Read(ref _readers) > 0;

    /// <summary>Bytes to read.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Adds or removes ends.</summary>
    public void Change(int readers, int writers)
    {
        lock (_gate)
        {
            _readers += readers;
            _writers += writers;
            Monitor.PulseAll(_gate);
            if (_readers + _writers > 0)
                return;
        }

        closed?.Invoke();
    }

    /// <summary>Reads what there is; waits for the first byte unless told not to. 0 when all writers are gone.</summary>
    public long Read(Span<byte> destination, bool nonBlocking, Func<bool> wait)
    {
        if (destination.IsEmpty)
            return 0;
        lock (_gate)
        {
            while (_count == 0)
            {
                if (_writers == 0)
                    return 0;
                if (nonBlocking)
                    return -Errno.EAGAIN;
                if (!wait())
                    return -Errno.EINTR;
                Monitor.Wait(_gate, WaitMilliseconds);
            }

            var total = Math.Min(destination.Length, _count);
            var first = Math.Min(total, Capacity - _start);
            _buffer.AsSpan(_start, first).CopyTo(destination);
            _buffer.AsSpan(0, total - first).CopyTo(destination[first..]);
            _start = (_start + total) % Capacity;
            _count -= total;
            Monitor.PulseAll(_gate);
            return total;
        }
    }

    /// <summary>Writes all, waiting for room unless told not to. EPIPE when all readers are gone.</summary>
    public long Write(ReadOnlySpan<byte> source, bool nonBlocking, Func<bool> wait)
    {
        var done = 0;
        lock (_gate)
        {
            while (done < source.Length)
            {
                if (_readers == 0)
                    return done > 0 ? done : -Errno.EPIPE;
                var room = Capacity - _count;
                if (room == 0 || (source.Length <= PipeBuf && room < source.Length))
                {
                    if (nonBlocking)
                        return done > 0 ? done : -Errno.EAGAIN;
                    if (!wait())
                        return done > 0 ? done : -Errno.EINTR;
                    Monitor.Wait(_gate, WaitMilliseconds);
                    continue;
                }

                var part = Math.Min(room, source.Length - done);
                var end = (_start + _count) % Capacity;
                var first = Math.Min(part, Capacity - end);
                source.Slice(done, first).CopyTo(_buffer.AsSpan(end));
                source.Slice(done + first, part - first).CopyTo(_buffer);
                _count += part;
                done += part;
                Monitor.PulseAll(_gate);
            }
        }

        return done;
    }

    /// <summary>Events for an end.</summary>
    public short Poll(bool reads, bool writes)
    {
        lock (_gate)
        {
            var events = 0;
            if (reads)
                events |= (_count > 0 ? FileAbi.POLLIN : 0) | (_writers == 0 ? FileAbi.POLLHUP : 0);
            if (writes)
                events |= (Capacity - _count >= PipeBuf ? FileAbi.POLLOUT : 0) | (_readers == 0 ? FileAbi.POLLERR : 0);
            return (short)events;
        }
    }
}

/// <summary>An open end of a pipe or FIFO.</summary>
public sealed class PipeEnd : OpenFile
{
    private readonly Pipe _pipe;
    private readonly bool _reads;
    private readonly bool _writes;

    /// <summary>Opens an end.</summary>
    public PipeEnd(Inode inode, int flags, Pipe pipe, bool reads, bool writes)
        : base(inode, flags)
    {
        (_pipe, _reads, _writes) = (pipe, reads, writes);
        pipe.Change(reads ? 1 : 0, writes ? 1 : 0);
    }

    /// <inheritdoc/>
    public override long Available => _pipe.Count;

    /// <inheritdoc/>
    public override long Read(Span<byte> destination, Func<bool> wait) => _pipe.Read(destination, IsNonBlocking, wait);

    /// <inheritdoc/>
    public override long Write(ReadOnlySpan<byte> source, Func<bool> wait) => _pipe.Write(source, IsNonBlocking, wait);

    /// <inheritdoc/>
    public override short Poll() => _pipe.Poll(_reads, _writes);

    /// <inheritdoc/>
    protected override void Close() => _pipe.Change(_reads ? -1 : 0, _writes ? -1 : 0);
}
