namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>What joins a cVM with itself, or with others (netdevice(7)).</summary>
/// <param name="Index">Its number.</param>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its address of IPv4.</param>
/// <param name="Type">ARPHRD_LOOPBACK or ARPHRD_ETHER.</param>
/// <param name="Flags">IFF_ flags.</param>
/// <param name="Mtu">Most bytes at a time.</param>
internal sealed record NetworkInterface(int Index, string Name, uint Address, ushort Type, short Flags, int Mtu)
{
    /// <summary>Index of lo.</summary>
    public const int LoopbackIndex = 1;

    /// <summary>Index of eth0.</summary>
    public const int EthernetIndex = 2;

    /// <summary>Both networks are /8.</summary>
    public const uint Mask = 0xff000000;

    private const ushort ARPHRD_ETHER = 1;
    private const ushort ARPHRD_LOOPBACK = 772;
    private const short IFF_UP = 1;
    private const short IFF_BROADCAST = 2;
    private const short IFF_LOOPBACK = 8;
    private const short IFF_RUNNING = 0x40;

    /// <summary>Those of a cVM.</summary>
    public static NetworkInterface[] Of(NetworkStack stack) =>
    [
        new(LoopbackIndex, "lo", 0x7f000001, ARPHRD_LOOPBACK, IFF_UP | IFF_LOOPBACK | IFF_RUNNING, 65536),
        new(EthernetIndex, "eth0", stack.Address.Mapped, ARPHRD_ETHER, IFF_UP | IFF_BROADCAST | IFF_RUNNING, 1500),
    ];

    /// <summary>By which one an address is reached.</summary>
    public static int IndexFor(InternetAddress address) => address.IsLoopback ? LoopbackIndex : EthernetIndex;
}
