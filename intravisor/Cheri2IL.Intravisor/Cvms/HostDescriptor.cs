using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>A descriptor of the host, and what can be done with those of stream sockets: part of the host interface.</summary>
/// <remarks>
/// No call waits, and none raises SIGPIPE. Results are those of the calls, or negated errno values, which are the guest's as well: both have Linux' generic
/// numbers; -EBADF: it is closed. One that is closed while a thread uses it stays open until the thread is done, as a file of Linux does.
/// </remarks>
internal sealed unsafe partial class HostDescriptor : SafeHandle
{
    private const int DuplicateCloseOnExec = 1030;
    private const ulong BytesToRead = 0x541b;
    private const ulong AtMark = 0x8905;

    /// <summary>Takes a descriptor over.</summary>
    public HostDescriptor(int descriptor)
        : base(-1, ownsHandle: true)
        => SetHandle(descriptor);

    /// <inheritdoc/>
    public override bool IsInvalid => handle < 0;

    /// <summary>Another descriptor of what one stands for.</summary>
    /// <exception cref="IOException">There is none left.</exception>
    public static HostDescriptor Duplicate(SafeHandle descriptor)
    {
        using var use = new Use(descriptor);
        var copy = NativeControl(use.Number, DuplicateCloseOnExec, 0);
        return copy >= 0 ? new HostDescriptor(copy) : throw new IOException(Marshal.GetLastPInvokeErrorMessage());
    }

    /// <summary>POLL* events that hold, of those asked for, and those that one need not ask for; POLLNVAL: it is closed.</summary>
    public static int Poll(SafeHandle descriptor, int events)
    {
        using var use = new Use(descriptor);
        if (use.Number < 0)
            return FileAbi.POLLNVAL;
        var poll = new PollEntry { Descriptor = use.Number, Events = (short)events };
        return NativePoll(&poll, 1, 0) > 0 ? (ushort)poll.Returned : 0;
    }

    /// <summary>recvmsg: bytes, 0 at the end.</summary>
    public static long Receive(SafeHandle socket, Span<HostRange> ranges, int flags)
    {
        using var use = new Use(socket);
        fixed (HostRange* first = ranges)
        {
            var message = new MessageHeader { Ranges = first, Count = (nuint)ranges.Length };
            var count = ranges.Length == 1 ? NativeReceive(use.Number, first->Address, first->Length, flags | SocketAbi.MSG_DONTWAIT)
                : NativeReceiveMessage(use.Number, &message, flags | SocketAbi.MSG_DONTWAIT);
            return count >= 0 ? count : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>sendmsg: bytes.</summary>
    public static long Send(SafeHandle socket, Span<HostRange> ranges, int flags)
    {
        flags |= SocketAbi.MSG_DONTWAIT | SocketAbi.MSG_NOSIGNAL;
        using var use = new Use(socket);
        fixed (HostRange* first = ranges)
        {
            var message = new MessageHeader { Ranges = first, Count = (nuint)ranges.Length };
            var count = ranges.Length == 1 ? NativeSend(use.Number, first->Address, first->Length, flags) : NativeSendMessage(use.Number, &message, flags);
            return count >= 0 ? count : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>shutdown.</summary>
    public static int Shutdown(SafeHandle socket, int how)
    {
        using var use = new Use(socket);
        return Result(NativeShutdown(use.Number, how));
    }

    /// <summary>FIONREAD; a negated errno.</summary>
    public static int Available(SafeHandle socket)
    {
        int count;
        using var use = new Use(socket);
        var result = Result(NativeIoctl(use.Number, BytesToRead, &count));
        return result < 0 ? result : count;
    }

    /// <summary>SIOCATMARK; false where there is no mark.</summary>
    public static bool IsAtMark(SafeHandle socket)
    {
        var isAt = 0;
        using var use = new Use(socket);
        return NativeIoctl(use.Number, AtMark, &isAt) >= 0 && isAt != 0;
    }

    /// <summary>getsockopt of the first bytes of an option's value: how many, or a negated errno.</summary>
    public static int GetOption(SafeHandle socket, int level, int option, Span<byte> value)
    {
        using var use = new Use(socket);
        fixed (byte* bytes = value)
        {
            var length = (uint)value.Length;
            var result = Result(NativeGetOption(use.Number, level, option, bytes, &length));
            return result < 0 ? result : (int)length;
        }
    }

    /// <summary>setsockopt of an option whose value is an integer.</summary>
    public static int SetOption(SafeHandle socket, int level, int option, int value)
    {
        using var use = new Use(socket);
        return Result(NativeSetOption(use.Number, level, option, &value, sizeof(int)));
    }

    /// <summary>SO_LINGER: what is unsent is given up when the socket is closed, and the other end reset.</summary>
    public static int ResetAtClose(SafeHandle socket)
    {
        var linger = stackalloc int[] { 1, 0 };
        using var use = new Use(socket);
        return Result(NativeSetOption(use.Number, SocketAbi.SOL_SOCKET, SocketAbi.SO_LINGER, linger, 2 * sizeof(int)));
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => NativeClose((int)handle) == 0;

    private static int Result(int result) => result >= 0 ? result : -Marshal.GetLastPInvokeError();

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int NativeClose(int descriptor);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int NativeControl(int descriptor, int command, int argument);

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int NativePoll(PollEntry* entries, nuint count, int timeout);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint NativeReceive(int socket, byte* to, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint NativeReceiveMessage(int socket, MessageHeader* message, int flags);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint NativeSend(int socket, byte* from, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static partial nint NativeSendMessage(int socket, MessageHeader* message, int flags);

    [LibraryImport("libc", EntryPoint = "shutdown", SetLastError = true)]
    private static partial int NativeShutdown(int socket, int how);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int NativeIoctl(int descriptor, ulong request, int* value);

    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    private static partial int NativeGetOption(int socket, int level, int option, byte* value, uint* length);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int NativeSetOption(int socket, int level, int option, int* value, uint length);

    /// <summary>A descriptor that stays open meanwhile; its number is -1 if it is closed, which the kernel makes EBADF of.</summary>
    internal readonly ref struct Use
    {
        private readonly SafeHandle? _handle;

        /// <summary>Begins.</summary>
        public Use(SafeHandle handle)
        {
            var added = false;
            try
            {
                handle.DangerousAddRef(ref added);
                (_handle, Number) = (handle, (int)handle.DangerousGetHandle());
            }
            catch (ObjectDisposedException)
            {
                Number = -1;
            }
        }

        /// <summary>The number.</summary>
        public int Number { get; }

        /// <summary>Ends.</summary>
        public void Dispose() => _handle?.DangerousRelease();
    }

    /// <summary>struct msghdr.</summary>
    private struct MessageHeader
    {
        public byte* Name;
        public nuint NameLength;
        public HostRange* Ranges;
        public nuint Count;
        public byte* Control;
        public nuint ControlLength;
        public nint Flags;
    }
}

/// <summary>struct iovec: a range of this process's memory, for the host's kernel.</summary>
internal unsafe struct HostRange
{
    /// <summary>First byte.</summary>
    public byte* Address;

    /// <summary>Bytes.</summary>
    public nuint Length;
}

/// <summary>struct pollfd.</summary>
internal struct PollEntry
{
    /// <summary>The descriptor.</summary>
    public int Descriptor;

    /// <summary>Events asked for.</summary>
    public short Events;

    /// <summary>Events that hold.</summary>
    public short Returned;
}
