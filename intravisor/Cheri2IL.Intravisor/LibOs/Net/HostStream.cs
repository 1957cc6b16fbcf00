using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>
/// A connection of the host as the other end of a guest's socket: what is sent and received goes between guest memory and the host's kernel, which alone
/// knows the connection's state.
/// </summary>
/// <param name="descriptor">Its descriptor, which belongs to this.</param>
internal sealed unsafe class HostStream(SafeHandle descriptor)
{
    private const int Events = FileAbi.POLLIN | FileAbi.POLLPRI | FileAbi.POLLOUT | FileAbi.POLLRDHUP;

    /// <summary>Bytes that the kernel takes when POLLOUT holds, unless it is short of memory: a third of the buffer is free then (sk_stream_is_writeable).</summary>
    private const int LeastRoom = 1 << 14;

    private const int CopyBytes = 1 << 16;
    private const int TCP_ESTABLISHED = 1;

    /// <summary>What becomes ready.</summary>
    public SafeHandle Descriptor => descriptor;

    /// <summary>POLL* events that hold; of one that is closed, those that end every wait.</summary>
    public int Poll() => HostDescriptor.Poll(descriptor, Events) is var events and not FileAbi.POLLNVAL ? events : FileAbi.POLLERR | FileAbi.POLLHUP;

    /// <summary>Bytes that can be received at once; a negated errno.</summary>
    public int Available => HostDescriptor.Available(descriptor);

    /// <summary>Bytes that can be sent at once, as far as the kernel tells.</summary>
    public int Room => (Poll() & FileAbi.POLLOUT) != 0 ? LeastRoom : 0;

    /// <summary>State in the words of TCP (include/net/tcp_states.h), or, where it is none of TCP, that of one that is connected.</summary>
    public byte State
    {
        get
        {
            byte state = 0;
            return GetInfo(new Span<byte>(ref state)) > 0 ? state : (byte)TCP_ESTABLISHED;
        }
    }

    /// <summary>TCP_INFO: how many bytes of it; 0 where it is no connection of TCP.</summary>
    public int GetInfo(Span<byte> info) => Math.Max(0, HostDescriptor.GetOption(descriptor, SocketAbi.IPPROTO_TCP, SocketAbi.TCP_INFO, info));

    /// <summary>Whether what is read next is behind the mark of urgent data.</summary>
    public bool IsAtMark => HostDescriptor.IsAtMark(descriptor);

    /// <summary>Receives, or with <paramref name="isUrgent"/> the urgent byte alone: bytes, 0 at the end, or a negated errno.</summary>
    [SkipLocalsInit]
    public long Receive(ref IoVector to, bool peek, bool isUrgent = false)
    {
        var flags = (peek ? SocketAbi.MSG_PEEK : 0) | (isUrgent ? SocketAbi.MSG_OOB : 0);
        if (to.IsBuffer)
        {
            fixed (byte* buffer = to.Buffer)
            {
                var range = new HostRange { Address = buffer, Length = (nuint)to.Left };
                return Moved(ref to, HostDescriptor.Receive(descriptor, new Span<HostRange>(ref range), flags));
            }
        }

        if (!to.IsPlain)
            return ReceiveByCopy(ref to, flags);
        Span<HostRange> ranges = stackalloc HostRange[to.RangeCount];
        var count = to.Locate(ranges, isWrite: true);
        return count < 0 ? count : Moved(ref to, HostDescriptor.Receive(descriptor, ranges[..count], flags));
    }

    /// <summary>Sends what can be sent without waiting: bytes, or a negated errno. With <paramref name="isUrgent"/> the last one is urgent.</summary>
    [SkipLocalsInit]
    public long Send(ref IoVector from, bool isUrgent)
    {
        var flags = isUrgent ? SocketAbi.MSG_OOB : 0;
        if (from.IsBuffer)
        {
            fixed (byte* buffer = from.Buffer)
            {
                var range = new HostRange { Address = buffer, Length = (nuint)from.Left };
                return Moved(ref from, HostDescriptor.Send(descriptor, new Span<HostRange>(ref range), flags));
            }
        }

        Span<HostRange> ranges = stackalloc HostRange[from.RangeCount];
        var count = from.Locate(ranges, isWrite: false);
        return count < 0 ? count : Moved(ref from, HostDescriptor.Send(descriptor, ranges[..count], flags));
    }

    /// <summary>shutdown; 0 or a negated errno.</summary>
    public int Shutdown(bool reading, bool writing)
        => HostDescriptor.Shutdown(descriptor, reading ? writing ? SocketAbi.SHUT_RDWR : SocketAbi.SHUT_RD : SocketAbi.SHUT_WR);

    /// <summary>SO_ERROR, which is not told again.</summary>
    public int TakeError()
    {
        var error = 0;
        return HostDescriptor.GetOption(descriptor, SocketAbi.SOL_SOCKET, SocketAbi.SO_ERROR, MemoryMarshal.AsBytes(new Span<int>(ref error))) < 0 ? 0 : error;
    }

    /// <summary>Sets an option whose value is an integer.</summary>
    public void SetOption(int level, int option, int value) => _ = HostDescriptor.SetOption(descriptor, level, option, value);

    /// <summary>Closes it: with a reset, or as the kernel finds right, which also resets where something was not read.</summary>
    public void Close(bool reset)
    {
        if (reset)
            _ = HostDescriptor.ResetAtClose(descriptor);
        descriptor.Dispose();
    }

    /// <summary>Into memory that the kernel may not write to: what was put there is taken then.</summary>
    private long ReceiveByCopy(ref IoVector to, int flags)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            lock (descriptor)
            {
                fixed (byte* bytes = buffer)
                {
                    var range = new HostRange { Address = bytes, Length = (nuint)Math.Min(CopyBytes, to.Left) };
                    var count = HostDescriptor.Receive(descriptor, new Span<HostRange>(ref range), flags | SocketAbi.MSG_PEEK);
                    if (count <= 0)
                        return count;
                    if (!to.TryPut(buffer.AsSpan(0, (int)count)))
                        return -Errno.EFAULT;
                    range.Length = (nuint)count;
                    return (flags & SocketAbi.MSG_PEEK) != 0 ? count : HostDescriptor.Receive(descriptor, new Span<HostRange>(ref range), flags);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static long Moved(ref IoVector vector, long count)
    {
        if (count > 0)
            vector.Skip(count);
        return count;
    }
}
