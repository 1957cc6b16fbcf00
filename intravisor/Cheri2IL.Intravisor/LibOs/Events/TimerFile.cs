using System.Buffers.Binary;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Events;

/// <summary>A timerfd. Nothing runs when it expires: who waits for it sleeps no longer than until then (<see cref="OpenFile.ChangesAt"/>).</summary>
/// <remarks>Thread-safe. Times are monotonic nanoseconds of the host; a timer of the real-time clock does not follow changes of it.</remarks>
public sealed class TimerFile(Inode inode, int flags, IHostInterface host) : OpenFile(inode, flags)
{
    private readonly Lock _gate = new();

    /// <summary>When it expires next; 0: it is not armed.</summary>
    private long _next;
    private long _interval;

    /// <summary>Expirations that were not read, as of the last look.</summary>
    private ulong _expirations;

    /// <summary>Whether absolute times are of the real-time clock.</summary>
    public bool IsRealtime { get; init; }

    /// <inheritdoc/>
    internal override WaitQueue Waiters { get; } = new();

    /// <inheritdoc/>
    internal override bool IsTimed => true;

    /// <summary>Further expirations are no news until the first has been read.</summary>
    internal override long ChangesAt
    {
        get
        {
            lock (_gate)
            {
                Advance();
                return _next == 0 || _expirations > 0 ? long.MaxValue : _next;
            }
        }
    }

    /// <summary>Arms it, or with 0 disarms it; what was before, as <see cref="Get"/>.</summary>
    /// <param name="next">When it expires first.</param>
    /// <param name="interval">Nanoseconds from one expiration to the next; 0: there is one.</param>
    public (long Left, long Interval) Set(long next, long interval)
    {
        (long, long) old;
        lock (_gate)
        {
            Advance();
            old = Get();
            (_next, _interval, _expirations) = (next, interval, 0);
        }

        Waiters.Wake();
        return old;
    }

    /// <summary>Nanoseconds until the next expiration, 0 if it is not armed, and the interval.</summary>
    public (long Left, long Interval) Get()
    {
        lock (_gate)
        {
            Advance();
            return (_next == 0 ? 0 : Math.Max(1, _next - host.MonotonicNanoseconds), _interval);
        }
    }

    /// <inheritdoc/>
    internal override long Read(ref IoVector to)
    {
        if (to.Left < sizeof(ulong))
            return -Errno.EINVAL;
        ulong expirations;
        lock (_gate)
        {
            Advance();
            if (_expirations == 0)
                return -Errno.EAGAIN;
            (expirations, _expirations) = (_expirations, 0);
        }

        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, expirations);
        return to.TryPut(bytes) ? sizeof(ulong) : -Errno.EFAULT;
    }

    /// <inheritdoc/>
    public override int Poll()
    {
        lock (_gate)
        {
            Advance();
            return _expirations > 0 ? FileAbi.POLLIN : 0;
        }
    }

    private void Advance()
    {
        if (_next == 0 || host.MonotonicNanoseconds is var now && now < _next)
            return;
        if (_interval == 0)
        {
            (_next, _expirations) = (0, _expirations + 1);
            return;
        }

        var passed = ((now - _next) / _interval) + 1;
        _expirations += (ulong)passed;
        _next += passed * _interval;
    }
}
