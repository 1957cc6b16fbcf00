using System.Runtime.InteropServices;

namespace Cheri2IL.Intravisor.LibOs.Waiting;

/// <summary>A place in a <see cref="WaitQueue"/>.</summary>
internal abstract class WaitEntry
{
    /// <summary>The queue it is in; null: none. Guarded by that queue, as are the other properties.</summary>
    internal WaitQueue? Queue { get; set; }

    /// <summary>POLL* events that it is for.</summary>
    internal int Events { get; set; }

    /// <summary>Whether it is enough to wake one of those that say so (EPOLLEXCLUSIVE).</summary>
    internal bool IsExclusive { get; set; }

    /// <summary>Neighbour in the queue.</summary>
    internal WaitEntry? Previous { get; set; }

    /// <summary>Neighbour in the queue.</summary>
    internal WaitEntry? Next { get; set; }

    /// <summary>The queue has a descriptor of the host. Called with the queue locked; those that ask the host themselves need nothing.</summary>
    internal virtual void Follow(WaitQueue queue, SafeHandle host)
    {
    }

    /// <summary>Some of these events came. Called with the queue locked: it must not call back into that, nor wait.</summary>
    internal abstract void Wake(int events);
}
