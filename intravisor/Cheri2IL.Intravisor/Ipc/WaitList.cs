using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>Threads that wait until something changes.</summary>
/// <remarks>
/// Thread-safe. Whoever changes something and then calls <see cref="Wake"/> pays one load as long as nobody waits: who goes to sleep
/// executes the barrier for both.
/// </remarks>
internal sealed class WaitList
{
    private readonly Lock _gate = new();
    private readonly List<IWaiter> _threads = [];
    private int _count;

    /// <summary>Whether somebody waits.</summary>
    public bool HasWaiters => Volatile.Read(ref _count) != 0;

    /// <summary>Waits until <paramref name="isOver"/> says so.</summary>
    /// <param name="thread">The calling thread.</param>
    /// <param name="deadline">As for <see cref="CvmThread.Park"/>.</param>
    /// <param name="isOver">Looks at what is waited for; it is called at least once.</param>
    /// <param name="state">Passed to it.</param>
    /// <returns>Woken when it is over, also if at the same moment the time is up or a signal comes.</returns>
    public ParkResult Wait<T>(IWaiter thread, long deadline, Func<T, bool> isOver, T state)
    {
        if (isOver(state))
            return ParkResult.Woken;
        lock (_gate)
        {
            _threads.Add(thread);
            Volatile.Write(ref _count, _threads.Count);
        }

        try
        {
            Interlocked.MemoryBarrierProcessWide();
            while (true)
            {
                if (isOver(state))
                    return ParkResult.Woken;
                if (thread.Park(deadline) is not ParkResult.Woken and var result)
                    return isOver(state) ? ParkResult.Woken : result;
            }
        }
        finally
        {
            lock (_gate)
            {
                _threads.Remove(thread);
                Volatile.Write(ref _count, _threads.Count);
            }
        }
    }

    /// <summary>Makes everyone who waits look again. Call it after the change.</summary>
    public void Wake()
    {
        if (!HasWaiters)
            return;
        lock (_gate)
        {
            foreach (var thread in _threads)
                thread.Unpark();
        }
    }
}
