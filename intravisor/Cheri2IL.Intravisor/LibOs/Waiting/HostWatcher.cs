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

    private static readonly Lock Gate = new();
    private static readonly Dictionary<SafeHandle, ulong> Keys = [];
    private static readonly Dictionary<ulong, WaitQueue> Queues = [];
    private static HostEpoll? s_host;
    private static ulong s_lastKey;

    /// <summary>Wakes a queue when something happens to its descriptor, until <see cref="Forget"/>. Where the host has no descriptors left nobody is told.</summary>
    public static void Watch(WaitQueue queue, SafeHandle descriptor)
    {
        lock (Gate)
        {
            if (Keys.ContainsKey(descriptor) || (s_host ??= Start()) is not { } host)
                return;
            var key = ++s_lastKey;
            if (host.Add(descriptor, POLLIN | POLLOUT | POLLRDHUP | EPOLLET, key) != 0)
                return;
            Keys.Add(descriptor, key);
            Queues.Add(key, queue);
        }
    }

    /// <summary>The descriptor is about to be closed.</summary>
    public static void Forget(SafeHandle descriptor)
    {
        lock (Gate)
        {
            if (!Keys.Remove(descriptor, out var key))
                return;
            Queues.Remove(key);
            _ = s_host!.Remove(descriptor);
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
                lock (Gate)
                    Queues.TryGetValue(found.Data, out queue);
                queue?.Wake((int)found.Events);
            }
        }
    }
}
