using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>The timers of a process that send signals: the three of setitimer, and those of timer_create.</summary>
/// <remarks>Thread-safe. fork does not copy them; execve keeps the first three.</remarks>
internal sealed class ProcessTimers(GuestProcess process) : IDisposable
{
    /// <summary>ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF.</summary>
    public const int IntervalTimers = 3;

    /// <summary>Most timers of timer_create.</summary>
    private const int MostTimers = 1024;

    private const int SIGEV_NONE = 1;

    private static readonly int[] Signals = [Signal.SIGALRM, Signal.SIGVTALRM, Signal.SIGPROF];

    private readonly Lock _gate = new();
    private readonly GuestTimer?[] _intervals = new GuestTimer?[IntervalTimers];
    private Dictionary<int, PosixTimer>? _timers;
    private int _nextId;
    private bool _disposed;

    /// <summary>An interval timer, made when it is first asked for. The user and system time of a process are one here.</summary>
    public GuestTimer Interval(int which)
    {
        lock (_gate)
        {
            if (_intervals[which] is { } found)
                return found;
            var host = process.Cvm.Host;
            Action<long> expire = _ => process.Send(new SignalInfo { Number = Signals[which], Code = Signal.SI_KERNEL });
            var made = which == 0 ? new GuestTimer(() => host.MonotonicNanoseconds, 1, expire) : new GuestTimer(() => process.CpuNanoseconds, host.ProcessorCount, expire);
            if (_disposed)
                made.Dispose();
            return _intervals[which] = made;
        }
    }

    /// <summary>timer_create; the id, or -EAGAIN when there are too many.</summary>
    /// <param name="clock">Reads the clock.</param>
    /// <param name="rate">As for <see cref="GuestTimer"/>.</param>
    /// <param name="notification">SIGEV_ value.</param>
    /// <param name="signal">Signal to send.</param>
    /// <param name="value">What it carries; null: the id.</param>
    /// <param name="thread">Who gets it; null: the process.</param>
    public long Create(Func<long> clock, int rate, int notification, int signal, long? value, CvmThread? thread)
    {
        lock (_gate)
        {
            _timers ??= [];
            if (_timers.Count >= MostTimers || _disposed)
                return -Errno.EAGAIN;
            while (_timers.ContainsKey(_nextId))
                _nextId = (_nextId + 1) & int.MaxValue;
            var id = _nextId++ & int.MaxValue;
            _timers.Add(id, new PosixTimer(process, clock, rate, notification == SIGEV_NONE ? 0 : signal, id, value ?? id, thread));
            return id;
        }
    }

    /// <summary>The timer with that id, or null.</summary>
    public PosixTimer? Find(int id)
    {
        lock (_gate)
            return _timers?.GetValueOrDefault(id);
    }

    /// <summary>timer_delete; whether there was one.</summary>
    public bool Delete(int id)
    {
        PosixTimer? timer = null;
        lock (_gate)
            _timers?.Remove(id, out timer);
        timer?.Timer.Dispose();
        return timer is not null;
    }

    /// <summary>execve: those of timer_create go.</summary>
    public void DeleteAll()
    {
        Dictionary<int, PosixTimer>? timers;
        lock (_gate)
            (timers, _timers) = (_timers, null);
        if (timers is not null)
            DisposeAll(timers);
    }

    private static void DisposeAll(Dictionary<int, PosixTimer> timers)
    {
        foreach (var timer in timers.Values)
            timer.Timer.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (var timer in _intervals)
                timer?.Dispose();
        }

        DeleteAll();
    }
}
