using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>The standard streams of this process, through libc: .NET's would be buffered, and take longer to open than many guests run.</summary>
public sealed unsafe partial class StandardConsole : IGuestConsole
{
    private const short PollIn = 1;
    private const short PollOut = 4;
    private const ulong TerminalGetWindowSize = 0x5413;

    private readonly object _gate = new();
    private Action[] _waiting = [];
    private Thread? _poller;

    private StandardConsole()
    {
    }

    /// <summary>The one instance.</summary>
    public static StandardConsole Instance { get; } = new();

    /// <inheritdoc/>
    public int ReadConsole(Span<byte> buffer)
    {
        if (!IsConsoleReadable)
            return -Errno.EAGAIN;
        fixed (byte* bytes = buffer)
        {
            var count = NativeRead(0, bytes, (nuint)buffer.Length);
            return count < 0 ? -Marshal.GetLastPInvokeError() : (int)count;
        }
    }

    /// <inheritdoc/>
    // One thread waits for everybody, and is there from the first wait on.
    public void AwaitConsole(Action readable)
    {
        lock (_gate)
        {
            if (Array.IndexOf(_waiting, readable) >= 0)
                return;
            _waiting = [.. _waiting, readable];
            if (_poller is null)
            {
                _poller = new Thread(Poll) { IsBackground = true, Name = "standard input" };
                _poller.Start();
            }

            Monitor.Pulse(_gate);
        }
    }

    /// <inheritdoc/>
    public bool IsConsoleReadable
    {
        get
        {
            var poll = new PollDescriptor { Descriptor = 0, Events = PollIn };
            return NativePoll(&poll, 1, 0) > 0;
        }
    }

    /// <inheritdoc/>
    public int WriteConsole(int stream, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* from = bytes)
        {
            while (true)
            {
                var count = NativeWrite(stream, from, (nuint)bytes.Length);
                if (count >= 0)
                    return (int)count;
                var error = Marshal.GetLastPInvokeError();
                if (error != Errno.EAGAIN)
                    return -error;
                // Whoever started this process made the stream non-blocking.
                var poll = new PollDescriptor { Descriptor = stream, Events = PollOut };
                _ = NativePoll(&poll, 1, -1);
            }
        }
    }

    /// <inheritdoc/>
    public bool IsTerminal(int stream, out int columns, out int rows)
    {
        var size = stackalloc ushort[4];
        var terminal = NativeIoctl(stream, TerminalGetWindowSize, size) == 0;
        (rows, columns) = terminal ? (size[0], size[1]) : (0, 0);
        return terminal;
    }

    private void Poll()
    {
        while (true)
        {
            lock (_gate)
            {
                while (_waiting.Length == 0)
                    Monitor.Wait(_gate);
            }

            var poll = new PollDescriptor { Descriptor = 0, Events = PollIn };
            _ = NativePoll(&poll, 1, -1);
            Action[] readable;
            lock (_gate)
            {
                (readable, _waiting) = (_waiting, []);
            }

            foreach (var action in readable)
                action();
        }
    }

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int NativePoll(PollDescriptor* descriptors, nuint count, int timeout);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint NativeRead(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint NativeWrite(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int NativeIoctl(int descriptor, ulong request, void* argument);

    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
