using System.Buffers.Binary;
using System.Numerics;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Net;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>getsockopt and setsockopt.</summary>
internal static class SocketOptionSyscalls
{
    /// <summary>Bytes of the largest value: struct tcp_info.</summary>
    private const int MostBytes = StreamSocket.InfoBytes;

    public static long Getsockopt(CvmThread thread, in SyscallArguments a)
    {
        var error = SocketSyscalls.Find(thread, a.A0, out var socket);
        if (error != 0)
            return error;
        if (!thread.Memory.TryRead(a.A4, out int room))
            return -Errno.EFAULT;
        if (room < 0)
            return -Errno.EINVAL;
        Span<byte> value = stackalloc byte[MostBytes];
        value.Clear();
        var length = Get(socket!, (int)a.A1, (int)a.A2, value);
        if (length < 0)
            return length;
        length = Math.Min(length, room);
        return thread.Memory.TryWrite(a.A3, value[..length]) && thread.Memory.TryWrite(a.A4, length) ? 0 : -Errno.EFAULT;
    }

    public static long Setsockopt(CvmThread thread, in SyscallArguments a)
    {
        var error = SocketSyscalls.Find(thread, a.A0, out var socket);
        if (error != 0)
            return error;
        var (level, option, length) = ((int)a.A1, (int)a.A2, (int)a.A4);
        if (length < 0)
            return -Errno.EINVAL;
        error = Allows(socket!, level);
        if (error != 0)
            return error;
        if ((level, option) == (SocketAbi.SOL_SOCKET, SocketAbi.SO_BINDTODEVICE))
            return SetDevice(thread, socket!, a.A3, length);
        if (length < sizeof(int))
            return -Errno.EINVAL;
        Span<byte> value = stackalloc byte[16];
        value.Clear();
        return !thread.Memory.TryRead(a.A3, value[..Math.Min(length, value.Length)]) ? -Errno.EFAULT : SetAndTell(socket!, level, option, value, length);
    }

    private static long SetAndTell(Socket socket, int level, int option, ReadOnlySpan<byte> value, int length)
    {
        var error = Set(socket, level, option, value, length);
        if (error == 0)
            (socket as StreamSocket)?.TellHost();
        return error;
    }

    private static int Allows(Socket socket, int level) => level switch
    {
        SocketAbi.SOL_SOCKET => 0,
        _ when socket.Family == SocketAbi.AF_UNIX => -Errno.EOPNOTSUPP,
        SocketAbi.IPPROTO_IP => 0,
        SocketAbi.IPPROTO_IPV6 => socket.Family == SocketAbi.AF_INET6 ? 0 : -Errno.ENOPROTOOPT,
        _ => level == socket.Protocol ? 0 : -Errno.ENOPROTOOPT,
    };

    /// <summary>Bytes of the value, or a negated errno.</summary>
    private static int Get(Socket socket, int level, int option, Span<byte> value)
    {
        if (Allows(socket, level) != 0)
            return -Errno.EOPNOTSUPP;
        var options = socket.Options;
        if (level == SocketAbi.SOL_SOCKET)
        {
            switch (option)
            {
                case SocketAbi.SO_BINDTODEVICE:
                    return 0;
                case SocketAbi.SO_LINGER:
                    BinaryPrimitives.WriteInt32LittleEndian(value, options.LingerSeconds >= 0 ? 1 : 0);
                    BinaryPrimitives.WriteInt32LittleEndian(value[4..], Math.Max(options.LingerSeconds, 0));
                    return 8;
                case SocketAbi.SO_PEERCRED:
                    BinaryPrimitives.WriteInt32LittleEndian(value, socket.PeerCredentials.Process);
                    BinaryPrimitives.WriteInt32LittleEndian(value[4..], socket.PeerCredentials.User);
                    BinaryPrimitives.WriteInt32LittleEndian(value[8..], socket.PeerCredentials.Group);
                    return 12;
                case SocketAbi.SO_RCVTIMEO or SocketAbi.SO_SNDTIMEO or SocketAbi.SO_RCVTIMEO_NEW or SocketAbi.SO_SNDTIMEO_NEW:
                    var timeout = option is SocketAbi.SO_RCVTIMEO or SocketAbi.SO_RCVTIMEO_NEW ? options.ReceiveTimeout : options.SendTimeout;
                    BinaryPrimitives.WriteInt64LittleEndian(value, timeout / 1_000_000_000);
                    BinaryPrimitives.WriteInt64LittleEndian(value[8..], timeout % 1_000_000_000 / 1000);
                    return 16;
            }
        }

        if (level == SocketAbi.IPPROTO_TCP && option == SocketAbi.TCP_INFO)
            return ((StreamSocket)socket).GetInfo(value);

        if (!TryGetInteger(socket, level, option, out var integer))
            return -Errno.ENOPROTOOPT;
        BinaryPrimitives.WriteInt32LittleEndian(value, integer);
        return sizeof(int);
    }

    private static bool TryGetInteger(Socket socket, int level, int option, out int value)
    {
        int? found = (level, option) switch
        {
            (SocketAbi.SOL_SOCKET, SocketAbi.SO_REUSEADDR) => socket.Options.ReuseAddress ? 1 : 0,
            (SocketAbi.SOL_SOCKET, SocketAbi.SO_REUSEPORT) => socket.Options.ReusePort ? 1 : 0,
            (SocketAbi.SOL_SOCKET, SocketAbi.SO_TYPE) => socket.Type,
            (SocketAbi.SOL_SOCKET, SocketAbi.SO_ERROR) => socket.TakeError(),
            (SocketAbi.SOL_SOCKET, SocketAbi.SO_SNDBUF) => socket.Options.SendBuffer,
            (SocketAbi.SOL_SOCKET, SocketAbi.SO_RCVBUF) => socket.Options.ReceiveBuffer,
            (SocketAbi.SOL_SOCKET, SocketAbi.SO_PASSCRED) => socket.Options.PassesCredentials ? 1 : 0,
            (SocketAbi.SOL_SOCKET, SocketAbi.SO_SNDLOWAT) => 1,
            (SocketAbi.SOL_SOCKET, SocketAbi.SO_ACCEPTCONN) => socket is StreamSocket { IsListening: true } ? 1 : 0,
            (SocketAbi.SOL_SOCKET, SocketAbi.SO_PROTOCOL) => socket.Protocol,
            (SocketAbi.SOL_SOCKET, SocketAbi.SO_DOMAIN) => socket.Family,
            (SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_V6ONLY) => socket.Options.IsOnly6 ? 1 : 0,
            _ => null,
        };
        value = found ?? 0;
        return found is not null || socket.Options.TryGet(level, option, out value);
    }

    private static long Set(Socket socket, int level, int option, ReadOnlySpan<byte> value, int length)
    {
        var options = socket.Options;
        var integer = BinaryPrimitives.ReadInt32LittleEndian(value);
        if (level == SocketAbi.IPPROTO_IPV6 && option == SocketAbi.IPV6_V6ONLY)
        {
            if (socket.IsBound)
                return -Errno.EINVAL;
            options.IsOnly6 = integer != 0;
            return 0;
        }

        if (integer == 0 && (level, option) is (SocketAbi.IPPROTO_IP, SocketAbi.IP_RECVERR) or (SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_RECVERR))
            (socket as DatagramSocket)?.ForgetErrors();
        if (level != SocketAbi.SOL_SOCKET)
            return options.Set(level, option, integer);
        switch (option)
        {
            case SocketAbi.SO_REUSEADDR:
                options.ReuseAddress = integer != 0;
                return 0;
            case SocketAbi.SO_REUSEPORT:
                options.ReusePort = integer != 0;
                return 0;
            case SocketAbi.SO_PASSCRED:
                if (socket.Family != SocketAbi.AF_UNIX)
                    return -Errno.EOPNOTSUPP;
                options.PassesCredentials = integer != 0;
                return 0;
            case SocketAbi.SO_SNDBUF or SocketAbi.SO_SNDBUFFORCE:
                options.SendBuffer = SocketOptions.BufferFor(integer);
                return 0;
            case SocketAbi.SO_RCVBUF or SocketAbi.SO_RCVBUFFORCE:
                options.ReceiveBuffer = SocketOptions.BufferFor(integer);
                socket.Inbox.Resize((int)BitOperations.RoundUpToPowerOf2((uint)options.ReceiveBuffer));
                return 0;
            case SocketAbi.SO_LINGER:
                if (length < 8)
                    return -Errno.EINVAL;
                options.LingerSeconds = integer == 0 ? -1 : Math.Max(0, BinaryPrimitives.ReadInt32LittleEndian(value[4..]));
                return 0;
            case SocketAbi.SO_RCVTIMEO or SocketAbi.SO_RCVTIMEO_NEW or SocketAbi.SO_SNDTIMEO or SocketAbi.SO_SNDTIMEO_NEW:
                return SetTimeout(options, option, value, length);
            case SocketAbi.SO_TYPE or SocketAbi.SO_ERROR or SocketAbi.SO_PROTOCOL or SocketAbi.SO_DOMAIN or SocketAbi.SO_ACCEPTCONN or SocketAbi.SO_PEERCRED or SocketAbi.SO_SNDLOWAT:
                return -Errno.ENOPROTOOPT;
            default:
                return options.Set(level, option, integer);
        }
    }

    /// <summary>SO_BINDTODEVICE: no socket is bound to an interface, and none may be.</summary>
    private static long SetDevice(CvmThread thread, Socket socket, long address, int length)
    {
        const int mostName = 15;
        Span<byte> name = stackalloc byte[mostName];
        name = name[..Math.Min(length, mostName)];
        if (!thread.Memory.TryRead(address, name))
            return -Errno.EFAULT;
        var end = name.IndexOf((byte)0);
        var text = System.Text.Encoding.Latin1.GetString(end < 0 ? name : name[..end]);
        return text.Length == 0 ? 0 : Array.Exists(NetworkInterface.Of(socket.Stack), i => i.Name == text) ? -Errno.EPERM : -Errno.ENODEV;
    }

    private static long SetTimeout(SocketOptions options, int option, ReadOnlySpan<byte> value, int length)
    {
        if (length < 16)
            return -Errno.EINVAL;
        var (seconds, microseconds) = (BinaryPrimitives.ReadInt64LittleEndian(value), BinaryPrimitives.ReadInt64LittleEndian(value[8..]));
        if ((ulong)microseconds >= 1_000_000)
            return -Errno.EDOM;
        var timeout = seconds < 0 ? 1 : new TimeSpecification { Seconds = seconds, Nanoseconds = microseconds * 1000 }.TotalNanoseconds;
        if (option is SocketAbi.SO_RCVTIMEO or SocketAbi.SO_RCVTIMEO_NEW)
            options.ReceiveTimeout = timeout;
        else
            options.SendTimeout = timeout;
        return 0;
    }
}
