namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>A timer of a process, on some clock of nanoseconds: expires once, or then again at equal intervals.</summary>
/// <remarks>Thread-safe. It may expire late, as the host's timer does (milliseconds), but never early, and counts the periods that it missed.</remarks>
/// <param name="clock">Reads the clock.</param>
/// <param name="rate">How fast the clock can go, in seconds per second: a process's CPU clock, as fast as there are processors.</param>
/// <param name="expire">Called, without a lock, with the periods that have passed, at least 1.</param>
internal sealed class GuestTimer(Func<long> clock, int rate, Action<long> expire) : IDisposable
{
    private const long Millisecond = 1_000_000;

    /// <summary>Longest sleep of the host's timer; then it looks again.</summary>
    private const long Longest = 1_000_000_000;

    private readonly Lock _gate = new();
    private Timer? _timer;
    private long _deadline = long.MaxValue;
    private long _interval;
    private bool _disposed;

    /// <summary>Sets it.</summary>
    /// <param name="deadline">When it expires first; <see cref="long.MaxValue"/>: never.</param>
    /// <param name="interval">Nanoseconds between; 0: once.</param>
    /// <returns>What it was set to: nanoseconds left, at least 1 when it was set, and the interval.</returns>
    public (long Left, long Interval) Set(long deadline, long interval)
    {
        lock (_gate)
        {
            var before = LeftLocked();
            (_deadline, _interval) = (deadline, interval);
            Arm();
            return before;
        }
    }

    /// <summary>Nanoseconds left, 0 when it is not set, and the interval.</summary>
    public (long Left, long Interval) Left
    {
        get
        {
            lock (_gate)
                return LeftLocked();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _deadline = long.MaxValue;
            _timer?.Dispose();
        }
    }

    private (long Left, long Interval) LeftLocked() => (_deadline == long.MaxValue ? 0 : Math.Max(1, _deadline - clock()), _interval);

    private void Check()
    {
        long periods;
        lock (_gate)
        {
            var late = _deadline == long.MaxValue || _disposed ? -1 : clock() - _deadline;
            if (late < 0)
            {
                Arm();
                return;
            }

            periods = 1;
            if (_interval == 0)
            {
                _deadline = long.MaxValue;
            }
            else
            {
                periods += late / _interval;
                _deadline += periods * _interval;
            }

            Arm();
        }

        expire(periods);
    }

    private void Arm()
    {
        if (_disposed || (_deadline == long.MaxValue && _timer is null))
            return;
        _timer ??= new Timer(static t => ((GuestTimer)t!).Check(), this, Timeout.Infinite, Timeout.Infinite);
        // Whatever interval a guest sets: the threads that serve timers are the host's.
        var left = _deadline == long.MaxValue ? -1 : Math.Clamp((_deadline - clock()) / rate, Millisecond, Longest);
        _timer.Change(left < 0 ? Timeout.Infinite : (left + Millisecond - 1) / Millisecond, Timeout.Infinite);
    }
}
