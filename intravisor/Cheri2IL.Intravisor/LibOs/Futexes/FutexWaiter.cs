using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Intravisor.LibOs.Futexes;

/// <summary>A thread's place in the queue of a futex; one per thread, used again for every wait.</summary>
/// <remarks>Fields other than <see cref="Thread"/> are guarded by the bucket that the waiter is in; <see cref="Bucket"/> may be read without.</remarks>
internal sealed class FutexWaiter(CvmThread thread)
{
    private volatile FutexBucket? _bucket;

    /// <summary>The waiting thread.</summary>
    public CvmThread Thread { get; } = thread;

    /// <summary>The futex waited on.</summary>
    public FutexKey Key { get; set; }

    /// <summary>Bits of FUTEX_WAIT_BITSET.</summary>
    public uint Bits { get; set; }

    /// <summary>The bucket it waits in; null when woken or not waiting.</summary>
    public FutexBucket? Bucket
    {
        get => _bucket;
        set => _bucket = value;
    }

    /// <summary>Neighbour in the bucket's queue.</summary>
    public FutexWaiter? Previous { get; set; }

    /// <summary>Neighbour in the bucket's queue.</summary>
    public FutexWaiter? Next { get; set; }
}
