using System.Runtime.InteropServices;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>What one thread sleeps on and any other wakes it by: a wake-up that comes before the sleep is not lost.</summary>
internal sealed unsafe class ParkToken(IHostInterface host)
{
    /// <summary>
    /// 1: a wake-up is pending. The host sleeps on its address, so it does not move; no pinned array, because what makes one is not compiled ahead of time.
    /// </summary>
    private readonly int* _word = (int*)NativeMemory.AllocZeroed(sizeof(int));

    /// <summary>Whoever may still wake it holds it.</summary>
    ~ParkToken() => NativeMemory.Free(_word);

    /// <summary>Takes a pending wake-up; whether there was one.</summary>
    public bool TryTake()
    {
        var taken = Volatile.Read(ref *_word) != 0 && Interlocked.Exchange(ref *_word, 0) != 0;
        GC.KeepAlive(this);
        return taken;
    }

    /// <summary>Sleeps while no wake-up is pending, for at most <paramref name="nanoseconds"/> (negative: without limit). May return early.</summary>
    public void Sleep(long nanoseconds)
    {
        host.Park(_word, 0, nanoseconds);
        GC.KeepAlive(this);
    }

    /// <summary>Ends the sleep, the present or else the next one.</summary>
    public void Wake()
    {
        if (Interlocked.Exchange(ref *_word, 1) == 0)
            host.Unpark(_word);
        GC.KeepAlive(this);
    }
}
