using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>A timer of timer_create. Its signal is pending at most once; periods that pass meanwhile are the overrun (timer_getoverrun(2)).</summary>
internal sealed class PosixTimer
{
    private readonly GuestProcess _process;
    private readonly CvmThread? _thread;
    private readonly SignalInfo _info;
    private long _overrun;
    private long _lastOverrun;

    public PosixTimer(GuestProcess process, Func<long> clock, int rate, int signal, int id, long value, CvmThread? thread)
    {
        (_process, _thread, Clock) = (process, thread, clock);
        _info = new SignalInfo { Number = signal, Code = Signal.SI_TIMER, Sender = id, Value = value };
        Timer = new GuestTimer(clock, rate, Expire);
    }

    /// <summary>The timer.</summary>
    public GuestTimer Timer { get; }

    /// <summary>Reads its clock.</summary>
    public Func<long> Clock { get; }

    /// <summary>Periods that the signal that was sent last does not tell of.</summary>
    public long Overrun => Math.Min(Volatile.Read(ref _lastOverrun), int.MaxValue);

    private void Expire(long periods)
    {
        if (_info.Number == 0)
            return;
        if (IsPending())
        {
            _overrun += periods;
            return;
        }

        _overrun += periods - 1;
        Volatile.Write(ref _lastOverrun, _overrun);

        // si_overrun lies where a sent signal has its user.
        var info = _info with { User = (int)Overrun };
        _overrun = 0;
        if (_thread is null)
            _process.Send(info);
        else
            _process.Send(_thread, info);
    }

    private bool IsPending()
    {
        lock (_process.Signals.Gate)
            return (_thread?.Pending ?? _process.Signals.Pending).Contains(_info.Number, Signal.SI_TIMER, _info.Sender);
    }
}
