namespace Cheri2IL.Intravisor.Ipc;

/// <summary>
/// How often a thread looks again before it sleeps: more often while that pays, hardly ever where the other side needs this processor to go
/// on. A field, never copied; races between threads cost turns alone.
/// </summary>
internal struct SpinBudget
{
    private const int Most = 600;
    private const int Least = 8;

    private int _turns;

    /// <summary>Turns to look before sleeping.</summary>
    public readonly int Turns => Environment.ProcessorCount == 1 ? 0 : Math.Max(_turns, Least);

    /// <summary>What was waited for came within the turns.</summary>
    public void Paid(int turns) => _turns = Math.Min(turns + (turns / 2), Most);

    /// <summary>It did not.</summary>
    public void Failed(int turns) => _turns = turns / 2;

    /// <summary>Looks until it is over or the turns are; whether it is over.</summary>
    public bool Await<T>(Func<T, bool> isOver, T state)
    {
        if (isOver(state))
            return true;
        var turns = Turns;
        for (var k = 0; k < turns; k++)
        {
            Thread.SpinWait(2);
            if (!isOver(state))
                continue;
            Paid(turns);
            return true;
        }

        Failed(turns);
        return false;
    }
}
