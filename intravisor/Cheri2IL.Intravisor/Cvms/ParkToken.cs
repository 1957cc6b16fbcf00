using System.Runtime.CompilerServices;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>What one thread sleeps on and any other wakes it by: a wake-up that comes before the sleep is not lost.</summary>
internal sealed unsafe class ParkToken(IHostInterface host)
{
    /// <summary>
    /// An int, 1: a wake-up is pending. Pinned, because the host sleeps on its address; of bytes, because what allocates other
    /// arrays so is not compiled ahead of time.
    /// </summary>
    private readonly byte[] _word = GC.AllocateArray<byte>(sizeof(int), pinned: true);

    private int* Word => (int*)Unsafe.AsPointer(ref _word[0]);

    /// <summary>Takes a pending wake-up; whether there was one.</summary>
    public bool TryTake() => Volatile.Read(ref *Word) != 0 && Interlocked.Exchange(ref *Word, 0) != 0;

    /// <summary>Sleeps while no wake-up is pending, for at most <paramref name="nanoseconds"/> (negative: without limit). May return early.</summary>
    public void Sleep(long nanoseconds) => host.Park(Word, 0, nanoseconds);

    /// <summary>Ends the sleep, the present or else the next one.</summary>
    public void Wake()
    {
        if (Interlocked.Exchange(ref *Word, 1) == 0)
            host.Unpark(Word);
    }
}
