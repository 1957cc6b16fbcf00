using System.Buffers.Binary;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Net;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Control messages of datagrams of IP: how they are to be sent, and how they came (net/ipv4/ip_sockglue.c, net/ipv6/datagram.c).</summary>
internal static class IpControl
{
    private const int Info4Bytes = 12;
    private const int Info6Bytes = 20;

    /// <summary>Reads what a sender asks for: 0 or a negated errno.</summary>
    public static int Parse(ReadOnlySpan<byte> bytes, Socket socket, out Posting posting)
    {
        posting = default;
        while (bytes.Length >= ControlWriter.Header)
        {
            var size = BinaryPrimitives.ReadInt64LittleEndian(bytes);
            if (size < ControlWriter.Header || size > bytes.Length)
                return -Errno.EINVAL;
            var (level, type) = (BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]));
            var data = bytes[ControlWriter.Header..(int)size];
            var error = level switch
            {
                SocketAbi.SOL_SOCKET => type is SocketAbi.SCM_RIGHTS or SocketAbi.SCM_CREDENTIALS ? 0 : -Errno.EINVAL,
                SocketAbi.IPPROTO_IP when socket.Family == SocketAbi.AF_INET => Parse4(type, data, ref posting),
                SocketAbi.IPPROTO_IPV6 when socket.Family == SocketAbi.AF_INET6 => Parse6(type, data, ref posting),
                _ => 0,
            };
            if (error != 0)
                return error;
            bytes = bytes[(int)Math.Min(bytes.Length, (size + 7) & ~7)..];
        }

        return 0;
    }

    /// <summary>Tells how a datagram came, as far as its receiver asked for that.</summary>
    public static void Put(ref ControlWriter to, Socket socket, in Delivery came)
    {
        var options = socket.Options;
        var index = NetworkInterface.IndexFor(came.To);
        Span<byte> data = stackalloc byte[Info6Bytes];
        if (socket.Family == SocketAbi.AF_INET6 && options.IsOn(SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_RECVPKTINFO))
        {
            came.To.Write(data);
            BinaryPrimitives.WriteInt32LittleEndian(data[InternetAddress.Size..], index);
            to.Put(SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_PKTINFO, data);
        }

        if (!came.To.IsMapped)
        {
            PutIf(ref to, options, SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_RECVHOPLIMIT, SocketAbi.IPV6_HOPLIMIT, came.HopLimit, sizeof(int));
            PutIf(ref to, options, SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_RECVTCLASS, SocketAbi.IPV6_TCLASS, came.TrafficClass, sizeof(int));
            return;
        }

        if (options.IsOn(SocketAbi.IPPROTO_IP, SocketAbi.IP_PKTINFO))
        {
            // struct in_pktinfo: interface, local address, address in the header.
            BinaryPrimitives.WriteInt32LittleEndian(data, index);
            BinaryPrimitives.WriteUInt32BigEndian(data[4..], came.To.Mapped);
            BinaryPrimitives.WriteUInt32BigEndian(data[8..], came.To.Mapped);
            to.Put(SocketAbi.IPPROTO_IP, SocketAbi.IP_PKTINFO, data[..Info4Bytes]);
        }

        PutIf(ref to, options, SocketAbi.IPPROTO_IP, SocketAbi.IP_RECVTTL, SocketAbi.IP_TTL, came.HopLimit, sizeof(int));
        PutIf(ref to, options, SocketAbi.IPPROTO_IP, SocketAbi.IP_RECVTOS, SocketAbi.IP_TOS, came.TrafficClass, sizeof(byte));
    }

    /// <summary>Tells that a port was closed: struct sock_extended_err, and who said so (IP_RECVERR).</summary>
    public static void PutError(ref ControlWriter to, int family, in SocketAddress destination)
    {
        const int errorBytes = 16, address4Bytes = 16, address6Bytes = 28;
        const byte ofIcmp = 2, ofIcmp6 = 3, unreachable = 3, port = 3, unreachable6 = 1, port6 = 4;
        Span<byte> data = stackalloc byte[errorBytes + SocketAddress.MostBytes];
        data.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(data, Errno.ECONNREFUSED);
        ReadOnlySpan<byte> why = destination.Ip.IsMapped ? [ofIcmp, unreachable, port] : [ofIcmp6, unreachable6, port6];
        why.CopyTo(data[sizeof(int)..]);
        SocketAddress.OfInet(family, destination.Ip, 0).Write(data[errorBytes..]);
        var isOfIpv6 = family == SocketAbi.AF_INET6;
        to.Put(
            isOfIpv6 ? SocketAbi.IPPROTO_IPV6 : SocketAbi.IPPROTO_IP, isOfIpv6 ? SocketAbi.IPV6_RECVERR : SocketAbi.IP_RECVERR,
            data[..(errorBytes + (isOfIpv6 ? address6Bytes : address4Bytes))]);
    }

    private static void PutIf(ref ControlWriter to, SocketOptions options, int level, int option, int type, int value, int size)
    {
        if (!options.IsOn(level, option))
            return;
        Span<byte> data = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(data, value);
        to.Put(level, type, data[..size]);
    }

    private static int Parse4(int type, ReadOnlySpan<byte> data, ref Posting posting)
    {
        switch (type)
        {
            case SocketAbi.IP_PKTINFO when data.Length == Info4Bytes:
                var address = BinaryPrimitives.ReadUInt32BigEndian(data[4..]);
                posting = posting with { Source = address == 0 ? InternetAddress.Any6 : InternetAddress.Map(address) };
                return 0;
            case SocketAbi.IP_TTL when data.Length == sizeof(int) && BinaryPrimitives.ReadInt32LittleEndian(data) is >= 1 and <= 255 and var hops:
                posting = posting with { HopLimit = hops };
                return 0;
            case SocketAbi.IP_TOS when data.Length is sizeof(int) or sizeof(byte):
                var service = data.Length == sizeof(byte) ? data[0] : BinaryPrimitives.ReadInt32LittleEndian(data);
                posting = posting with { TrafficClass = service };
                return service is >= 0 and <= 255 ? 0 : -Errno.EINVAL;
            default:
                return -Errno.EINVAL;
        }
    }

    private static int Parse6(int type, ReadOnlySpan<byte> data, ref Posting posting)
    {
        switch (type)
        {
            case SocketAbi.IPV6_PKTINFO when data.Length >= Info6Bytes:
                if (BinaryPrimitives.ReadInt32LittleEndian(data[InternetAddress.Size..]) is not (0 or NetworkInterface.LoopbackIndex or NetworkInterface.EthernetIndex))
                    return -Errno.ENODEV;
                posting = posting with { Source = InternetAddress.Read(data) };
                return 0;
            case SocketAbi.IPV6_HOPLIMIT when data.Length == sizeof(int) && BinaryPrimitives.ReadInt32LittleEndian(data) is >= -1 and <= 255 and var hops:
                posting = posting with { HopLimit = hops };
                return 0;
            case SocketAbi.IPV6_TCLASS when data.Length == sizeof(int) && BinaryPrimitives.ReadInt32LittleEndian(data) is >= -1 and <= 255 and var traffic:
                posting = posting with { TrafficClass = traffic };
                return 0;
            default:
                return -Errno.EINVAL;
        }
    }
}
