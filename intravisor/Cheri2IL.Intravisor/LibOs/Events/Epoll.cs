using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Events;

/// <summary>An epoll instance: files that it watches, and a list of those that were woken since they were last found not to be ready.</summary>
/// <remarks>
/// Thread-safe. Locks are taken in this order: collecting, the watched file's own, its wait queue, <see cref="_gate"/>; that of an item comes before its file's
/// queue. Instances that watch each other form no cycle, so that neither do their locks.
/// </remarks>
public sealed partial class Epoll(Inode inode, int flags) : OpenFile(inode, flags)
{
    /// <summary>Bytes of host memory that a watched file takes.</summary>
    private const int ItemBytes = 256;

    /// <summary>Longest chain of instances that watch each other (EP_MAX_NESTS).</summary>
    private const int MostNested = 5;

    private const uint EPOLLEXCLUSIVE = 1u << 28;
    private const uint EPOLLWAKEUP = 1u << 29;
    private const uint EPOLLONESHOT = 1u << 30;
    private const uint EPOLLET = 1u << 31;
    private const uint Modifiers = EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET;

    /// <summary>What may be asked for together with EPOLLEXCLUSIVE.</summary>
    private const uint ExclusiveEvents = EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLET | FileAbi.POLLIN | FileAbi.POLLOUT | FileAbi.POLLERR | FileAbi.POLLHUP;

    private readonly Lock _collecting = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<(int Descriptor, OpenFile File), EpollItem> _items = [];
    private readonly List<EpollItem> _timed = [];
    private EpollItem? _firstReady;
    private EpollItem? _lastReady;
    private int _ready;

    /// <inheritdoc/>
    internal override WaitQueue Waiters { get; } = new();

    /// <inheritdoc/>
    internal override long ChangesAt
    {
        get
        {
            var next = long.MaxValue;
            lock (_gate)
            {
                foreach (var item in _timed)
                    next = Math.Min(next, item.ChangesAt);
            }

            return next;
        }
    }

    /// <summary>EPOLL_CTL_ADD; 0 or a negated errno.</summary>
    internal long Add(CvmThread thread, int descriptor, OpenFile file, uint events, ulong data)
    {
        if ((events & EPOLLEXCLUSIVE) != 0 && ((events & ~ExclusiveEvents) != 0 || file is Epoll))
            return -Errno.EINVAL;
        if (file is Epoll nested && (nested.Watches(this, MostNested) || nested.Depth + 1 > MostNested))
            return -Errno.ELOOP;
        var item = new EpollItem(this, descriptor, file) { Wanted = events, Data = data, IsExclusive = (events & EPOLLEXCLUSIVE) != 0 };
        lock (_gate)
        {
            if (_items.ContainsKey((descriptor, file)))
                return -Errno.EEXIST;
            if (!Inode.FileSystem.Charge(ItemBytes))
                return -Errno.ENOSPC;
            _items.Add((descriptor, file), item);
            if (file.IsTimed)
                _timed.Add(item);
        }

        file.Watch(item);
        var error = Arm(thread, item);
        if (error != 0)
        {
            file.Unwatch(item);
            Drop(item);
        }

        return error;
    }

    /// <summary>EPOLL_CTL_MOD; 0 or a negated errno.</summary>
    internal long Modify(CvmThread thread, int descriptor, OpenFile file, uint events, ulong data)
    {
        EpollItem? item;
        lock (_gate)
        {
            if (!_items.TryGetValue((descriptor, file), out item))
                return -Errno.ENOENT;
            if (((item.Wanted | events) & EPOLLEXCLUSIVE) != 0)
                return -Errno.EINVAL;
            (item.Wanted, item.Data) = (events, data);
        }

        return Arm(thread, item);
    }

    /// <summary>EPOLL_CTL_DEL; 0 or -ENOENT.</summary>
    internal long Remove(int descriptor, OpenFile file)
    {
        EpollItem? item;
        lock (_gate)
        {
            if (!_items.TryGetValue((descriptor, file), out item))
                return -Errno.ENOENT;
        }

        file.Unwatch(item);
        Drop(item);
        return 0;
    }

    /// <summary>Forgets a file, which was closed or is not to be watched any more.</summary>
    internal void Drop(EpollItem item)
    {
        item.Queue?.Remove(item);
        lock (_gate)
        {
            if (item.IsRemoved)
                return;
            item.IsRemoved = true;
            _items.Remove((item.Descriptor, item.File));
            _timed.Remove(item);
            if (item.IsReady)
                Unlink(item);
        }

        lock (item)
            Unregister(item);
        Inode.FileSystem.Release(ItemBytes);
    }

    /// <summary>A watched file was woken.</summary>
    internal void Notice(EpollItem item)
    {
        lock (_gate)
        {
            if (item.IsReady || item.IsRemoved || (item.Wanted & ~Modifiers) == 0)
                return;
            Append(item);
        }

        Waiters.Wake(FileAbi.POLLIN);
    }

    /// <summary>Writes an array of struct epoll_event of files that are ready; how many, 0 if none is, or -EFAULT.</summary>
    /// <param name="thread">The calling thread.</param>
    /// <param name="address">Where.</param>
    /// <param name="most">Most entries, at least 1.</param>
    internal long Collect(CvmThread thread, long address, int most)
    {
        lock (_collecting)
        {
            NoticeTimed(thread.Cvm.Host);
            var done = CollectFromHost(thread, address, most);
            // What is ready by level goes to the end again, and is not looked at twice.
            for (var left = Volatile.Read(ref _ready); left > 0 && done >= 0 && done < most; left--)
            {
                if (TakeReady(out var wanted, out var data) is not { } item)
                    break;
                if (Follow(item) > 0)
                    continue;
                var events = PollEvents.Expand(item.File.PollFor(thread)) & (wanted | PollEvents.Always);
                if (events == 0)
                    continue;
                var entry = new EpollEvent { Events = events, Data = data };
                if (!thread.Memory.TryWrite(address + (done * EpollEvent.Size), entry))
                {
                    Notice(item);
                    return done > 0 ? done : -Errno.EFAULT;
                }

                done++;
                lock (_gate)
                {
                    if ((item.Wanted & EPOLLONESHOT) != 0)
                        item.Wanted &= Modifiers;
                    else if ((item.Wanted & EPOLLET) == 0 && !item.IsReady && !item.IsRemoved)
                        Append(item);
                }
            }

            return done;
        }
    }

    /// <inheritdoc/>
    public override int Poll() => 0;

    /// <summary>POLLIN when there is something to collect: what of a watched signalfd depends on who asks.</summary>
    internal override int PollFor(CvmThread thread)
    {
        lock (_collecting)
        {
            for (var left = Volatile.Read(ref _ready); left > 0; left--)
            {
                if (TakeReady(out var wanted, out _) is not { } item)
                    break;
                if (Follow(item) > 0)
                    continue;
                if ((PollEvents.Expand(item.File.PollFor(thread)) & (wanted | PollEvents.Always)) == 0)
                    continue;
                lock (_gate)
                {
                    if (!item.IsReady && !item.IsRemoved)
                        Append(item);
                }

                return FileAbi.POLLIN;
            }

            return IsHostReady ? FileAbi.POLLIN : 0;
        }
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        EpollItem[] items;
        lock (_gate)
            items = [.. _items.Values];
        foreach (var item in items)
        {
            item.File.Unwatch(item);
            Drop(item);
        }

        CloseHost();
    }

    /// <summary>Length of the longest chain of instances below this one.</summary>
    private int Depth
    {
        get
        {
            var depth = 0;
            foreach (var nested in Nested())
                depth = Math.Max(depth, nested.Depth + 1);
            return depth;
        }
    }

    /// <summary>Whether <paramref name="other"/> is this instance or watched by it, directly or not.</summary>
    private bool Watches(Epoll other, int depth)
        => this == other || (depth > 0 && Nested().Any(n => n.Watches(other, depth - 1)));

    private IEnumerable<Epoll> Nested()
    {
        lock (_gate)
            return [.. _items.Values.Select(i => i.File).OfType<Epoll>()];
    }

    /// <summary>Enters the file's queue for what is wanted now, and looks; 0, or a negated errno if the host cannot watch one that is its own.</summary>
    private int Arm(CvmThread thread, EpollItem item)
    {
        var queue = item.File.WaitersFor(thread)!;
        var wanted = PollEvents.Expand((int)(item.Wanted & ~Modifiers)) | PollEvents.Always;
        item.Queue?.Remove(item);
        queue.Add(item, wanted);
        if (Register(item) is not 0 and var result)
            return Math.Min(result, 0);
        item.ChangesAt = item.File.ChangesAt;
        if ((PollEvents.Expand(item.File.PollFor(thread)) & wanted) != 0)
            Notice(item);
        else if (item.ChangesAt != long.MaxValue)
            Waiters.Wake(FileAbi.POLLIN);
        return 0;
    }

    /// <summary>What changes by itself wakes nobody: files whose time has come are noticed here.</summary>
    private void NoticeTimed(IHostInterface host)
    {
        // Most have none, and need no clock.
        lock (_gate)
        {
            if (_timed.Count == 0)
                return;
        }

        var now = host.MonotonicNanoseconds;
        for (var k = 0; ; k++)
        {
            EpollItem item;
            lock (_gate)
            {
                if (k >= _timed.Count)
                    return;
                item = _timed[k];
            }

            var isDue = now >= item.ChangesAt;
            item.ChangesAt = item.File.ChangesAt;
            if (isDue)
                Notice(item);
        }
    }

    private EpollItem? TakeReady(out int wanted, out ulong data)
    {
        lock (_gate)
        {
            (wanted, data) = (0, 0);
            if (_firstReady is not { } item)
                return null;
            Unlink(item);
            (wanted, data) = ((int)(item.Wanted & ~Modifiers), item.Data);
            return item;
        }
    }

    private void Append(EpollItem item)
    {
        item.IsReady = true;
        (item.PreviousReady, item.NextReady) = (_lastReady, null);
        if (_lastReady is null)
            _firstReady = item;
        else
            _lastReady.NextReady = item;
        _lastReady = item;
        Volatile.Write(ref _ready, _ready + 1);
    }

    private void Unlink(EpollItem item)
    {
        item.IsReady = false;
        if (item.PreviousReady is null)
            _firstReady = item.NextReady;
        else
            item.PreviousReady.NextReady = item.NextReady;
        if (item.NextReady is null)
            _lastReady = item.PreviousReady;
        else
            item.NextReady.PreviousReady = item.PreviousReady;
        item.PreviousReady = item.NextReady = null;
        Volatile.Write(ref _ready, _ready - 1);
    }

    /// <summary>struct epoll_event, which is not packed on riscv64.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct EpollEvent
    {
        /// <summary>Bytes.</summary>
        public const int Size = 16;

        /// <summary>Events.</summary>
        public int Events;

        private readonly int _padding;

        /// <summary>The guest's own word.</summary>
        public ulong Data;
    }
}
