using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Signals;

/// <summary>Pending signals of a thread or a process. Standard signals are pending at most once; real-time ones queue.</summary>
/// <remarks>Not thread-safe: <see cref="ProcessSignals.Gate"/> guards it.</remarks>
public sealed class SignalQueue
{
    /// <summary>Most queued signals; further real-time ones are refused (EAGAIN).</summary>
    public const int Capacity = 1024;

    /// <summary>Made for the first signal, which most programs never get.</summary>
    private List<SignalInfo>? _infos;

    /// <summary>Mask of what is pending.</summary>
    public ulong Pending { get; private set; }

    /// <summary>Adds a signal; false when the queue is full.</summary>
    public bool Add(in SignalInfo info)
    {
        var bit = Signal.Bit(info.Number);
        if (info.Number < Signal.SIGRTMIN && (Pending & bit) != 0)
            return true;
        _infos ??= [];
        if (_infos.Count >= Capacity && info.Number >= Signal.SIGRTMIN)
            return false;
        Pending |= bit;
        _infos.Add(info);
        return true;
    }

    /// <summary>Takes the lowest-numbered pending signal in <paramref name="set"/>, oldest first.</summary>
    public bool TryTake(ulong set, out SignalInfo info)
    {
        info = default;
        var matching = Pending & set;
        if (matching == 0 || _infos is null)
            return false;
        var number = System.Numerics.BitOperations.TrailingZeroCount(matching) + 1;
        var index = _infos.FindIndex(i => i.Number == number);
        info = _infos[index];
        _infos.RemoveAt(index);
        if (!_infos.Exists(i => i.Number == number))
            Pending &= ~Signal.Bit(number);
        return true;
    }

    /// <summary>Adds to the periods that a timer's pending signal tells of; its overrun then, at most what an int can say; null: it is not pending.</summary>
    /// <param name="number">The signal.</param>
    /// <param name="timer">The timer's id.</param>
    /// <param name="periods">Periods that passed.</param>
    public int? AddOverrun(int number, int timer, long periods)
    {
        if ((Pending & Signal.Bit(number)) == 0)
            return null;
        var at = _infos!.FindIndex(i => i.Number == number && i.Code == Signal.SI_TIMER && i.Sender == timer);
        if (at < 0)
            return null;
        var overrun = (int)Math.Min(_infos[at].User + periods, int.MaxValue);
        _infos[at] = _infos[at] with { User = overrun };
        return overrun;
    }

    /// <summary>Drops every pending instance of the signals in <paramref name="set"/>.</summary>
    public void Discard(ulong set)
    {
        if ((Pending & set) == 0 || _infos is null)
            return;
        _infos.RemoveAll(i => (set & Signal.Bit(i.Number)) != 0);
        Pending &= ~set;
    }
}
