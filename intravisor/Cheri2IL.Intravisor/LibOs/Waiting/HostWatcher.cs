using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Intravisor.LibOs.Waiting;

/// <summary>
/// One thread, for all cVMs, that wakes queues with a descriptor of the host for those in them that cannot wait for it themselves: who is sent signals (O_ASYNC).
/// It starts with the first.
/// </summary>
/// <remarks>Thread-safe. It is told of edges, and asks nobody for how long.</remarks>
internal static class HostWatcher
{
    private const uint POLLIN = 1;
    private const uint POLLOUT = 4;
    private const uint POLLRDHUP = 0x2000;
    private const uint EPOLLET = 1u << 31;
    private const int MostEvents = 64;

    private static readonly Lock _gate = new();
    private static readonly Dictionary<SafeHandle, ulong> _keys = [];
    private static readonly Dictionary<ulong, WaitQueue> _queues = [];
    private static HostEpoll? _host;
    private static ulong _lastKey;

    /// <summary>Wakes a queue when something happens to its descriptor, until <see cref="Forget"/>. Where the host has no descriptors left nobody is told.</summary>
    public static void Watch(WaitQueue queue, SafeHandle descriptor)
    {
        lock (_gate)
        {
            if (_keys.ContainsKey(descriptor) || (_host ??= Start()) is not { } host)
                return;
            var key = ++_lastKey;
            if (host.Add(descriptor, POLLIN | POLLOUT | POLLRDHUP | EPOLLET, key) != 0)
                return;
            _keys.Add(descriptor, key);
            _queues.Add(key, queue);
        }
    }

    /// <summary>The descriptor is about to be closed.</summary>
    public static void Forget(SafeHandle descriptor)
    {
        lock (_gate)
        {
            if (!_keys.Remove(descriptor, out var key))
                return;
            _queues.Remove(key);
            _ = _host!.Remove(descriptor);
        }
    }

    private static HostEpoll? Start()
    {
        if (HostEpoll.Create(out _) is not { } host)
            return null;
        new Thread(() => Run(host)) { IsBackground = true, Name = "host descriptors" }.Start();
        return host;
    }

    private static void Run(HostEpoll host)
    {
        Span<HostEpollEvent> events = stackalloc HostEpollEvent[MostEvents];
        while (true)
        {
            foreach (ref readonly var found in events[..host.Wait(events, -1)])
            {
                WaitQueue? queue;
                lock (_gate)
                    _queues.TryGetValue(found.Data, out queue);
                queue?.Wake((int)found.Events);
            }
        }
    }
}
