using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Net;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>What an address of a socket is for.</summary>
internal enum AddressUse
{
    Bind,
    Connect,
    Send,
}

/// <summary>Calls that make, name and connect sockets.</summary>
internal static class SocketSyscalls
{
    private const int DescriptorFlags = FileAbi.O_CLOEXEC | FileAbi.O_NONBLOCK;

    /// <summary>One more than the largest type (SOCK_MAX).</summary>
    private const int TypeLimit = 11;

    public static long Socket(CvmThread thread, in SyscallArguments a)
    {
        var flags = (int)a.A1 & ~SocketAbi.SOCK_TYPE_MASK;
        if ((flags & ~DescriptorFlags) != 0)
            return -Errno.EINVAL;
        var (family, type, protocol) = ((int)a.A0, (int)a.A1 & SocketAbi.SOCK_TYPE_MASK, (int)a.A2);
        var error = Validate(family, ref type, protocol);
        if (error != 0)
            return error;
        Net.Socket socket = family == SocketAbi.AF_NETLINK ? new NetlinkSocket(thread.Cvm.Network, type, protocol)
            : type == SocketAbi.SOCK_DGRAM && protocol is SocketAbi.IPPROTO_ICMP or SocketAbi.IPPROTO_ICMPV6 ? new EchoSocket(thread.Cvm.Network, family)
            : type == SocketAbi.SOCK_DGRAM
            ? new DatagramSocket(thread.Cvm.Network, family, protocol == SocketAbi.IPPROTO_UDPLITE ? protocol : SocketAbi.IPPROTO_UDP)
            : new StreamSocket(thread.Cvm.Network, family, type);
        socket.Self = CredentialsOf(thread);
        return Enter(thread, socket, flags);
    }

    public static long Socketpair(CvmThread thread, in SyscallArguments a)
    {
        var flags = (int)a.A1 & ~SocketAbi.SOCK_TYPE_MASK;
        if ((flags & ~DescriptorFlags) != 0)
            return -Errno.EINVAL;
        var type = (int)a.A1 & SocketAbi.SOCK_TYPE_MASK;
        var error = Validate((int)a.A0, ref type, (int)a.A2);
        if (error != 0)
            return error;
        if ((int)a.A0 != SocketAbi.AF_UNIX)
            return -Errno.EOPNOTSUPP;
        (Net.Socket First, Net.Socket Second) pair = type == SocketAbi.SOCK_DGRAM
            ? DatagramSocket.Pair(thread.Cvm.Network, CredentialsOf(thread))
            : StreamSocket.Pair(thread.Cvm.Network, type, CredentialsOf(thread));
        pair.Second.AddReference();
        var first = Enter(thread, pair.First, flags);
        var second = first < 0 ? first : Enter(thread, pair.Second, flags);
        pair.Second.Release();
        if (second >= 0 && thread.Memory.TryWrite(a.A3, (int)first) && thread.Memory.TryWrite(a.A3 + sizeof(int), (int)second))
            return 0;
        thread.Files.Descriptors.Close(first);
        thread.Files.Descriptors.Close(second);
        return second < 0 ? second : -Errno.EFAULT;
    }

    public static long Bind(CvmThread thread, in SyscallArguments a)
    {
        var error = Find(thread, a.A0, out var socket);
        if (error != 0)
            return error;
        error = ReadAddress(thread, a.A1, a.A2, socket!, AddressUse.Bind, out var address);
        return error != 0 ? error : socket!.Bind(thread, address);
    }

    public static long Listen(CvmThread thread, in SyscallArguments a)
    {
        var error = Find(thread, a.A0, out var socket);
        return error != 0 ? error : socket!.Listen((int)a.A1, CredentialsOf(thread));
    }

    public static long Accept(CvmThread thread, in SyscallArguments a) => Accept(thread, a.A0, a.A1, a.A2, 0);

    public static long Accept4(CvmThread thread, in SyscallArguments a)
        => ((int)a.A3 & ~DescriptorFlags) != 0 ? -Errno.EINVAL : Accept(thread, a.A0, a.A1, a.A2, (int)a.A3);

    public static long Connect(CvmThread thread, in SyscallArguments a)
    {
        var error = Find(thread, a.A0, out var socket);
        if (error != 0)
            return error;
        error = ReadAddress(thread, a.A1, a.A2, socket!, AddressUse.Connect, out var address);
        return error != 0 ? error : Connect(thread, socket!, address);
    }

    public static long Getsockname(CvmThread thread, in SyscallArguments a)
    {
        var error = Find(thread, a.A0, out var socket);
        return error != 0 ? error : WriteAddress(thread, socket!.LocalAddress, a.A1, a.A2);
    }

    public static long Getpeername(CvmThread thread, in SyscallArguments a)
    {
        var error = Find(thread, a.A0, out var socket);
        if (error != 0)
            return error;
        var peer = socket!.PeerAddress;
        return peer.Family == SocketAbi.AF_UNSPEC ? -Errno.ENOTCONN : WriteAddress(thread, peer, a.A1, a.A2);
    }

    public static long Shutdown(CvmThread thread, in SyscallArguments a)
    {
        var error = Find(thread, a.A0, out var socket);
        if (error != 0)
            return error;
        return (int)a.A1 switch
        {
            SocketAbi.SHUT_RD => socket!.Shutdown(reading: true, writing: false),
            SocketAbi.SHUT_WR => socket!.Shutdown(reading: false, writing: true),
            SocketAbi.SHUT_RDWR => socket!.Shutdown(reading: true, writing: true),
            _ => -Errno.EINVAL,
        };
    }

    /// <summary>The socket of a descriptor; 0, -EBADF or -ENOTSOCK.</summary>
    internal static int Find(CvmThread thread, long descriptor, out Net.Socket? socket)
    {
        var file = thread.Files.Descriptors[(int)descriptor];
        socket = file as Net.Socket;
        return socket is not null ? 0 : file is null or PathFile ? -Errno.EBADF : -Errno.ENOTSOCK;
    }

    /// <summary>What others are told of the caller.</summary>
    internal static Credentials CredentialsOf(CvmThread thread)
        => new(thread.Process.Id, thread.Process.Attributes.Users.Effective, thread.Process.Attributes.Credentials.Groups.Effective);

    /// <summary>Reads an address that a guest passes; 0 or a negated errno. One to connect to may be none.</summary>
    internal static int ReadAddress(CvmThread thread, long at, long length, Net.Socket socket, AddressUse use, out SocketAddress address)
    {
        address = default;
        if ((int)length is < 0 or > SocketAddress.MostBytes)
            return -Errno.EINVAL;
        Span<byte> bytes = stackalloc byte[SocketAddress.MostBytes];
        bytes = bytes[..(int)length];
        if (!thread.Memory.TryRead(at, bytes))
            return -Errno.EFAULT;
        if (use == AddressUse.Connect && bytes.Length >= sizeof(ushort) && SocketAddress.FamilyOf(bytes) == SocketAbi.AF_UNSPEC)
            return 0;
        return SocketAddress.Parse(bytes, socket.Family, takes4: use != AddressUse.Bind && socket is DatagramSocket, out address);
    }

    /// <summary>Writes an address, cut off where the caller has no more room, and its length; 0, -EINVAL or -EFAULT.</summary>
    internal static int WriteAddress(CvmThread thread, in SocketAddress address, long at, long lengthAt)
    {
        if (!thread.Memory.TryRead(lengthAt, out int room))
            return -Errno.EFAULT;
        if (room < 0)
            return -Errno.EINVAL;
        Span<byte> bytes = stackalloc byte[SocketAddress.MostBytes];
        var length = address.Write(bytes);
        return thread.Memory.TryWrite(at, bytes[..Math.Min(length, room)]) && thread.Memory.TryWrite(lengthAt, length) ? 0 : -Errno.EFAULT;
    }

    private static int Validate(int family, ref int type, int protocol)
    {
        if (type >= TypeLimit || type == 0)
            return -Errno.EINVAL;
        switch (family)
        {
            case SocketAbi.AF_UNIX:
                if (type == SocketAbi.SOCK_RAW)
                    type = SocketAbi.SOCK_DGRAM;
                return protocol is not (0 or SocketAbi.AF_UNIX) ? -Errno.EPROTONOSUPPORT
                    : type is SocketAbi.SOCK_STREAM or SocketAbi.SOCK_DGRAM or SocketAbi.SOCK_SEQPACKET ? 0 : -Errno.ESOCKTNOSUPPORT;
            case SocketAbi.AF_INET or SocketAbi.AF_INET6:
                return type switch
                {
                    SocketAbi.SOCK_STREAM => protocol is 0 or SocketAbi.IPPROTO_TCP ? 0 : -Errno.EPROTONOSUPPORT,
                    SocketAbi.SOCK_DGRAM => protocol is 0 or SocketAbi.IPPROTO_UDP or SocketAbi.IPPROTO_UDPLITE
                        || protocol == (family == SocketAbi.AF_INET ? SocketAbi.IPPROTO_ICMP : SocketAbi.IPPROTO_ICMPV6) ? 0 : -Errno.EPROTONOSUPPORT,
                    SocketAbi.SOCK_RAW => -Errno.EPERM,
                    _ => -Errno.ESOCKTNOSUPPORT,
                };
            case SocketAbi.AF_NETLINK:
                return type is not (SocketAbi.SOCK_RAW or SocketAbi.SOCK_DGRAM) ? -Errno.ESOCKTNOSUPPORT
                    : protocol is SocketAbi.NETLINK_ROUTE or SocketAbi.NETLINK_SOCK_DIAG ? 0 : -Errno.EPROTONOSUPPORT;
            default:
                return -Errno.EAFNOSUPPORT;
        }
    }

    private static long Enter(CvmThread thread, Net.Socket socket, int flags)
    {
        socket.Flags |= flags & FileAbi.O_NONBLOCK;
        thread.Process.Attributes.Credentials.Own(socket.Inode, directory: null);
        return thread.Files.Descriptors.AddNew(socket, (flags & FileAbi.O_CLOEXEC) != 0);
    }

    private static long Accept(CvmThread thread, long descriptor, long address, long length, int flags)
    {
        long error = Find(thread, descriptor, out var socket);
        if (error != 0)
            return error;
        var deadline = thread.DeadlineAfter(socket!.Options.ReceiveTimeout);
        while (true)
        {
            var accepted = socket.Accept(out var reason);
            if (accepted is not null)
                return Enter(thread, accepted, flags, address, length);
            if (reason != -Errno.EAGAIN || socket.IsNonBlocking)
                return reason;
            error = thread.Await(socket, FileAbi.POLLIN, deadline);
            if (error != 0)
                return error;
        }
    }

    private static long Enter(CvmThread thread, Net.Socket accepted, int flags, long address, long length)
    {
        accepted.AddReference();
        var error = address == 0 ? 0 : WriteAddress(thread, accepted.PeerAddress, address, length);
        var descriptor = error != 0 ? error : Enter(thread, accepted, flags);
        accepted.Release();
        return descriptor;
    }

    private static int Connect(CvmThread thread, Net.Socket socket, in SocketAddress address)
    {
        var mayWait = !socket.IsNonBlocking;
        var deadline = thread.DeadlineAfter(socket.Options.SendTimeout);
        while (true)
        {
            var result = socket.Connect(thread, address, CredentialsOf(thread), mayWait, out var full);
            // One that a signal has interrupted goes on.
            if (mayWait && result is -Errno.EINPROGRESS or -Errno.EALREADY)
                return AwaitConnection(thread, socket, deadline);
            if (!mayWait || full is null)
                return result;
            var parked = full.Waiters.Wait(thread, deadline, static s => s.HasRoom, full, FileAbi.POLLOUT | FileAbi.POLLHUP);
            if (parked != ParkResult.Woken)
                return parked == ParkResult.TimedOut ? -Errno.EAGAIN : -Errno.ERESTARTSYS;
        }
    }

    private static int AwaitConnection(CvmThread thread, Net.Socket socket, long deadline)
    {
        var error = thread.Await(socket, FileAbi.POLLOUT, deadline);
        return error == -Errno.EAGAIN ? -Errno.EINPROGRESS : error != 0 ? error : -socket.TakeError();
    }
}
