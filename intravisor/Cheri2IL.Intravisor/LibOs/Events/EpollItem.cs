using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Events;

/// <summary>A file that an epoll instance watches: the instance's place in the file's wait queue.</summary>
/// <remarks>Properties are guarded by the instance.</remarks>
internal sealed class EpollItem(Epoll epoll, int descriptor, OpenFile file) : WaitEntry
{
    /// <summary>The instance.</summary>
    public Epoll Epoll => epoll;

    /// <summary>The descriptor under which it was added.</summary>
    public int Descriptor => descriptor;

    /// <summary>The file; not kept open by this.</summary>
    public OpenFile File => file;

    /// <summary>Events and flags (EPOLLET...) as the guest gave them; EPOLLONESHOT leaves only the flags of them.</summary>
    public uint Wanted { get; set; }

    /// <summary>What the guest gets back.</summary>
    public ulong Data { get; set; }

    /// <summary>When the file's events change by themselves next (<see cref="OpenFile.ChangesAt"/>).</summary>
    public long ChangesAt { get; set; } = long.MaxValue;

    /// <summary>Whether it is in the list of what may be ready.</summary>
    public bool IsReady { get; set; }

    /// <summary>Whether it was removed.</summary>
    public bool IsRemoved { get; set; }

    /// <summary>The descriptor of the host by which the file is watched there; null: it is not. With the two that follow guarded by the item itself.</summary>
    public SafeHandle? Followed { get; set; }

    /// <summary>What is registered with the host: that descriptor, or another one of the same.</summary>
    public SafeHandle? Registration { get; set; }

    /// <summary>What the host calls it.</summary>
    public ulong Key { get; set; }

    /// <summary>Neighbour in that list.</summary>
    public EpollItem? PreviousReady { get; set; }

    /// <summary>Neighbour in that list.</summary>
    public EpollItem? NextReady { get; set; }

    /// <inheritdoc/>
    internal override void Wake(int events) => epoll.Notice(this);
}
