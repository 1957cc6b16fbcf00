namespace Cheri2IL.Intravisor.LibOs.Futexes;

/// <summary>The waiters of all futexes with the same hash, oldest first. Hold <see cref="Gate"/> to use it.</summary>
internal sealed class FutexBucket
{
    private FutexWaiter? _last;

    /// <summary>The lock. Two are taken in the order of the buckets' numbers.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Oldest waiter.</summary>
    public FutexWaiter? First { get; private set; }

    /// <summary>Appends.</summary>
    public void Add(FutexWaiter waiter)
    {
        waiter.Bucket = this;
        waiter.Previous = _last;
        waiter.Next = null;
        if (_last is null)
            First = waiter;
        else
            _last.Next = waiter;
        _last = waiter;
    }

    /// <summary>
    /// Unlinks a waiter that is in this bucket. Its <see cref="FutexWaiter.Bucket"/> stays: a waker clears it, a requeue
    /// replaces it, so that the waiter never looks woken in between.
    /// </summary>
    public void Remove(FutexWaiter waiter)
    {
        if (waiter.Previous is null)
            First = waiter.Next;
        else
            waiter.Previous.Next = waiter.Next;
        if (waiter.Next is null)
            _last = waiter.Previous;
        else
            waiter.Next.Previous = waiter.Previous;
        waiter.Previous = waiter.Next = null;
    }
}
