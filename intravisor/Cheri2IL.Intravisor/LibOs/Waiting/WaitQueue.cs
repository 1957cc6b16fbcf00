using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Intravisor.LibOs.Waiting;

/// <summary>What waits until something changes: threads, and epoll instances that watch a file.</summary>
/// <remarks>
/// Thread-safe; waiting and waking allocate nothing. Who waits enters the queue first and looks then; who changes something calls
/// <see cref="Wake"/> afterwards. As long as nobody waits that costs a barrier and a load.
/// </remarks>
/// <param name="isAsymmetric">
/// Whether changes are so frequent that even the barrier is left out there: who goes to sleep then executes it for all processors.
/// </param>
internal sealed class WaitQueue(bool isAsymmetric = false)
{
    private readonly Lock _gate = new();
    private WaitEntry? _first;
    private WaitEntry? _last;
    private int _count;
    private SafeHandle? _host;

    /// <summary>
    /// A descriptor of the host of which the kernel knows when it changes: then nobody calls <see cref="Wake"/> for that, and whoever waits has the kernel tell.
    /// Null: there is none.
    /// </summary>
    public SafeHandle? Host => Volatile.Read(ref _host);

    /// <summary>Whether somebody waits.</summary>
    public bool HasWaiters => Volatile.Read(ref _count) != 0;

    /// <summary>Enters an entry that is in no queue, behind all others.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="events">POLL* events that it is for.</param>
    public void Add(WaitEntry entry, int events)
    {
        lock (_gate)
        {
            (entry.Queue, entry.Events) = (this, events);
            (entry.Previous, entry.Next) = (_last, null);
            if (_last is null)
                _first = entry;
            else
                _last.Next = entry;
            _last = entry;
            Volatile.Write(ref _count, _count + 1);
            if (_host is not null)
                entry.Follow(this, _host);
        }

        if (isAsymmetric)
            Interlocked.MemoryBarrierProcessWide();
    }

    /// <summary>Sets <see cref="Host"/>, and makes all who wait look again.</summary>
    public void Attach(SafeHandle? host)
    {
        lock (_gate)
        {
            if (_host is not null)
                HostWatcher.Forget(_host);
            Volatile.Write(ref _host, host);
            for (var entry = _first; host is not null && entry is not null; entry = entry.Next)
                entry.Follow(this, host);
        }

        Wake();
    }

    /// <summary>Takes an entry out. When it returns, nobody wakes it any more.</summary>
    public void Remove(WaitEntry entry)
    {
        lock (_gate)
        {
            if (entry.Queue != this)
                return;
            if (entry.Previous is null)
                _first = entry.Next;
            else
                entry.Previous.Next = entry.Next;
            if (entry.Next is null)
                _last = entry.Previous;
            else
                entry.Next.Previous = entry.Previous;
            (entry.Previous, entry.Next, entry.Queue) = (null, null, null);
            Volatile.Write(ref _count, _count - 1);
        }
    }

    /// <summary>
    /// Makes those look again that wait for one of the events: all, but of the exclusive ones the first only. Call it after the change.
    /// </summary>
    public void Wake(int events = ~0)
    {
        if (!isAsymmetric)
            Interlocked.MemoryBarrier();
        if (!HasWaiters)
            return;
        lock (_gate)
        {
            var exclusive = false;
            for (var entry = _first; entry is not null; entry = entry.Next)
            {
                if ((entry.Events & events) == 0 || (exclusive && entry.IsExclusive))
                    continue;
                entry.Wake(events);
                exclusive |= entry.IsExclusive;
            }
        }
    }

    /// <summary>Waits until <paramref name="isOver"/> says so.</summary>
    /// <param name="thread">The calling thread.</param>
    /// <param name="deadline">As for <see cref="CvmThread.Park"/>.</param>
    /// <param name="isOver">Looks at what is waited for; it is called at least once.</param>
    /// <param name="state">Passed to it.</param>
    /// <param name="events">POLL* events that can end the wait.</param>
    /// <returns>Woken when it is over, also if at the same moment the time is up or a signal comes.</returns>
    public ParkResult Wait<T>(IWaiter thread, long deadline, Func<T, bool> isOver, T state, int events = ~0)
    {
        if (isOver(state))
            return ParkResult.Woken;
        thread.Waits.Enter(this, events);
        try
        {
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
            thread.Waits.LeaveAll();
        }
    }
}
