using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Options of a socket.</summary>
/// <remarks>A word each; the last writer wins.</remarks>
internal sealed class SocketOptions
{
    /// <summary>What SO_RCVBUF and SO_SNDBUF say at first (net.core.rmem_default).</summary>
    public const int DefaultBuffer = 212_992;

    private const int SmallestBuffer = 2304;
    private const int LargestBuffer = 2 * DefaultBuffer;

    /// <summary>Options that are stored and told, most of which have no effect here: level, option, initial value, smallest and largest value.</summary>
    private static readonly (int Level, int Option, int Initial, int Least, int Most)[] Stored =
    [
        (SocketAbi.SOL_SOCKET, SocketAbi.SO_DONTROUTE, 0, 0, 1),
        (SocketAbi.SOL_SOCKET, SocketAbi.SO_BROADCAST, 0, 0, 1),
        (SocketAbi.SOL_SOCKET, SocketAbi.SO_KEEPALIVE, 0, 0, 1),
        (SocketAbi.SOL_SOCKET, SocketAbi.SO_OOBINLINE, 0, 0, 1),
        (SocketAbi.SOL_SOCKET, SocketAbi.SO_PRIORITY, 0, int.MinValue, int.MaxValue),
        (SocketAbi.SOL_SOCKET, SocketAbi.SO_RCVLOWAT, 1, 1, int.MaxValue),
        (SocketAbi.SOL_SOCKET, SocketAbi.SO_TIMESTAMP, 0, 0, 1),
        (SocketAbi.SOL_SOCKET, SocketAbi.SO_MARK, 0, int.MinValue, int.MaxValue),
        (SocketAbi.SOL_SOCKET, SocketAbi.SO_INCOMING_CPU, -1, int.MinValue, int.MaxValue),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_NODELAY, 0, 0, 1),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_MAXSEG, 536, 0, 32767),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_CORK, 0, 0, 1),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_KEEPIDLE, 7200, 1, 32767),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_KEEPINTVL, 75, 1, 32767),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_KEEPCNT, 9, 1, 127),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_SYNCNT, 6, 1, 127),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_LINGER2, 60, int.MinValue, int.MaxValue),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_DEFER_ACCEPT, 0, 0, int.MaxValue),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_QUICKACK, 1, 0, 1),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_USER_TIMEOUT, 0, 0, int.MaxValue),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_FASTOPEN, 0, 0, int.MaxValue),
        (SocketAbi.IPPROTO_UDPLITE, SocketAbi.UDPLITE_SEND_CSCOV, 0, int.MinValue, int.MaxValue),
        (SocketAbi.IPPROTO_UDPLITE, SocketAbi.UDPLITE_RECV_CSCOV, 0, int.MinValue, int.MaxValue),
        (SocketAbi.IPPROTO_IP, SocketAbi.IP_TOS, 0, 0, 255),
        (SocketAbi.IPPROTO_IP, SocketAbi.IP_TTL, 64, 1, 255),
        (SocketAbi.IPPROTO_IP, SocketAbi.IP_RETOPTS, 0, 0, 1),
        (SocketAbi.IPPROTO_IP, SocketAbi.IP_PKTINFO, 0, 0, 1),
        (SocketAbi.IPPROTO_IP, SocketAbi.IP_RECVTTL, 0, 0, 1),
        (SocketAbi.IPPROTO_IP, SocketAbi.IP_RECVTOS, 0, 0, 1),
        (SocketAbi.IPPROTO_IP, SocketAbi.IP_MTU_DISCOVER, 1, 0, 5),
        (SocketAbi.IPPROTO_IP, SocketAbi.IP_RECVERR, 0, 0, 1),
        (SocketAbi.IPPROTO_IP, SocketAbi.IP_FREEBIND, 0, 0, 1),
        (SocketAbi.IPPROTO_IP, SocketAbi.IP_BIND_ADDRESS_NO_PORT, 0, 0, 1),
        (SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_UNICAST_HOPS, 64, -1, 255),
        (SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_MTU_DISCOVER, 1, 0, 5),
        (SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_DONTFRAG, 0, 0, 1),
        (SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_RECVERR, 0, 0, 1),
        (SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_RECVPKTINFO, 0, 0, 1),
        (SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_RECVHOPLIMIT, 0, 0, 1),
        (SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_RECVTCLASS, 0, 0, 1),
        (SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_TCLASS, 0, -1, 255),
    ];

    /// <summary>Those of them that are told to a connection of the host, where they have the effect they have on Linux.</summary>
    private static readonly (int Level, int Option)[] Told =
    [
        (SocketAbi.SOL_SOCKET, SocketAbi.SO_KEEPALIVE),
        (SocketAbi.SOL_SOCKET, SocketAbi.SO_OOBINLINE),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_NODELAY),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_CORK),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_KEEPIDLE),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_KEEPINTVL),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_KEEPCNT),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_QUICKACK),
        (SocketAbi.IPPROTO_TCP, SocketAbi.TCP_USER_TIMEOUT),
    ];

    private Dictionary<(int Level, int Option), int>? _stored;

    /// <summary>SO_REUSEADDR.</summary>
    public bool ReuseAddress { get; set; }

    /// <summary>SO_REUSEPORT.</summary>
    public bool ReusePort { get; set; }

    /// <summary>SO_PASSCRED.</summary>
    public bool PassesCredentials { get; set; }

    /// <summary>IPV6_V6ONLY.</summary>
    public bool IsOnly6 { get; set; }

    /// <summary>SO_LINGER: seconds that close is to wait for; -1: off. 0 resets the connection.</summary>
    public int LingerSeconds { get; set; } = -1;

    /// <summary>SO_RCVBUF as it is told: twice what was set.</summary>
    public int ReceiveBuffer { get; set; } = DefaultBuffer;

    /// <summary>SO_SNDBUF as it is told.</summary>
    public int SendBuffer { get; set; } = DefaultBuffer;

    /// <summary>SO_RCVTIMEO in nanoseconds; 0: none.</summary>
    public long ReceiveTimeout { get; set; }

    /// <summary>SO_SNDTIMEO in nanoseconds; 0: none.</summary>
    public long SendTimeout { get; set; }

    /// <summary>Options that were set, as far as a connection of the host has to know them.</summary>
    public IEnumerable<(int Level, int Option, int Value)> ForHost
    {
        get
        {
            // As they are set: what is told afterwards is twice that.
            if (ReceiveBuffer != DefaultBuffer)
                yield return (SocketAbi.SOL_SOCKET, SocketAbi.SO_RCVBUF, ReceiveBuffer / 2);
            if (SendBuffer != DefaultBuffer)
                yield return (SocketAbi.SOL_SOCKET, SocketAbi.SO_SNDBUF, SendBuffer / 2);
            if (_stored is not { } stored)
                yield break;
            foreach (var key in Told)
            {
                if (stored.TryGetValue(key, out var value))
                    yield return (key.Level, key.Option, value);
            }
        }
    }

    /// <summary>The options of an accepted socket: those of the one that listens.</summary>
    public SocketOptions Inherit()
    {
        var copy = (SocketOptions)MemberwiseClone();
        copy._stored = _stored is { } stored ? new Dictionary<(int, int), int>(stored) : null;
        return copy;
    }

    /// <summary>What setting a buffer's size to a value makes of it (sk_setsockopt).</summary>
    public static int BufferFor(int value) => (int)Math.Clamp(2L * (uint)value, SmallestBuffer, LargestBuffer);

    /// <summary>Whether an option is on, of those that are off at first.</summary>
    public bool IsOn(int level, int option) => ValueOr(level, option, 0) != 0;

    /// <summary>What an option that is only stored was set to; until it was, what it is at first, which the caller knows.</summary>
    public int ValueOr(int level, int option, int initial) => _stored is { } stored && stored.TryGetValue((level, option), out var value) ? value : initial;

    /// <summary>The value of an option that is only stored; false if it is none.</summary>
    public bool TryGet(int level, int option, out int value)
    {
        value = 0;
        foreach (var row in Stored)
        {
            if (row.Level != level || row.Option != option)
                continue;
            value = ValueOr(level, option, row.Initial);
            return true;
        }

        return false;
    }

    /// <summary>Stores such an option; 0, -EINVAL beyond its range, or -ENOPROTOOPT if it is none.</summary>
    public int Set(int level, int option, int value)
    {
        foreach (var row in Stored)
        {
            if (row.Level != level || row.Option != option)
                continue;
            // Any number switches on.
            if ((row.Least, row.Most) == (0, 1))
                value = value != 0 ? 1 : 0;
            // Coverage of a checksum includes the header, or everything (net/ipv4/udp.c).
            if (level == SocketAbi.IPPROTO_UDPLITE && value != 0)
                value = Math.Clamp(value, 8, ushort.MaxValue);
            if (value < row.Least || value > row.Most)
                return -Errno.EINVAL;
            var stored = _stored ?? new Dictionary<(int, int), int>();
            _stored = new Dictionary<(int, int), int>(stored) { [(level, option)] = value };
            return 0;
        }

        return -Errno.ENOPROTOOPT;
    }
}
