using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>Bytes on their way from writers to readers, first in, first out; memory is taken as it is needed, up to the capacity.</summary>
/// <remarks>Not thread-safe: the owner locks. Capacities are powers of two.</remarks>
/// <param name="capacity">Most bytes.</param>
/// <param name="budget">What its memory is charged to; null: the owner has charged the capacity.</param>
internal sealed class ByteRing(int capacity, FileSystem? budget = null)
{
    /// <summary>Bytes of memory that a ring begins with.</summary>
    private const int FirstSize = 4096;

    private byte[] _buffer = [];
    private int _start;

    /// <summary>Most bytes it holds.</summary>
    public int Capacity { get; private set; } = capacity;

    /// <summary>Bytes it holds.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes that fit.</summary>
    public int Room => Capacity - Count;

    /// <summary>Puts in at most <paramref name="most"/> bytes; how many, or -EFAULT if the first could not be read.</summary>
    public long Write(ref IoVector from, long most = long.MaxValue)
    {
        var total = (int)Math.Min(Math.Min(from.Left, most), Room);
        if (!Reserve(Count + total))
            total = Math.Min(total, _buffer.Length - Count);
        var done = 0;
        while (done < total)
        {
            var end = (_start + Count) & (_buffer.Length - 1);
            var part = Math.Min(total - done, _buffer.Length - end);
            if (!from.TryTake(_buffer.AsSpan(end, part)))
                return done > 0 ? done : -Errno.EFAULT;
            Count += part;
            done += part;
        }

        return done;
    }

    /// <summary>Takes out at most <paramref name="most"/> bytes; how many, or -EFAULT if the first could not be written.</summary>
    public long Read(ref IoVector to, long most = long.MaxValue)
    {
        var done = Peek(ref to, 0, most);
        if (done > 0)
            Drop((int)done);
        return done;
    }

    /// <summary>The same for bytes from <paramref name="offset"/> on, which stay.</summary>
    public long Peek(ref IoVector to, int offset, long most = long.MaxValue)
    {
        var total = (int)Math.Min(Math.Min(to.Left, most), Count - offset);
        var done = 0;
        while (done < total)
        {
            var at = (_start + offset + done) & (_buffer.Length - 1);
            var part = Math.Min(total - done, _buffer.Length - at);
            if (!to.TryPut(_buffer.AsSpan(at, part)))
                return done > 0 ? done : -Errno.EFAULT;
            done += part;
        }

        return done;
    }

    /// <summary>Takes out bytes that nobody wants.</summary>
    public void Drop(int count)
    {
        Count -= count;
        _start = Count == 0 ? 0 : (_start + count) & (_buffer.Length - 1);
    }

    /// <summary>Changes the capacity, which must not be below what it holds.</summary>
    public void Resize(int capacity)
    {
        Capacity = capacity;
        if (_buffer.Length <= capacity)
            return;
        budget?.Release(_buffer.Length - capacity);
        Move(capacity);
    }

    /// <summary>Takes the last bytes back out.</summary>
    public void Retract(int count) => Count -= count;

    /// <summary>Gives up what it holds, and its memory.</summary>
    public void Clear()
    {
        budget?.Release(_buffer.Length);
        (_buffer, _start, Count) = ([], 0, 0);
    }

    /// <summary>Makes room for so many bytes altogether; false if the budget does not allow it.</summary>
    private bool Reserve(int count)
    {
        if (count <= _buffer.Length)
            return true;
        var size = Math.Max(_buffer.Length, Math.Min(FirstSize, Capacity));
        while (size < count)
            size *= 2;
        size = Math.Min(size, Capacity);
        if (budget?.Charge(size - _buffer.Length) == false)
            return false;
        Move(size);
        return true;
    }

    private void Move(int size)
    {
        var moved = new byte[size];
        var first = Math.Min(Count, _buffer.Length - _start);
        _buffer.AsSpan(_start, first).CopyTo(moved);
        _buffer.AsSpan(0, Count - first).CopyTo(moved.AsSpan(first));
        (_buffer, _start) = (moved, 0);
    }
}
