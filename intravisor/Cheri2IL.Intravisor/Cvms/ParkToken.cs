using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>What one thread sleeps on and any other wakes it by: a wake-up that comes before the sleep is not lost.</summary>
internal sealed unsafe class ParkToken(IHostInterface host) : IDisposable
{
    private const int Awake = 0;
    private const int Woken = 1;
    private const int Asleep = 2;
    private const int Polling = 3;

    /// <summary>
    /// One of these. The host sleeps on its address, so it does not move; no pinned array, because what makes one is not compiled ahead of time.
    /// </summary>
    private readonly int* _word = (int*)NativeMemory.AllocZeroed(sizeof(int));

    /// <summary>What it sleeps with where it waits for descriptors of the host; null: it never did.</summary>
    private HostPoll? _poll;

    /// <summary>Whoever may still wake it holds it.</summary>
    ~ParkToken() => NativeMemory.Free(_word);

    /// <summary>The thread sleeps no more; others may still call <see cref="Wake"/>.</summary>
    [SuppressMessage("Usage", "CA1816", Justification = "The word stays until nobody can wake the thread any more, which the finalizer alone knows.")]
    public void Dispose() => _poll?.Dispose();

    /// <summary>Takes a pending wake-up; whether there was one.</summary>
    public bool TryTake()
    {
        var taken = Volatile.Read(ref *_word) != Awake && Interlocked.Exchange(ref *_word, Awake) != Awake;
        GC.KeepAlive(this);
        return taken;
    }

    /// <summary>Sleeps while no wake-up is pending, for at most <paramref name="nanoseconds"/> (negative: without limit). May return early.</summary>
    public void Sleep(long nanoseconds)
    {
        if (Interlocked.CompareExchange(ref *_word, Asleep, Awake) == Awake)
        {
            host.Park(_word, Asleep, nanoseconds);
            Interlocked.CompareExchange(ref *_word, Awake, Asleep);
        }

        GC.KeepAlive(this);
    }

    /// <summary>The same, but also until one of the descriptors of the host is ready that files among those of <paramref name="waits"/> stand for; whether one is.</summary>
    public bool Sleep(long nanoseconds, WaitSet waits)
    {
        // Seen by whoever finds the word to be Polling.
        var poll = _poll ??= new HostPoll();
        var isReady = false;
        waits.AddTo(poll);
        if (Interlocked.CompareExchange(ref *_word, Polling, Awake) == Awake)
        {
            isReady = poll.Wait(nanoseconds);
            Interlocked.CompareExchange(ref *_word, Awake, Polling);
        }

        poll.Clear();
        GC.KeepAlive(this);
        return isReady;
    }

    /// <summary>Ends the sleep, the present or else the next one.</summary>
    public void Wake()
    {
        switch (Interlocked.Exchange(ref *_word, Woken))
        {
            case Asleep:
                host.Unpark(_word);
                break;
            case Polling:
                _poll!.Wake();
                break;
        }

        GC.KeepAlive(this);
    }
}
