using System.Buffers.Binary;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Address of a socket, of any family.</summary>
/// <param name="Family">AF_INET, AF_INET6, AF_UNIX or AF_NETLINK; AF_UNSPEC: none.</param>
/// <param name="Ip">Address; those of IPv4 are mapped into IPv6 (::ffff:a.b.c.d).</param>
/// <param name="Port">Port.</param>
/// <param name="Path">Of AF_UNIX: a path, or a name in the abstract namespace behind a zero; null: no name.</param>
/// <param name="Scope">Of an address of IPv6 that many interfaces may have: the one that is meant, where it was said.</param>
internal readonly record struct SocketAddress(int Family, InternetAddress Ip, ushort Port, string? Path, uint Scope = 0)
{
    /// <summary>Most bytes of an address, which is struct sockaddr_storage.</summary>
    public const int MostBytes = 128;

    private const int PathOffset = 2;
    private const int MostPathBytes = 108;
    private const int NetlinkBytes = 12;
    private const int Inet4Bytes = 16;
    private const int Inet6Bytes = 28;

    /// <summary>Bytes of an address of IPv6 that programs may leave out: the scope.</summary>
    private const int ShortInet6Bytes = 24;

    /// <summary>An address of IPv4 or IPv6 for a socket of such a family.</summary>
    public static SocketAddress OfInet(int family, InternetAddress ip, ushort port) => new(family, ip, port, null);

    /// <summary>A number of AF_NETLINK (nl_pid); 0: what answers there.</summary>
    public static SocketAddress OfNetlink(uint port) => new(SocketAbi.AF_NETLINK, new InternetAddress(0, port), 0, null);

    /// <summary>That number.</summary>
    public uint NetlinkPort => (uint)Ip.Low;

    /// <summary>The nameless address of AF_UNIX.</summary>
    public static SocketAddress Nameless => new(SocketAbi.AF_UNIX, default, 0, null);

    /// <summary>The family in the first bytes of what a guest passed.</summary>
    public static int FamilyOf(ReadOnlySpan<byte> bytes) => bytes.Length < PathOffset ? SocketAbi.AF_UNSPEC : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    /// <summary>Reads an address for a socket of a family; 0, -EINVAL or -EAFNOSUPPORT.</summary>
    /// <param name="bytes">What a guest passed.</param>
    /// <param name="family">Family of the socket.</param>
    /// <param name="takes4">Whether one of IPv6 takes addresses of IPv4, which then have that family.</param>
    /// <param name="address">The address.</param>
    public static int Parse(ReadOnlySpan<byte> bytes, int family, bool takes4, out SocketAddress address)
    {
        address = default;
        var given = FamilyOf(bytes);
        if (family == SocketAbi.AF_UNIX)
        {
            if (bytes.Length < PathOffset || bytes.Length > PathOffset + MostPathBytes || given != SocketAbi.AF_UNIX)
                return -Errno.EINVAL;
            address = new SocketAddress(family, default, 0, ParsePath(bytes[PathOffset..]));
            return 0;
        }

        if (family == SocketAbi.AF_NETLINK)
        {
            if (bytes.Length < NetlinkBytes || given != SocketAbi.AF_NETLINK)
                return -Errno.EINVAL;
            address = OfNetlink(BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]));
            return 0;
        }

        if (given == SocketAbi.AF_INET && bytes.Length >= Inet4Bytes && (family == SocketAbi.AF_INET || takes4))
        {
            address = OfInet(given, InternetAddress.Map(BinaryPrimitives.ReadUInt32BigEndian(bytes[4..])), BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]));
            return 0;
        }

        if (bytes.Length < (family == SocketAbi.AF_INET6 ? ShortInet6Bytes : Inet4Bytes))
            return -Errno.EINVAL;
        if (given != SocketAbi.AF_INET6 || family != SocketAbi.AF_INET6)
            return -Errno.EAFNOSUPPORT;
        address = OfInet(family, InternetAddress.Read(bytes[8..]), BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]));
        // Of other addresses it is ignored.
        if (address.Ip.IsLinkLocal && bytes.Length >= Inet6Bytes)
            address = address with { Scope = BinaryPrimitives.ReadUInt32LittleEndian(bytes[ShortInet6Bytes..]) };
        return 0;
    }

    /// <summary>Writes it as a guest sees it; bytes.</summary>
    public int Write(Span<byte> bytes)
    {
        bytes[..MostBytes].Clear();
        if (Family == SocketAbi.AF_UNSPEC)
            return 0;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)Family);
        switch (Family)
        {
            case SocketAbi.AF_UNIX:
                if (Path is null)
                    return PathOffset;
                FileSystem.ToBytes(Path).CopyTo(bytes[PathOffset..]);
                return PathOffset + Path.Length + (Path[0] == 0 ? 0 : 1);
            case SocketAbi.AF_NETLINK:
                BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], NetlinkPort);
                return NetlinkBytes;
            case SocketAbi.AF_INET:
                BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], Port);
                BinaryPrimitives.WriteUInt32BigEndian(bytes[4..], Ip.Mapped);
                return Inet4Bytes;
            default:
                BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], Port);
                Ip.Write(bytes[8..]);
                return Inet6Bytes;
        }
    }

    /// <summary>A path ends at its first zero; an abstract name has all bytes.</summary>
    private static string? ParsePath(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return null;
        if (bytes[0] != 0)
        {
            var end = bytes.IndexOf((byte)0);
            bytes = end < 0 ? bytes : bytes[..end];
        }

        return FileSystem.FromBytes(bytes);
    }
}
