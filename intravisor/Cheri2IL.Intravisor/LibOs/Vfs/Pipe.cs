using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A pipe's buffer: 64 KiB unless told otherwise; writes up to PIPE_BUF are atomic.</summary>
/// <remarks>Thread-safe.</remarks>
/// <param name="files">Whose budget it is charged to; the caller has charged <see cref="DefaultCapacity"/>.</param>
/// <param name="isNamed">Whether it can be opened again after its last end was closed.</param>
public sealed class Pipe(FileSystem files, bool isNamed)
{
    /// <summary>Bytes that a pipe holds.</summary>
    public const int DefaultCapacity = 65536;

    /// <summary>Most bytes that F_SETPIPE_SZ gives (/proc/sys/fs/pipe-max-size).</summary>
    public const int LargestCapacity = 1 << 20;

    private const int PipeBuf = 4096;

    /// <summary>No event: those alone are woken who wait for any, which is until the other end is opened.</summary>
    private const int Opening = 1 << 30;

    private readonly Lock _gate = new();
    private readonly ByteRing _ring = new(DefaultCapacity);
    private int _readers;
    private int _writers;
    private int _readersEver;
    private int _writersEver;
    private bool _isOver;

    /// <summary>Whether it is a FIFO.</summary>
    public bool IsNamed => isNamed;

    /// <summary>Whether an end is open for reading.</summary>
    public bool HasReader => Volatile.Read(ref _readers) > 0;

    /// <summary>Whether an end is open for writing.</summary>
    public bool HasWriter => Volatile.Read(ref _writers) > 0;

    /// <summary>Bytes to read.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _ring.Count;
        }
    }

    /// <summary>Bytes it can hold.</summary>
    public int Capacity
    {
        get
        {
            lock (_gate)
                return _ring.Capacity;
        }
    }

    /// <summary>Woken when one can read or write again, and when an end comes or goes.</summary>
    internal WaitQueue Waiters { get; } = new();

    /// <summary>Ends for reading, or for writing, that were ever opened: who waits for one to come sees also one that left at once.</summary>
    internal int Opened(bool reads) => Volatile.Read(ref reads ? ref _readersEver : ref _writersEver);

    /// <summary>Adds or removes ends; false: it has no ends any more, and no name by which it gets others.</summary>
    public bool Change(int readers, int writers)
    {
        bool isLast, becomesOneSided;
        lock (_gate)
        {
            if (_isOver)
                return false;
            _readers += readers;
            _writers += writers;
            _readersEver += Math.Max(readers, 0);
            _writersEver += Math.Max(writers, 0);
            isLast = _readers + _writers == 0;
            _isOver = isLast && !isNamed;
            becomesOneSided = readers + writers < 0 && (_readers == 0) != (_writers == 0);
            if (isLast && isNamed)
            {
                _ring.Drop(_ring.Count);
                files.Release(_ring.Capacity - DefaultCapacity);
                _ring.Resize(DefaultCapacity);
            }
        }

        if (!becomesOneSided)
            Waiters.Wake(Opening);
        else
            Waiters.Wake();
        if (isLast && !isNamed)
            files.Release(Capacity);
        return true;
    }

    /// <summary>F_SETPIPE_SZ: at least that many bytes, in powers of two from a page on; the capacity, -EPERM, -EBUSY or -ENOMEM.</summary>
    public long SetCapacity(long bytes)
    {
        if (bytes > LargestCapacity)
            return -Errno.EPERM;
        var capacity = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, PipeBuf));
        lock (_gate)
        {
            if (capacity < _ring.Count)
                return -Errno.EBUSY;
            if (capacity > _ring.Capacity && !files.Charge(capacity - _ring.Capacity))
                return -Errno.ENOMEM;
            if (capacity < _ring.Capacity)
                files.Release(_ring.Capacity - capacity);
            _ring.Resize(capacity);
        }

        Waiters.Wake(FileAbi.POLLOUT);
        return capacity;
    }

    /// <summary>Reads what there is; 0 when all writers are gone.</summary>
    internal long Read(ref IoVector to)
    {
        if (to.Left == 0)
            return 0;
        long count;
        lock (_gate)
        {
            if (_ring.Count == 0)
                return _writers == 0 ? 0 : -Errno.EAGAIN;
            count = _ring.Read(ref to);
        }

        Waiters.Wake(FileAbi.POLLOUT);
        return count;
    }

    /// <summary>Writes what there is room for, up to PIPE_BUF all or nothing. EPIPE when all readers are gone.</summary>
    internal long Write(ref IoVector from)
    {
        if (from.Left == 0)
            return 0;
        long count;
        lock (_gate)
        {
            if (_readers == 0)
                return -Errno.EPIPE;
            var room = _ring.Room;
            if (room == 0 || (from.Left <= PipeBuf && room < from.Left))
                return -Errno.EAGAIN;
            count = _ring.Write(ref from);
        }

        Waiters.Wake(FileAbi.POLLIN);
        return count;
    }

    /// <summary>tee: copies bytes to another pipe, without taking them out. The two are locked in the order of <paramref name="isFirst"/>.</summary>
    internal long CopyTo(Pipe other, long most, bool isFirst)
    {
        var (first, second) = isFirst ? (this, other) : (other, this);
        long count;
        lock (first._gate)
        {
            lock (second._gate)
            {
                if (other._readers == 0)
                    return -Errno.EPIPE;
                if (_ring.Count == 0)
                    return _writers == 0 ? 0 : -Errno.EAGAIN;
                var bytes = new byte[(int)Math.Min(Math.Min(_ring.Count, other._ring.Room), most)];
                if (bytes.Length == 0)
                    return -Errno.EAGAIN;
                var vector = new IoVector(bytes);
                count = _ring.Peek(ref vector, 0);
                vector = new IoVector(bytes);
                count = other._ring.Write(ref vector, count);
            }
        }

        other.Waiters.Wake(FileAbi.POLLIN);
        return count;
    }

    /// <summary>Events for an end.</summary>
    /// <param name="reads">Whether it is one for reading.</param>
    /// <param name="writes">Whether it is one for writing.</param>
    /// <param name="writersBefore">Writers that had been opened before it: they do not count as gone.</param>
    internal int Poll(bool reads, bool writes, int writersBefore)
    {
        lock (_gate)
        {
            var events = 0;
            if (reads)
                events |= (_ring.Count > 0 ? FileAbi.POLLIN : 0) | (_writers == 0 && _writersEver != writersBefore ? FileAbi.POLLHUP : 0);
            if (writes)
                events |= (_ring.Room >= PipeBuf ? FileAbi.POLLOUT : 0) | (_readers == 0 ? FileAbi.POLLERR : 0);
            return events;
        }
    }
}
