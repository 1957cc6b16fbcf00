using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>What joins a cVM with itself, or with others (netdevice(7)).</summary>
/// <param name="Index">Its number.</param>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its address of IPv4.</param>
/// <param name="Address6">Its address of IPv6.</param>
/// <param name="Type">ARPHRD_LOOPBACK or ARPHRD_ETHER.</param>
/// <param name="Flags">IFF_ flags.</param>
/// <param name="Mtu">Most bytes at a time.</param>
internal sealed record NetworkInterface(int Index, string Name, uint Address, InternetAddress Address6, ushort Type, short Flags, int Mtu)
{
    /// <summary>Index of lo.</summary>
    public const int LoopbackIndex = 1;

    /// <summary>Index of eth0.</summary>
    public const int EthernetIndex = 2;

    /// <summary>Both networks are /8.</summary>
    public const uint Mask = 0xff000000;

    /// <summary>Most packets that would wait to be sent.</summary>
    public const int QueueLength = 1000;

    /// <summary>What a route of IPv6 costs.</summary>
    public const int Metric6 = 256;

    private const ushort ARPHRD_ETHER = 1;
    private const ushort ARPHRD_LOOPBACK = 772;
    private const short IFF_UP = 1;
    private const short IFF_BROADCAST = 2;
    private const short IFF_LOOPBACK = 8;
    private const short IFF_RUNNING = 0x40;

    /// <summary>Those of a cVM.</summary>
    public static NetworkInterface[] Of(NetworkStack stack) =>
    [
        new(LoopbackIndex, "lo", 0x7f000001, InternetAddress.Loopback6, ARPHRD_LOOPBACK, IFF_UP | IFF_LOOPBACK | IFF_RUNNING, 65536),
        new(EthernetIndex, "eth0", stack.Address.Mapped, stack.Address6, ARPHRD_ETHER, IFF_UP | IFF_BROADCAST | IFF_RUNNING, 1500),
    ];

    /// <summary>Its link-layer address: a locally administered one; of lo zeros.</summary>
    public byte[] HardwareAddress
        => Index == LoopbackIndex ? new byte[6] : [2, 0, (byte)(Address >> 24), (byte)(Address >> 16), (byte)(Address >> 8), (byte)Address];

    /// <summary>Bits of the network's part of its address of IPv6.</summary>
    public int Prefix6 => Index == LoopbackIndex ? 128 : 64;

    /// <summary>The network's part of it.</summary>
    public InternetAddress Network6 => Index == LoopbackIndex ? Address6 : Address6 with { Low = 0 };

    /// <summary>Address for all; of lo none.</summary>
    public uint Broadcast => Index == LoopbackIndex ? 0 : Address | ~Mask;

    /// <summary>RTM_NEWLINK (rtnetlink(7)): struct ifinfomsg and attributes.</summary>
    public void DescribeLink(ref NetlinkWriter to)
    {
        const ushort newLink = 16, address = 1, broadcast = 2, name = 3, mtu = 4, discipline = 6, queueLength = 13, state = 16, mode = 17, group = 27;
        const int lowerUp = 0x10000;
        const byte unknown = 0, up = 6;
        to.Begin(newLink);
        to.Put(Type << 16);
        to.Put(Index);
        to.Put((ushort)Flags | lowerUp);
        to.Put(0);
        to.PutAttribute(name, Name);
        to.PutAttribute(queueLength, QueueLength);
        to.PutAttribute(state, [Index == LoopbackIndex ? unknown : up]);
        to.PutAttribute(mode, [0]);
        to.PutAttribute(mtu, Mtu);
        to.PutAttribute(group, 0);
        to.PutAttribute(discipline, "noqueue");
        to.PutAttribute(address, HardwareAddress);
        to.PutAttribute(broadcast, Index == LoopbackIndex ? new byte[6] : [255, 255, 255, 255, 255, 255]);
        to.End();
    }

    /// <summary>RTM_NEWADDR, of one family or of all (0): struct ifaddrmsg and attributes.</summary>
    public void DescribeAddresses(byte family, ref NetlinkWriter to)
    {
        const ushort newAddress = 20, address = 1, local = 2, label = 3, broadcast = 4, cacheInfo = 6, flags = 8;
        const int permanent = 0x80, hostScope = 254, prefix = 8;
        var scope = Index == LoopbackIndex ? hostScope : 0;

        // struct ifa_cacheinfo: preferred and valid for ever.
        ReadOnlySpan<byte> forEver = [255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0];
        if (family is SocketAbi.AF_UNSPEC or SocketAbi.AF_INET)
        {
            to.Begin(newAddress);
            to.Put(SocketAbi.AF_INET | (prefix << 8) | (permanent << 16) | (scope << 24));
            to.Put(Index);
            PutAddress(ref to, address, Address);
            PutAddress(ref to, local, Address);
            if (Broadcast != 0)
                PutAddress(ref to, broadcast, Broadcast);
            to.PutAttribute(label, Name);
            to.PutAttribute(flags, permanent);
            to.PutAttribute(cacheInfo, forEver);
            to.End();
        }

        if (family is SocketAbi.AF_UNSPEC or SocketAbi.AF_INET6)
        {
            to.Begin(newAddress);
            to.Put(SocketAbi.AF_INET6 | (Prefix6 << 8) | (permanent << 16) | (scope << 24));
            to.Put(Index);
            PutAddress(ref to, address, Address6);
            to.PutAttribute(cacheInfo, forEver);
            to.PutAttribute(flags, permanent);
            to.End();
        }
    }

    /// <summary>RTM_NEWROUTE, of one family or of all (0), where there is one: to the others of its network. struct rtmsg and attributes.</summary>
    public void DescribeRoutes(byte family, ref NetlinkWriter to)
    {
        const ushort newRoute = 24, destination = 1, outgoing = 4, priority = 6, source = 7, table = 15;
        const int prefix = 8, main = 254, kernel = 2, linkScope = 253, unicast = 1;
        if (Index == LoopbackIndex)
            return;
        if (family is SocketAbi.AF_UNSPEC or SocketAbi.AF_INET)
        {
            to.Begin(newRoute);
            to.Put(SocketAbi.AF_INET | (prefix << 8));
            to.Put(main | (kernel << 8) | (linkScope << 16) | (unicast << 24));
            to.Put(0);
            to.PutAttribute(table, main);
            PutAddress(ref to, destination, Address & Mask);
            PutAddress(ref to, source, Address);
            to.PutAttribute(outgoing, Index);
            to.End();
        }

        if (family is SocketAbi.AF_UNSPEC or SocketAbi.AF_INET6)
        {
            to.Begin(newRoute);
            to.Put(SocketAbi.AF_INET6 | (Prefix6 << 8));
            to.Put(main | (kernel << 8) | (unicast << 24));
            to.Put(0);
            to.PutAttribute(table, main);
            PutAddress(ref to, destination, Network6);
            to.PutAttribute(priority, Metric6);
            to.PutAttribute(outgoing, Index);
            to.End();
        }
    }

    private static void PutAddress(ref NetlinkWriter to, ushort type, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        to.PutAttribute(type, bytes);
    }

    private static void PutAddress(ref NetlinkWriter to, ushort type, InternetAddress value)
    {
        Span<byte> bytes = stackalloc byte[InternetAddress.Size];
        value.Write(bytes);
        to.PutAttribute(type, bytes);
    }

    /// <summary>By which one an address is reached.</summary>
    public static int IndexFor(InternetAddress address) => address.IsLoopback ? LoopbackIndex : EthernetIndex;
}
