using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>A timer of timer_create. Its signal is pending at most once; periods that pass meanwhile are the overrun (timer_getoverrun(2)).</summary>
internal sealed class PosixTimer
{
    private readonly GuestProcess _process;
    private readonly CvmThread? _thread;
    private readonly SignalInfo _info;
    private int _overrun;

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

    /// <summary>Periods, besides the first, that the signal that was sent last tells of: those that passed until it was taken.</summary>
    public long Overrun => Volatile.Read(ref _overrun);

    private void Expire(long periods)
    {
        if (_info.Number == 0)
            return;
        if (AddToPending(periods) is { } overrun)
        {
            Volatile.Write(ref _overrun, overrun);
            return;
        }

        // si_overrun lies where a sent signal has its user.
        var info = _info with { User = (int)Math.Min(periods - 1, int.MaxValue) };
        Volatile.Write(ref _overrun, info.User);
        if (_thread is null)
            _process.Send(info);
        else
            _process.Send(_thread, info);
    }

    private int? AddToPending(long periods)
    {
        lock (_process.Signals.Gate)
            return (_thread?.Pending ?? _process.Signals.Pending).AddOverrun(_info.Number, _info.Sender, periods);
    }
}
