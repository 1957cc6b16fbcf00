using System.Runtime.InteropServices;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>An epoll instance of the host: part of the host interface. Results are 0 or negated errno values, as for <see cref="HostDescriptor"/>.</summary>
internal sealed unsafe partial class HostEpoll : IDisposable
{
    private const int CloseOnExec = 0x80000;
    private const int ControlAdd = 1;
    private const int ControlDelete = 2;
    private const int ControlModify = 3;

    private HostEpoll(HostDescriptor descriptor) => Descriptor = descriptor;

    /// <summary>The instance: it can be read from when it has something to tell.</summary>
    public SafeHandle Descriptor { get; }

    /// <summary>Makes one; null with a negated errno if the host has no more.</summary>
    public static HostEpoll? Create(out int error)
    {
        var descriptor = NativeCreate(CloseOnExec);
        error = descriptor >= 0 ? 0 : -Marshal.GetLastPInvokeError();
        return descriptor >= 0 ? new HostEpoll(new HostDescriptor(descriptor)) : null;
    }

    /// <summary>EPOLL_CTL_ADD.</summary>
    public int Add(SafeHandle descriptor, uint events, ulong data) => Control(ControlAdd, descriptor, events, data);

    /// <summary>EPOLL_CTL_MOD.</summary>
    public int Modify(SafeHandle descriptor, uint events, ulong data) => Control(ControlModify, descriptor, events, data);

    /// <summary>EPOLL_CTL_DEL.</summary>
    public int Remove(SafeHandle descriptor) => Control(ControlDelete, descriptor, 0, 0);

    /// <summary>epoll_wait: how many events; 0 also where a signal came.</summary>
    /// <param name="events">What to fill.</param>
    /// <param name="milliseconds">How long to wait; -1: without limit.</param>
    public int Wait(Span<HostEpollEvent> events, int milliseconds)
    {
        using var instance = new HostDescriptor.Use(Descriptor);
        fixed (HostEpollEvent* first = events)
            return Math.Max(0, NativeWait(instance.Number, first, events.Length, milliseconds));
    }

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();

    private int Control(int operation, SafeHandle descriptor, uint events, ulong data)
    {
        using var instance = new HostDescriptor.Use(Descriptor);
        using var watched = new HostDescriptor.Use(descriptor);
        var entry = new HostEpollEvent { Events = events, Data = data };
        return NativeControl(instance.Number, operation, watched.Number, &entry) == 0 ? 0 : -Marshal.GetLastPInvokeError();
    }

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int NativeCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int NativeControl(int instance, int operation, int descriptor, HostEpollEvent* entry);

    [LibraryImport("libc", EntryPoint = "epoll_wait")]
    private static partial int NativeWait(int instance, HostEpollEvent* events, int most, int milliseconds);
}

/// <summary>struct epoll_event, which is packed on x86-64.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal struct HostEpollEvent
{
    /// <summary>Events.</summary>
    public uint Events;

    /// <summary>What the descriptor was added with.</summary>
    public ulong Data;
}
