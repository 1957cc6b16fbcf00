namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>Bytes of memory that the address spaces of a cVM may have mapped with any access at a time, all together.</summary>
/// <remarks>Thread-safe, without a lock.</remarks>
/// <param name="limit">The most.</param>
public sealed class MemoryBudget(ulong limit)
{
    private ulong _used;
    private ulong _most;

    /// <summary>The most that may be taken.</summary>
    public ulong Limit => limit;

    /// <summary>What is taken.</summary>
    public ulong Used => Volatile.Read(ref _used);

    /// <summary>The most that <see cref="Used"/> has been.</summary>
    public ulong MostUsed => Volatile.Read(ref _most);

    /// <summary>Takes bytes; false, and nothing is taken, beyond the limit.</summary>
    public bool TryTake(ulong bytes)
    {
        var before = Volatile.Read(ref _used);
        while (true)
        {
            if (bytes > limit || before > limit - bytes)
                return false;
            var found = Interlocked.CompareExchange(ref _used, before + bytes, before);
            if (found == before)
                break;
            before = found;
        }

        Record(before + bytes);
        return true;
    }

    /// <summary>Gives bytes back that were taken.</summary>
    public void Give(ulong bytes) => Interlocked.Add(ref _used, unchecked(0UL - bytes));

    private void Record(ulong used)
    {
        for (var most = MostUsed; used > most;)
        {
            var found = Interlocked.CompareExchange(ref _most, used, most);
            if (found == most)
                return;
            most = found;
        }
    }
}
