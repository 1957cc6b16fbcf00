using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Ports of a cVM, of TCP and UDP over IPv4 and IPv6.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class InetNames(NetworkStack stack) : ISocketNames
{
    /// <summary>Ports for those that do not ask for one: net.ipv4.ip_local_port_range.</summary>
    private const int FirstEphemeral = 32768;

    private const int LastEphemeral = 60999;

    private readonly Lock _gate = new();
    private readonly Dictionary<int, List<Socket>> _bound = [];
    private int _nextEphemeral = FirstEphemeral;
    private uint _turn;

    /// <summary>Where an address leads: that of no host is the host itself.</summary>
    public static SocketAddress Destination(in SocketAddress address)
        => !address.Ip.IsAny ? address
            : address with { Ip = address.Ip.IsMapped ? InternetAddress.Map(0x7f000001) : InternetAddress.Loopback6 };

    /// <inheritdoc/>
    public int Bind(CvmThread thread, Socket socket, in SocketAddress address)
    {
        if (socket.IsBound || (socket.Options.IsOnly6 && address.Ip.IsMapped))
            return -Errno.EINVAL;
        if (!address.Ip.IsAny && !IsOwn(address.Ip))
            return -Errno.EADDRNOTAVAIL;
        lock (_gate)
            return Enter(socket, address);
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
    public int Find(CvmThread? thread, Socket from, in SocketAddress to, out Socket? found)
    {
        found = null;
        var destination = Destination(to);
        if (Route(destination.Ip) is not { } host)
            return from is StreamSocket ? 0 : -Errno.ENETUNREACH;
        found = host.InetNames.Lookup(from.Protocol, destination, SourceFor(from, destination));
        return found is null ? -Errno.ECONNREFUSED : 0;
    }

    /// <inheritdoc/>
    public void Unbind(Socket socket)
    {
        lock (_gate)
        {
            var key = KeyOf(socket.Protocol, socket.LocalAddress.Port);
            if (!_bound.TryGetValue(key, out var sockets) || !sockets.Remove(socket) || sockets.Count > 0)
                return;
            _bound.Remove(key);
        }
    }

    /// <summary>Whether nobody else listens under the name of a socket.</summary>
    public bool MayListen(StreamSocket socket)
    {
        lock (_gate)
        {
            return !_bound[KeyOf(socket.Protocol, socket.LocalAddress.Port)].Exists(other => other != socket && other is StreamSocket { IsListening: true }
                && Overlap(other, socket.LocalAddress.Ip, socket.Options.IsOnly6) && !(other.Options.ReusePort && socket.Options.ReusePort));
        }
    }

    /// <summary>The socket that listens on a port, for connections from outside of all cVMs; null if none does.</summary>
    public StreamSocket? Listener(ushort port)
        => Lookup(SocketAbi.IPPROTO_TCP, SocketAddress.OfInet(SocketAbi.AF_INET, stack.Address, port), default) as StreamSocket;

    /// <summary>Whether there is a host with an address that is no other's than one of these cVMs'.</summary>
    public bool Reaches(in SocketAddress destination) => Route(destination.Ip) is not null;

    /// <summary>What an accepted socket is called that was connected to by <paramref name="address"/>.</summary>
    public static SocketAddress Seen(StreamSocket listener, in SocketAddress address) => Destination(address) with { Family = listener.Family };

    /// <summary>As whom a socket sends there.</summary>
    public SocketAddress SourceFor(Socket socket, in SocketAddress destination)
    {
        var local = socket.LocalAddress;
        if (!local.Ip.IsAny)
            return local;
        var ip = destination.Ip == InternetAddress.Loopback6 ? InternetAddress.Loopback6
            : destination.Ip.IsLoopback ? InternetAddress.Map(0x7f000001) : stack.Address;
        return local with { Ip = ip };
    }

    /// <summary>Whether an address is one of this cVM.</summary>
    internal bool IsOwn(InternetAddress address) => address.IsLoopback || address == stack.Address;

    private NetworkStack? Route(InternetAddress address) => IsOwn(address) ? stack : stack.Network.Find(address);

    private Socket? Lookup(int protocol, SocketAddress destination, SocketAddress source)
    {
        lock (_gate)
        {
            if (!_bound.TryGetValue(KeyOf(protocol, destination.Port), out var sockets))
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
        var score = local == destination ? 2 : 1;
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
        if (!_bound.TryGetValue(KeyOf(socket.Protocol, port), out var sockets))
            _bound[KeyOf(socket.Protocol, port)] = sockets = [];
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
            if (!_bound.ContainsKey(KeyOf(protocol, port)))
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
