using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>What is counted of a cVM's traffic.</summary>
internal enum Counter
{
    LoopbackPackets,
    LoopbackBytes,
    EthernetPacketsIn,
    EthernetBytesIn,
    EthernetPacketsOut,
    EthernetBytesOut,
    SegmentsIn,
    SegmentsOut,
    ActiveOpens,
    PassiveOpens,
    AttemptFails,
    Resets,
    ResetsOut,
    UdpIn,
    UdpNoPorts,
    UdpNoRoom,
    UdpOut,
    EchoesIn,
    EchoesOut,
    AnswersIn,
    AnswersOut,
    UnreachableIn,
    UnreachableOut,
    Last,
}

/// <summary>Counters of a cVM's network, each once for IPv4 and once for IPv6 (RFC 4293, 4022, 4113).</summary>
/// <remarks>
/// Thread-safe. Datagrams are counted one by one. What connections carry their inboxes count, under locks that are held anyway; it is added here when one is
/// closed. What goes through connections of the host the host counts.
/// </remarks>
internal sealed class Traffic
{
    /// <summary>Bytes of the header of UDP or ICMP.</summary>
    public const int DatagramHeader = 8;

    /// <summary>Bytes of the header of TCP, with time stamps.</summary>
    private const int SegmentHeader = 32;

    private readonly long[] _counts = new long[2 * (int)Counter.Last];

    /// <summary>Counts.</summary>
    public void Count(bool isOfIpv6, Counter counter, long by = 1) => Interlocked.Add(ref _counts[IndexOf(isOfIpv6, counter)], by);

    /// <summary>Bytes of the header of IP.</summary>
    public static int HeaderOf(bool isOfIpv6) => isOfIpv6 ? 40 : 20;

    /// <summary>A packet goes from one cVM to another, or to itself.</summary>
    /// <param name="from">Whence.</param>
    /// <param name="to">Whither.</param>
    /// <param name="isOfIpv6">By which family.</param>
    /// <param name="bytes">What is in it.</param>
    public static void Count(NetworkStack from, NetworkStack to, bool isOfIpv6, long bytes)
    {
        bytes += HeaderOf(isOfIpv6);
        if (from == to)
        {
            from.Traffic.Count(isOfIpv6, Counter.LoopbackPackets);
            from.Traffic.Count(isOfIpv6, Counter.LoopbackBytes, bytes);
            return;
        }

        from.Traffic.Count(isOfIpv6, Counter.EthernetPacketsOut);
        from.Traffic.Count(isOfIpv6, Counter.EthernetBytesOut, bytes);
        to.Traffic.Count(isOfIpv6, Counter.EthernetPacketsIn);
        to.Traffic.Count(isOfIpv6, Counter.EthernetBytesIn, bytes);
    }

    /// <summary>What there is by now, with what open connections have carried.</summary>
    public static Traffic Of(NetworkStack stack, IEnumerable<Socket> open)
    {
        var sum = new Traffic();
        for (var k = 0; k < sum._counts.Length; k++)
            sum._counts[k] = Interlocked.Read(ref stack.Traffic._counts[k]);
        foreach (var socket in open.OfType<StreamSocket>())
            sum.Add(socket);
        return sum;
    }

    /// <summary>A counter, of one family or of both.</summary>
    public long this[bool isOfIpv6, Counter counter] => _counts[IndexOf(isOfIpv6, counter)];

    /// <summary>A counter, of both families.</summary>
    public long this[Counter counter] => this[false, counter] + this[true, counter];

    /// <summary>Adds what a connection with another cVM, or with the cVM itself, has carried.</summary>
    public void Add(StreamSocket socket)
    {
        if (socket.Protocol != SocketAbi.IPPROTO_TCP || socket.Peer is not { } peer)
            return;
        var isOfIpv6 = !socket.LocalAddress.Ip.IsMapped;
        var header = HeaderOf(isOfIpv6) + SegmentHeader;
        var (received, sent) = (socket.Inbox.Arrived, peer.Inbox.Arrived);
        Count(isOfIpv6, Counter.SegmentsIn, received.Count);
        Count(isOfIpv6, Counter.SegmentsOut, sent.Count);
        var isLocal = peer.Stack == socket.Stack;
        Count(isOfIpv6, isLocal ? Counter.LoopbackPackets : Counter.EthernetPacketsIn, received.Count);
        Count(isOfIpv6, isLocal ? Counter.LoopbackBytes : Counter.EthernetBytesIn, received.Bytes + (received.Count * header));
        if (isLocal)
            return;
        Count(isOfIpv6, Counter.EthernetPacketsOut, sent.Count);
        Count(isOfIpv6, Counter.EthernetBytesOut, sent.Bytes + (sent.Count * header));
    }

    private static int IndexOf(bool isOfIpv6, Counter counter) => (isOfIpv6 ? (int)Counter.Last : 0) + (int)counter;
}
