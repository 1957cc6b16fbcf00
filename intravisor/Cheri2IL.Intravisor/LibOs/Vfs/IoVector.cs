using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A range of guest memory that a guest named in a structure.</summary>
/// <param name="Pointer">First byte; with pure capabilities, the authority over it.</param>
/// <param name="Length">Bytes, not negative.</param>
internal readonly record struct GuestRange(Capability Pointer, long Length);

/// <summary>
/// What a read fills or a write takes, from front to back: ranges of the caller's memory, or a buffer of the library OS. Bytes go between
/// it and a file's own buffers without another one in between.
/// </summary>
internal ref struct IoVector
{
    private readonly CvmThread? _thread;
    private readonly ReadOnlySpan<GuestRange> _ranges;
    private Span<byte> _buffer;
    private int _next;
    private long _address;
    private long _rangeLeft;

    /// <summary>A buffer of the library OS.</summary>
    public IoVector(Span<byte> buffer)
    {
        _buffer = buffer;
        Left = buffer.Length;
    }

    /// <summary>One range of the caller's memory, by an argument of the system call.</summary>
    public IoVector(CvmThread thread, long address, long length)
    {
        _thread = thread;
        (_address, _rangeLeft, Left) = (address, length, length);
    }

    /// <summary>Several ranges of the caller's memory, of which the first <paramref name="length"/> bytes count.</summary>
    public IoVector(CvmThread thread, ReadOnlySpan<GuestRange> ranges, long length)
    {
        _thread = thread;
        _ranges = ranges;
        Left = length;
    }

    /// <summary>Bytes that were not moved yet.</summary>
    public long Left { get; private set; }

    /// <summary>Regular files do not become longer by it (RLIMIT_FSIZE).</summary>
    public long SizeLimit { get; set; } = long.MaxValue;

    /// <summary>Whether it is a buffer of the library OS.</summary>
    public readonly bool IsBuffer => _thread is null;

    /// <summary>The rest of the buffer of the library OS; empty where it is memory of the caller.</summary>
    public readonly Span<byte> Buffer => _buffer;

    /// <summary>Whether the host's kernel can put bytes there; else only <see cref="TryPut"/> can.</summary>
    public readonly bool IsPlain => !_thread!.Memory.HasTags;

    /// <summary>Most ranges of the caller's memory that <see cref="Locate"/> finds.</summary>
    public readonly int RangeCount => 1 + _ranges.Length - _next;

    /// <summary>Takes the next bytes, as many as fit; false (EFAULT) if memory of the caller cannot be read.</summary>
    public bool TryTake(scoped Span<byte> to)
    {
        while (!to.IsEmpty)
        {
            var step = Step(to.Length);
            if (step == 0)
                return false;
            if (_thread is null)
                _buffer[..step].CopyTo(to);
            else if (!_thread.Memory.TryRead(_address, to[..step]))
                return false;
            Pass(step);
            to = to[step..];
        }

        return true;
    }

    /// <summary>Puts bytes; false (EFAULT) if memory of the caller cannot be written, or if they do not fit.</summary>
    public bool TryPut(scoped ReadOnlySpan<byte> from)
    {
        while (!from.IsEmpty)
        {
            var step = Step(from.Length);
            if (step == 0)
                return false;
            if (_thread is null)
                from[..step].CopyTo(_buffer);
            else if (!_thread.Memory.TryWrite(_address, from[..step]))
                return false;
            Pass(step);
            from = from[step..];
        }

        return true;
    }

    /// <summary>Passes all that is left: nobody wants it.</summary>
    public void SkipRest() => Left = 0;

    /// <summary>
    /// Where what is left of the caller's memory lies for the host's kernel, which finds out itself what pages allow: how many ranges, or -EFAULT if it is not the
    /// caller's to read, or write. What is moved is skipped then.
    /// </summary>
    public readonly int Locate(Span<HostRange> ranges, bool isWrite)
    {
        var (count, left) = (0, Left);
        if (_next > 0)
            _thread!.ActFor(_ranges[_next - 1].Pointer);
        if (_rangeLeft > 0 && !TryLocate(_address, Math.Min(_rangeLeft, left), isWrite, ranges, ref count, ref left))
            return -Errno.EFAULT;
        for (var k = _next; k < _ranges.Length && left > 0; k++)
        {
            ref readonly var range = ref _ranges[k];
            _thread!.ActFor(range.Pointer);
            if (!TryLocate((long)range.Pointer.Address, Math.Min(range.Length, left), isWrite, ranges, ref count, ref left))
                return -Errno.EFAULT;
        }

        return count;
    }

    /// <summary>Passes bytes that were moved by other means.</summary>
    public void Skip(long count)
    {
        while (count > 0)
        {
            var step = Step((int)Math.Min(count, int.MaxValue));
            Pass(step);
            count -= step;
        }
    }

    private readonly unsafe bool TryLocate(long address, long length, bool isWrite, Span<HostRange> ranges, ref int count, ref long left)
    {
        var at = _thread!.Memory.ForKernel(address, (ulong)length, isWrite);
        if (at is null)
            return false;
        ranges[count++] = new HostRange { Address = at, Length = (nuint)length };
        left -= length;
        return true;
    }

    /// <summary>Most bytes that the present range still has, of those wanted; 0 at the end.</summary>
    private int Step(int wanted)
    {
        wanted = (int)Math.Min(wanted, Left);
        if (_thread is null || wanted == 0)
            return wanted;
        while (_rangeLeft == 0)
        {
            if (_next == _ranges.Length)
                return 0;
            ref readonly var range = ref _ranges[_next++];
            _thread.ActFor(range.Pointer);
            (_address, _rangeLeft) = ((long)range.Pointer.Address, range.Length);
        }

        return (int)Math.Min(wanted, _rangeLeft);
    }

    private void Pass(int step)
    {
        Left -= step;
        if (_thread is null)
        {
            _buffer = _buffer[step..];
            return;
        }

        _address += step;
        _rangeLeft -= step;
    }
}
