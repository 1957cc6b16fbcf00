using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Intravisor.LibOs.Waiting;

/// <summary>The queues that a thread waits in at a time, with entries that are used again for every wait.</summary>
/// <remarks>For its thread alone.</remarks>
internal sealed class WaitSet(IWaiter thread)
{
    /// <summary>Most entries that are kept for the next wait; one poll may need as many as a process has descriptors.</summary>
    private const int MostKept = 1024;

    private readonly List<ThreadEntry> _entries = [];
    private int _count;

    /// <summary>Enters a queue: from now on its <see cref="WaitQueue.Wake"/> ends the thread's <see cref="IWaiter.Park"/>.</summary>
    public void Enter(WaitQueue queue, int events)
    {
        if (_count == _entries.Count)
            _entries.Add(new ThreadEntry(thread));
        queue.Add(_entries[_count++], events);
    }

    /// <summary>Whether a descriptor of the host is among what it waits for.</summary>
    public bool HasHost
    {
        get
        {
            for (var k = 0; k < _count; k++)
            {
                if (_entries[k].Queue?.Host is not null)
                    return true;
            }

            return false;
        }
    }

    /// <summary>Adds those descriptors, each with the events that are waited for.</summary>
    public void AddTo(HostPoll poll)
    {
        for (var k = 0; k < _count; k++)
        {
            if (_entries[k].Queue?.Host is { } descriptor)
                poll.Add(descriptor, _entries[k].Events);
        }
    }

    /// <summary>Leaves all queues.</summary>
    public void LeaveAll()
    {
        while (_count > 0)
        {
            var entry = _entries[--_count];
            entry.Queue?.Remove(entry);
        }

        if (_entries.Count > MostKept)
            _entries.RemoveRange(MostKept, _entries.Count - MostKept);
    }

    private sealed class ThreadEntry(IWaiter thread) : WaitEntry
    {
        internal override void Wake(int events) => thread.Unpark();
    }
}
