namespace Cheri2IL.Runtime.Tests;

/// <summary>What the calling thread allocates.</summary>
internal static class Allocations
{
    private const int Rounds = 4;

    /// <summary>Bytes that so many steps allocate together, in the quietest of four rounds.</summary>
    /// <remarks>
    /// What is made once, such as the event of a lock that is contended for the first time, is in one round only; what allocates again and again is in
    /// each. A step during which garbage is collected, for other tests perhaps, is left out: collecting counts what is left of the thread's buffer
    /// as allocated.
    /// </remarks>
    public static long Of(int count, Action<int> step)
    {
        var least = long.MaxValue;
        for (var round = 0; round < Rounds || least == long.MaxValue; round++)
        {
            var (sum, steps) = (0L, 0);
            for (var k = 0; k < count; k++)
            {
                var collections = GC.CollectionCount(0);
                var before = GC.GetAllocatedBytesForCurrentThread();
                step(k);
                var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
                if (GC.CollectionCount(0) != collections)
                    continue;
                sum += bytes;
                steps++;
            }

            if (steps > 0)
                least = Math.Min(least, sum);
        }

        return least;
    }
}
