using System.Runtime.InteropServices;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>What one thread sleeps with until a descriptor of the host is ready, or another thread wakes it: part of the host interface.</summary>
/// <remarks>For its thread alone, except <see cref="Wake"/>, which has no effect when it is disposed.</remarks>
internal sealed unsafe partial class HostPoll : IDisposable
{
    private const short PollIn = 1;
    private const int NonBlockingCloseOnExec = 0x80800;

    /// <summary>Nanoseconds that a thread sleeps at a time which nobody can wake, because the host had no descriptor left for that.</summary>
    private const long Unwakeable = 10_000_000;

    private readonly List<SafeHandle> _used = [];
    private readonly HostDescriptor _wake;
    private PollEntry[] _entries = new PollEntry[4];

    /// <summary>Makes one that waits for nothing yet.</summary>
    public HostPoll() => _wake = new HostDescriptor(NativeEvent(0, NonBlockingCloseOnExec));

    /// <summary>Adds a descriptor, and keeps it open until <see cref="Clear"/>; one that is closed is left out, because who waits for it is woken.</summary>
    public void Add(SafeHandle descriptor, int events)
    {
        var added = false;
        try
        {
            descriptor.DangerousAddRef(ref added);
        }
        catch (ObjectDisposedException)
        {
            return;
        }

        _used.Add(descriptor);
        // The last place is for what wakes the thread.
        if (_used.Count == _entries.Length)
            Array.Resize(ref _entries, 2 * _entries.Length);
        _entries[_used.Count - 1] = new PollEntry { Descriptor = (int)descriptor.DangerousGetHandle(), Events = (short)events };
    }

    /// <summary>Sleeps until a descriptor is ready, <see cref="Wake"/>, or for so many nanoseconds (negative: without limit); whether one is. May return early.</summary>
    public bool Wait(long nanoseconds)
    {
        if (_wake.IsInvalid)
            nanoseconds = nanoseconds < 0 ? Unwakeable : Math.Min(nanoseconds, Unwakeable);
        _entries[_used.Count] = new PollEntry { Descriptor = (int)_wake.DangerousGetHandle(), Events = PollIn };
        var timeout = new Timespec { Seconds = nanoseconds / 1_000_000_000, Nanoseconds = nanoseconds % 1_000_000_000 };
        int ready;
        fixed (PollEntry* first = _entries)
            ready = NativePoll(first, (nuint)_used.Count + 1, nanoseconds < 0 ? null : &timeout, null);
        if (ready <= 0)
            return false;
        if (_entries[_used.Count].Returned == 0)
            return true;
        ulong wakes;
        _ = NativeRead((int)_wake.DangerousGetHandle(), &wakes, sizeof(ulong));
        return ready > 1;
    }

    /// <summary>Forgets all descriptors.</summary>
    public void Clear()
    {
        foreach (var descriptor in _used)
            descriptor.DangerousRelease();
        _used.Clear();
    }

    /// <summary>Ends the thread's <see cref="Wait"/>, the present or else the next one.</summary>
    public void Wake()
    {
        var one = 1UL;
        using var wake = new HostDescriptor.Use(_wake);
        if (wake.Number >= 0)
            _ = NativeWrite(wake.Number, &one, sizeof(ulong));
    }

    /// <inheritdoc/>
    public void Dispose() => _wake.Dispose();

    [LibraryImport("libc", EntryPoint = "eventfd")]
    private static partial int NativeEvent(uint value, int flags);

    [LibraryImport("libc", EntryPoint = "ppoll")]
    private static partial int NativePoll(PollEntry* entries, nuint count, Timespec* timeout, void* mask);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint NativeRead(int descriptor, ulong* to, nuint length);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint NativeWrite(int descriptor, ulong* from, nuint length);

    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
