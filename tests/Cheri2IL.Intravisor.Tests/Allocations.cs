namespace Cheri2IL.Intravisor.Tests;

/// <summary>What the calling thread allocates.</summary>
internal static class Allocations
{
    /// <summary>Bytes that so many steps allocate together.</summary>
    /// <remarks>
    /// A step during which garbage is collected, for other tests perhaps, is left out: collecting counts what is left of the thread's buffer as
    /// allocated. What allocates in every step is found in the others.
    /// </remarks>
    public static long Of(int count, Action<int> step)
    {
        var sum = 0L;
        for (var k = 0; k < count; k++)
        {
            var collections = GC.CollectionCount(0);
            var before = GC.GetAllocatedBytesForCurrentThread();
            step(k);
            var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            if (GC.CollectionCount(0) == collections)
                sum += bytes;
        }

        return sum;
    }
}
