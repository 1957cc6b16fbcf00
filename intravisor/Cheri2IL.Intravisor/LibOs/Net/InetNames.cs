using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Ports of a cVM, of TCP and UDP over IPv4 and IPv6, and identifiers of ICMP.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class InetNames(NetworkStack stack) : ISocketNames
{
    /// <summary>Ports for those that do not ask for one: net.ipv4.ip_local_port_range.</summary>
    private const int FirstEphemeral = 32768;

    private const int LastEphemeral = 60999;

    private readonly Lock _gate = new();
    private Dictionary<int, List<Socket>> Bound => field ??= [];
    private int _nextEphemeral = FirstEphemeral;
    private uint _turn;

    /// <summary>Where an address leads: that of no host is the host itself.</summary>
    public static SocketAddress Destination(in SocketAddress address)
        => !address.Ip.IsAny ? address
            : address with { Ip = address.Ip.IsMapped ? InternetAddress.Map(0x7f000001) : InternetAddress.Loopback6 };

    /// <summary>Whether a socket may connect to an address, whatever is there: 0 or a negated errno (net/ipv6/tcp_ipv6.c, datagram.c).</summary>
    public static int CheckDestination(Socket socket, in SocketAddress address)
        => !Speaks(socket, address.Ip) ? -Errno.ENETUNREACH : address.Ip.IsLinkLocal && address.Scope == 0 ? -Errno.EINVAL : 0;

    /// <summary>Whether a socket may send to addresses of that family: one that has no other than IPv6 (IPV6_V6ONLY) has none of IPv4.</summary>
    public static bool Speaks(Socket socket, InternetAddress address) => !(socket.Options.IsOnly6 && address.IsMapped);

    /// <inheritdoc/>
    public int Bind(CvmThread thread, Socket socket, in SocketAddress address)
    {
        if (socket.IsBound || !Speaks(socket, address.Ip) || (address.Ip.IsLinkLocal && address.Scope == 0))
            return -Errno.EINVAL;
        if (address.Scope > NetworkInterface.EthernetIndex)
            return -Errno.ENODEV;
        if (!address.Ip.IsAny && !IsOwn(address.Ip))
            return -Errno.EADDRNOTAVAIL;
        lock (_gate)
        {
            var error = Enter(socket, address);
            socket.HasChosenPort = error == 0 && address.Port != 0;
            // One that has an address of IPv6 has none of IPv4 (net/ipv6/af_inet6.c, __inet6_bind).
            socket.Options.IsOnly6 |= error == 0 && !address.Ip.IsMapped && !address.Ip.IsAny;
            return error;
        }
    }

    /// <inheritdoc/>
    public int BindFor(Socket socket, in SocketAddress destination)
    {
        lock (_gate)
        {
            if (!socket.IsBound)
            {
                var error = Enter(socket, socket.LocalAddress);
                if (error != 0)
                    return error;
            }

            // One that connects knows from where.
            if (socket is StreamSocket && !destination.Ip.IsAny && destination != socket.LocalAddress)
                socket.LocalAddress = SourceFor(socket, destination);
            return 0;
        }
    }

    /// <inheritdoc/>
    public int Find(CvmThread? thread, Socket from, in SocketAddress to, out Socket? found) => Find(from, to, InternetAddress.Any6, out _, out found);

    /// <summary>Finds the socket that a name stands for, and as whom another sends there: 0 or a negated errno.</summary>
    /// <param name="from">Who looks for it.</param>
    /// <param name="to">Its name.</param>
    /// <param name="posted">Address that the message is to come from; ::: that of the socket.</param>
    /// <param name="source">As whom it sends.</param>
    /// <param name="found">The socket.</param>
    public int Find(Socket from, in SocketAddress to, InternetAddress posted, out SocketAddress source, out Socket? found)
    {
        found = null;
        var destination = Destination(to);
        var error = FindHost(from, destination, posted, out source, out var host);
        if (error != 0 || host is null)
            return error;
        found = host.InetNames.Receiver(from.Protocol, destination, source);
        return found is null ? -Errno.ECONNREFUSED : 0;
    }

    /// <summary>Finds the cVM that has an address, and as whom a socket sends there: 0 or a negated errno. Of streams none is found where that is no cVM's.</summary>
    public int FindHost(Socket from, in SocketAddress destination, InternetAddress posted, out SocketAddress source, out NetworkStack? host)
    {
        host = null;
        source = SourceFor(from, destination);
        if (posted != InternetAddress.Any6)
        {
            if (!IsOwn(posted) || posted.IsMapped != destination.Ip.IsMapped)
                return -Errno.EINVAL;
            source = source with { Ip = posted };
        }

        host = Route(destination.Ip);
        if ((host is null && from is not StreamSocket) || !Speaks(from, destination.Ip))
            return -Errno.ENETUNREACH;
        return CheckSource(posted != InternetAddress.Any6 ? posted : from.LocalAddress.Ip, destination.Ip);
    }

    /// <inheritdoc/>
    public void Unbind(Socket socket)
    {
        lock (_gate)
        {
            var key = KeyOf(socket.Protocol, socket.LocalAddress.Port);
            if (!Bound.TryGetValue(key, out var sockets) || !sockets.Remove(socket) || sockets.Count > 0)
                return;
            Bound.Remove(key);
        }
    }

    /// <summary>Whether nobody else listens under the name of a socket.</summary>
    public bool MayListen(StreamSocket socket)
    {
        lock (_gate)
        {
            return !Bound[KeyOf(socket.Protocol, socket.LocalAddress.Port)].Exists(other => other != socket && other is StreamSocket { IsListening: true }
                && Overlap(other, socket.LocalAddress.Ip, socket.Options.IsOnly6) && !(other.Options.ReusePort && socket.Options.ReusePort));
        }
    }

    /// <summary>Whether a socket may send to an address, which has to be that of a cVM, or one of the host where it may: 0 or a negated errno.</summary>
    public int CheckRoute(Socket from, in SocketAddress destination)
    {
        if (Route(destination.Ip) is null && stack.Bridge?.MayPost(destination) != true)
            return -Errno.ENETUNREACH;
        var error = CheckSource(from.LocalAddress.Ip, destination.Ip);
        return error == -Errno.ETIMEDOUT ? 0 : error;
    }

    /// <summary>What an accepted socket is called that was connected to by <paramref name="address"/>.</summary>
    public static SocketAddress Seen(StreamSocket listener, in SocketAddress address) => Destination(address) with { Family = listener.Family };

    /// <summary>As whom a socket sends there.</summary>
    public SocketAddress SourceFor(Socket socket, in SocketAddress destination)
    {
        var local = socket.LocalAddress;
        if (!local.Ip.IsAny)
            return local;
        return local with { Ip = SourceFor(destination.Ip) };
    }

    /// <summary>Whether an address is one of this cVM.</summary>
    internal bool IsOwn(InternetAddress address) => address.IsLoopback || address == stack.Address || address == stack.Address6;

    private InternetAddress SourceFor(InternetAddress destination)
        => destination.IsMapped ? destination.IsLoopback ? InternetAddress.Map(0x7f000001) : stack.Address
            : destination.IsLoopback ? destination : stack.Address6;

    /// <summary>Whether what comes from an address, which is chosen yet if it stands for any, may go to another: 0, or why not in Linux' words.</summary>
    /// <remarks>
    /// Others trust that what comes from 127.0.0.1 comes from themselves (net/ipv4/route.c, __mkroute_output). What comes from ::1 is sent, and thrown away where
    /// it arrives (net/ipv6/ip6_input.c): that is -ETIMEDOUT, which those that wait for an answer are told.
    /// </remarks>
    private int CheckSource(InternetAddress source, InternetAddress destination)
    {
        if (source.IsAny)
            return 0;
        if (source.IsMapped != destination.IsMapped)
            return source.IsMapped ? -Errno.EAFNOSUPPORT : -Errno.ENETUNREACH;
        return !source.IsLoopback || IsOwn(destination) ? 0 : source.IsMapped ? -Errno.EINVAL : -Errno.ETIMEDOUT;
    }

    /// <summary>The cVM that an address leads to; null: none of the network.</summary>
    public NetworkStack? Route(InternetAddress address) => IsOwn(address) ? stack : stack.Network.Find(address);

    /// <summary>The socket that listens at an address, or receives what is sent there; null if none does.</summary>
    /// <param name="protocol">IPPROTO_TCP or IPPROTO_UDP.</param>
    /// <param name="destination">The address.</param>
    /// <param name="source">Who sends.</param>
    public Socket? Receiver(int protocol, SocketAddress destination, SocketAddress source)
    {
        lock (_gate)
        {
            if (!Bound.TryGetValue(KeyOf(protocol, destination.Port), out var sockets))
                return null;
            Socket? best = null;
            var (most, equal) = (0, 0u);
            foreach (var socket in sockets)
            {
                var score = Score(socket, destination.Ip, source);
                if (score == 0 || score < most)
                    continue;
                equal = score > most ? 1 : equal + 1;
                // Those that share a port (SO_REUSEPORT) take turns.
                if (score > most || (socket.Options.ReusePort && _turn % equal == equal - 1))
                    best = socket;
                most = score;
            }

            _turn += equal > 1 ? 1u : 0;
            return best;
        }
    }

    /// <summary>How well a socket suits what is sent to an address; 0: not at all.</summary>
    private static int Score(Socket socket, InternetAddress destination, in SocketAddress source)
    {
        var local = socket.LocalAddress.Ip;
        if (local != destination && !(local.IsAny && (destination.IsMapped ? local.IsMapped || !socket.Options.IsOnly6 : !local.IsMapped)))
            return 0;
        // Of two that take whatever comes, that of the family itself.
        var score = (local == destination ? 2 : 0) + (destination.IsMapped == (socket.Family == SocketAbi.AF_INET) ? 2 : 1);
        return socket switch
        {
            StreamSocket stream => stream.IsListening ? score : 0,
            DatagramSocket datagram => !datagram.Takes(source) ? 0 : datagram.PeerAddress.Family != SocketAbi.AF_UNSPEC ? score + 4 : score,
            _ => 0,
        };
    }

    /// <summary>Under the gate: enters a socket under an address, or with port 0 under a free port.</summary>
    private int Enter(Socket socket, in SocketAddress address)
    {
        var port = address.Port;
        if (port == 0 && !TryFindPort(socket.Protocol, out port))
            return -Errno.EADDRINUSE;
        if (!Bound.TryGetValue(KeyOf(socket.Protocol, port), out var sockets))
            Bound[KeyOf(socket.Protocol, port)] = sockets = [];
        foreach (var other in sockets)
        {
            if (Conflicts(other, socket, address.Ip))
                return -Errno.EADDRINUSE;
        }

        sockets.Add(socket);
        socket.LocalAddress = address with { Port = port, Family = socket.Family };
        socket.IsBound = true;
        return 0;
    }

    private bool TryFindPort(int protocol, out ushort port)
    {
        for (var k = FirstEphemeral; k <= LastEphemeral; k++)
        {
            port = (ushort)_nextEphemeral;
            _nextEphemeral = _nextEphemeral == LastEphemeral ? FirstEphemeral : _nextEphemeral + 1;
            if (!Bound.ContainsKey(KeyOf(protocol, port)))
                return true;
        }

        port = 0;
        return false;
    }

    /// <summary>Whether two sockets cannot have the same port (inet_csk_bind_conflict).</summary>
    private static bool Conflicts(Socket other, Socket socket, InternetAddress address)
    {
        if (!Overlap(other, address, socket.Options.IsOnly6))
            return false;
        if (other.Options.ReusePort && socket.Options.ReusePort)
            return false;
        return !(other.Options.ReuseAddress && socket.Options.ReuseAddress && other is not StreamSocket { IsListening: true });
    }

    private static bool Overlap(Socket other, InternetAddress address, bool isOnly6)
    {
        var local = other.LocalAddress.Ip;
        return local == address || Covers(local, other.Options.IsOnly6, address) || Covers(address, isOnly6, local);
    }

    /// <summary>Whether an address stands for all of a family, or of both, to which the other belongs.</summary>
    private static bool Covers(InternetAddress any, bool isOnly6, InternetAddress address)
        => any.IsAny && (any.IsMapped ? address.IsMapped : !isOnly6 || !address.IsMapped);

    private static int KeyOf(int protocol, ushort port) => (protocol << 16) | port;
}
