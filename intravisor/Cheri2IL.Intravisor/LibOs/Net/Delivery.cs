namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>How a datagram of IP came, as its receiver may ask to be told (ip(7), ipv6(7)).</summary>
/// <param name="To">Address that it was sent to.</param>
/// <param name="HopLimit">Its hop limit, or of IPv4 its time to live.</param>
/// <param name="TrafficClass">Its traffic class, or of IPv4 its type of service.</param>
internal readonly record struct Delivery(InternetAddress To, byte HopLimit, byte TrafficClass)
{
    /// <summary>Hop limit of what nobody has said one for.</summary>
    public const byte DefaultHops = 64;
}

/// <summary>What the sender of a datagram asks for with it, in the place of what its socket's options say.</summary>
/// <param name="Source">Address that it is to come from; ::, the default: that of the socket.</param>
/// <param name="HopLimit">Hop limit, or of IPv4 time to live; null: not said.</param>
/// <param name="TrafficClass">Traffic class, or of IPv4 type of service; null: not said.</param>
internal readonly record struct Posting(InternetAddress Source, int? HopLimit, int? TrafficClass)
{
    /// <summary>How a datagram comes that a socket sends so.</summary>
    public Delivery DeliveryTo(InternetAddress destination, SocketOptions options)
    {
        var (level, hops, traffic) = destination.IsMapped
            ? (Abi.SocketAbi.IPPROTO_IP, Abi.SocketAbi.IP_TTL, Abi.SocketAbi.IP_TOS)
            : (Abi.SocketAbi.IPPROTO_IPV6, Abi.SocketAbi.IPV6_UNICAST_HOPS, Abi.SocketAbi.IPV6_TCLASS);
        // -1 stands for what is usual.
        var hopLimit = HopLimit is >= 0 and var asked ? asked : options.ValueOr(level, hops, Delivery.DefaultHops);
        var trafficClass = TrafficClass is >= 0 and var askedTraffic ? askedTraffic : options.ValueOr(level, traffic, 0);
        return new Delivery(destination, hopLimit < 0 ? Delivery.DefaultHops : (byte)hopLimit, (byte)Math.Max(trafficClass, 0));
    }
}
