using System.Buffers.Binary;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Which sockets are asked for, and what of them: a request of sock_diag(7), which comes from a guest.</summary>
internal sealed class SocketQuery
{
    private const int InetBytes = 56;
    private const int UnixBytes = 24;
    private const uint NoCookie = uint.MaxValue;

    private byte[]? _filter;
    private ulong? _cookie;

    private SocketQuery()
    {
    }

    /// <summary>AF_INET, AF_INET6 or AF_UNIX.</summary>
    public int Family { get; private init; }

    /// <summary>Of AF_INET and AF_INET6: IPPROTO_TCP, IPPROTO_UDP or another.</summary>
    public int Protocol { get; private init; }

    /// <summary>Whether sockets of that protocol are told of.</summary>
    public bool IsOfAKnownProtocol => Family == SocketAbi.AF_UNIX || Protocol is SocketAbi.IPPROTO_TCP or SocketAbi.IPPROTO_UDP or SocketAbi.IPPROTO_UDPLITE;

    /// <summary>What is to be told besides: of AF_UNIX UDIAG_SHOW_ flags, else a bit for each attribute, the first of which is number 1.</summary>
    public uint Shown { get; private init; }

    /// <summary>Of AF_UNIX: the one that is asked for.</summary>
    public uint Inode { get; private init; }

    /// <summary>A bit for each state of TCP.</summary>
    private uint States { get; init; }

    private (InternetAddress Ip, ushort Port) Local { get; init; }

    private (InternetAddress Ip, ushort Port) Remote { get; init; }

    /// <summary>Reads a request without its header; 0 or a negated errno (net/core/sock_diag.c, net/ipv4/inet_diag.c, net/unix/diag.c).</summary>
    public static int Read(ReadOnlySpan<byte> bytes, out SocketQuery? query)
    {
        const int familyLimit = 46;
        query = null;
        if (bytes.Length < sizeof(ushort) || bytes[0] >= familyLimit)
            return -Errno.EINVAL;
        if (bytes[0] == SocketAbi.AF_UNIX)
            return bytes.Length < UnixBytes ? -Errno.EINVAL : ReadUnix(bytes, out query);
        if (bytes[0] is not (SocketAbi.AF_INET or SocketAbi.AF_INET6))
            return -Errno.ENOENT;
        return bytes.Length < InetBytes ? -Errno.EINVAL : ReadInet(bytes, out query);
    }

    /// <summary>Whether a socket belongs into a list of all that are asked for.</summary>
    public bool Includes(Socket socket, byte state, in SocketAddress remote)
    {
        if ((States & (1u << state)) == 0)
            return false;
        if (Family == SocketAbi.AF_UNIX)
            return true;
        return (Local.Port == 0 || Local.Port == socket.LocalAddress.Port) && (Remote.Port == 0 || Remote.Port == remote.Port)
            && (_filter is null || SocketFilter.Run(_filter, socket, remote));
    }

    /// <summary>Whether a connection, or one that listens or receives, is the one that is asked for by its addresses.</summary>
    public bool Names(Socket socket, in SocketAddress remote, bool isConnected)
    {
        var local = socket.LocalAddress;
        if (local.Port != Local.Port)
            return false;
        return isConnected ? local.Ip == Local.Ip && (remote.Ip, remote.Port) == Remote : local.Ip.IsAny || local.Ip == Local.Ip;
    }

    /// <summary>Whether it is not the one that was told of before under that name.</summary>
    public bool IsStale(Socket socket) => _cookie is { } cookie && cookie != CookieOf(socket);

    /// <summary>A number that no other socket has or had.</summary>
    public static ulong CookieOf(Socket socket) => (ulong)socket.Inode.Number;

    private static int ReadUnix(ReadOnlySpan<byte> bytes, out SocketQuery? query)
    {
        query = new SocketQuery
        {
            Family = SocketAbi.AF_UNIX,
            States = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]),
            Inode = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
            Shown = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]),
            _cookie = CookieIn(bytes[16..]),
        };
        return 0;
    }

    private static int ReadInet(ReadOnlySpan<byte> bytes, out SocketQuery? query)
    {
        const int addressBytes = 16;
        query = new SocketQuery
        {
            Family = bytes[0],
            Protocol = bytes[1],
            Shown = bytes[2],
            States = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]),
            Local = (AddressIn(bytes[12..], bytes[0]), BinaryPrimitives.ReadUInt16BigEndian(bytes[8..])),
            Remote = (AddressIn(bytes[(12 + addressBytes)..], bytes[0]), BinaryPrimitives.ReadUInt16BigEndian(bytes[10..])),
            _cookie = CookieIn(bytes[(InetBytes - sizeof(ulong))..]),
        };
        return query.ReadFilter(bytes[InetBytes..]);
    }

    /// <summary>The filter among attributes, where there is one.</summary>
    private int ReadFilter(ReadOnlySpan<byte> attributes)
    {
        const int header = 4, byteCode = 1, typeMask = 0x3fff;
        while (attributes.Length >= header)
        {
            var length = BinaryPrimitives.ReadUInt16LittleEndian(attributes);
            if (length < header || length > attributes.Length)
                break;
            if ((BinaryPrimitives.ReadUInt16LittleEndian(attributes[2..]) & typeMask) == byteCode)
            {
                var code = attributes[header..length];
                if (!SocketFilter.IsValid(code))
                    return -Errno.EINVAL;
                _filter = code.ToArray();
            }

            attributes = attributes[Math.Min(attributes.Length, (length + 3) & ~3)..];
        }

        return 0;
    }

    private static InternetAddress AddressIn(ReadOnlySpan<byte> bytes, int family)
        => family == SocketAbi.AF_INET ? InternetAddress.Map(BinaryPrimitives.ReadUInt32BigEndian(bytes)) : InternetAddress.Read(bytes);

    private static ulong? CookieIn(ReadOnlySpan<byte> bytes)
        => BinaryPrimitives.ReadUInt32LittleEndian(bytes) == NoCookie && BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) == NoCookie ? null
            : BinaryPrimitives.ReadUInt64LittleEndian(bytes);
}
