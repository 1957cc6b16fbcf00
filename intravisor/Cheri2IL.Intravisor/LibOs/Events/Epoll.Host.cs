using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Events;

/// <content>
/// Files that a descriptor of the host stands for (<see cref="WaitQueue.Host"/>) are watched by an epoll instance of the host, in the guest's own words: levels,
/// edges and EPOLLONESHOT are the kernel's business, and whoever waits for this instance waits for that one, too. Watched epoll instances may have both kinds of
/// files: what the host says of them only makes them be looked at.
/// </content>
public sealed partial class Epoll
{
    /// <summary>Most events that are asked for at a time.</summary>
    private const int MostFromHost = 256;

    private Dictionary<ulong, EpollItem>? _registered;
    private HostEpoll? _host;
    private ulong _lastKey;

    /// <summary>Whether the host has something to tell.</summary>
    private bool IsHostReady => _host is { } host && HostDescriptor.Poll(host.Descriptor, FileAbi.POLLIN) != 0;

    /// <summary>Writes events of files that the host watches; how many, or -EFAULT.</summary>
    [SkipLocalsInit]
    private int CollectFromHost(CvmThread thread, long address, int most)
    {
        if (Volatile.Read(ref _host) is not { } host)
            return 0;
        // What is ready by level comes again and again: half of the room is for the others, where there is something.
        most = Volatile.Read(ref _ready) > 0 ? (most + 1) / 2 : most;
        Span<HostEpollEvent> events = stackalloc HostEpollEvent[Math.Min(most, MostFromHost)];
        var count = host.Wait(events, 0);
        var done = 0;
        foreach (ref readonly var found in events[..count])
        {
            EpollItem? item;
            ulong data;
            lock (_gate)
            {
                if (!_registered!.TryGetValue(found.Data, out item) || item.IsRemoved)
                    continue;
                data = item.Data;
                if (item.File is not Epoll && (item.Wanted & EPOLLONESHOT) != 0)
                    item.Wanted &= Modifiers;
            }

            if (item.File is Epoll)
            {
                Notice(item);
                continue;
            }

            var entry = new EpollEvent { Events = (int)found.Events, Data = data };
            if (!thread.Memory.TryWrite(address + (done * EpollEvent.Size), entry))
                return done > 0 ? done : -Errno.EFAULT;
            done++;
        }

        return done;
    }

    /// <summary>
    /// Has the host watch a file that is its own, for what is wanted now, or leaves that where it is not any more. 1: it does, and tells alone; 0: there is
    /// something to be looked at here; or a negated errno.
    /// </summary>
    private int Register(EpollItem item)
    {
        lock (item)
        {
            var descriptor = item.Queue?.Host;
            if (item.Followed != descriptor)
                Unregister(item);
            if (descriptor is null || item.IsRemoved)
                return 0;
            if (Volatile.Read(ref _host) is not { } host)
            {
                host = HostEpoll.Create(out var failure);
                if (host is null)
                    return failure;
                lock (_gate)
                    _registered = [];
                Volatile.Write(ref _host, host);
                Waiters.Attach(host.Descriptor);
            }

            var isNested = item.File is Epoll;
            var events = isNested ? FileAbi.POLLIN | EPOLLET : item.Wanted & ~EPOLLWAKEUP;
            var error = item.Registration is { } registration ? host.Modify(registration, events, item.Key) : Add(host, item, descriptor, events);
            return error != 0 ? error : isNested ? 0 : 1;
        }
    }

    /// <summary>The same for one that was woken, if it is not watched yet.</summary>
    private int Follow(EpollItem item)
        => item.Queue?.Host == item.Followed ? item.Followed is not null && item.File is not Epoll ? 1 : 0 : Register(item);

    private int Add(HostEpoll host, EpollItem item, SafeHandle descriptor, uint events)
    {
        lock (_gate)
        {
            item.Key = ++_lastKey;
            _registered!.Add(item.Key, item);
        }

        var registration = descriptor;
        var error = host.Add(registration, events, item.Key);
        if (error == -Errno.EEXIST)
        {
            // The guest watches it by another of its descriptors already; the host wants one of its own for that.
            try
            {
                registration = HostDescriptor.Duplicate(descriptor);
                error = host.Add(registration, events, item.Key);
            }
            catch (IOException)
            {
                error = -Errno.ENOMEM;
            }
        }

        (item.Followed, item.Registration) = (descriptor, registration);
        if (error != 0)
            Unregister(item);
        return error;
    }

    private void Unregister(EpollItem item)
    {
        if (item.Registration is not { } registration)
            return;
        _ = _host!.Remove(registration);
        if (registration != item.Followed)
            registration.Dispose();
        (item.Followed, item.Registration) = (null, null);
        lock (_gate)
            _registered!.Remove(item.Key);
    }

    private void CloseHost()
    {
        if (_host is not { } host)
            return;
        Waiters.Attach(null);
        host.Dispose();
    }
}
