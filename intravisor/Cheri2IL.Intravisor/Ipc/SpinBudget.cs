namespace Cheri2IL.Intravisor.Ipc;

/// <summary>
/// How often a thread looks again before it sleeps: as often as that pays, hardly ever where the other side needs this processor to go on.
/// A field, never copied; races between threads cost turns alone.
/// </summary>
/// <remarks>
/// A wait that was too short is tried longer, because to sleep and be woken takes longer than what is waited for mostly does: a budget
/// that only shrank would never learn so. When even the longest does not help several times in a row, it is left at the least, and tried again now and then.
/// </remarks>
internal struct SpinBudget
{
    /// <summary>Some 45 microseconds, of which a turn is 75 nanoseconds.</summary>
    private const int Most = 600;
    private const int First = 64;
    private const int Least = 8;

    /// <summary>Failures in a row until it is left at the least.</summary>
    private const uint Patience = 4;

    /// <summary>And after how many of them it is tried again.</summary>
    private const uint Pause = 64;

    private int _turns;
    private uint _failures;

    /// <summary>Turns to look before sleeping.</summary>
    public readonly int Turns
        => Environment.ProcessorCount == 1 ? 0
            : _failures < Patience ? Math.Max(_turns, First)
            : _failures % Pause == 0 ? Most : Least;

    /// <summary>What was waited for came after so many turns.</summary>
    public void Paid(int turns) => (_turns, _failures) = (Math.Clamp(4 * turns, First, Most), 0);

    /// <summary>It did not come.</summary>
    public void Failed() => (_turns, _failures) = (Math.Min(4 * Math.Max(_turns, First), Most), _failures + 1);

    /// <summary>Looks until it is over or the turns are; after how many it was over, negative: it is not.</summary>
    public int Await<T>(Func<T, bool> isOver, T state)
    {
        if (isOver(state))
            return 0;
        var turns = Turns;
        for (var k = 1; k <= turns; k++)
        {
            Thread.SpinWait(2);
            if (!isOver(state))
                continue;
            Paid(k);
            return k;
        }

        Failed();
        return -1;
    }
}
