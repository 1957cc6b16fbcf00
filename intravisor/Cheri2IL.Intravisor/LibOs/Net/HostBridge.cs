using System.Net;
using System.Net.Sockets;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Joins a cVM's sockets with connections of the host: those that arrive at published ports, and those that it may make.</summary>
/// <remarks>Thread-safe. A connection's descriptor becomes the other end of the guest's socket (<see cref="HostStream"/>): nothing here passes bytes on.</remarks>
internal sealed class HostBridge : IDisposable
{
    /// <summary>
    /// 10.255.255.254, from which published connections seem to come, and by which a cVM reaches the host's loopback addresses: by those
    /// themselves it means its own.
    /// </summary>
    public static readonly InternetAddress Gateway = InternetAddress.Map(0x0afffffe);

    /// <summary>The same of IPv6, for what comes by that and for ::1 of the host.</summary>
    public static readonly InternetAddress Gateway6 = Network.Unique(Gateway);

    private const string GatewayName = "gateway";

    private readonly IHostNetwork _network;
    private readonly IReadOnlyList<ReachableHost> _reachable;
    private readonly Lock _gate = new();
    private readonly List<IHostListener> _listeners = [];
    private readonly List<Grant> _granted = [];
    private readonly HostDatagrams _datagrams;

    private HostBridge(IHostNetwork network, IReadOnlyList<ReachableHost> reachable)
        => (_network, _reachable, _datagrams) = (network, reachable, new HostDatagrams(network));

    /// <summary>The bridge of a cVM, which passes nothing yet; null: nothing of the host is granted to it.</summary>
    public static HostBridge? For(CvmOptions options)
        => options.Publish.Count + options.Reachable.Count == 0 ? null : new HostBridge(options.HostNetwork ?? HostNetwork.Instance, options.Reachable);

    /// <summary>Names and addresses of what the cVM may connect to, as far as they were found.</summary>
    public IReadOnlyList<(string Name, string Address)> Names
    {
        get
        {
            lock (_gate)
                return [.. _granted.Where(g => g.Name.Length > 0).Select(g => (g.Name, g.Address.ToString())).Distinct()];
        }
    }

    /// <summary>Listens at the host's ports, and looks up the names of where the cVM may connect to.</summary>
    /// <exception cref="SocketException">A port cannot be had.</exception>
    public async Task OpenAsync(NetworkStack stack, IReadOnlyList<PublishedPort> published)
    {
        foreach (var port in published)
        {
            if (port.IsDatagram)
            {
                _datagrams.Publish(stack, port);
                continue;
            }

            var listener = _network.Listen(new IPEndPoint(port.Address, port.HostPort));
            lock (_gate)
                _listeners.Add(listener);
            _ = PassOnAsync(listener, stack, port);
        }

        foreach (var host in _reachable)
        {
            // IPv4 first: of the host's loopback addresses it has the gateway's address of IPv4, if there is one.
            var found = IPAddress.TryParse(host.Host, out var literal) ? [literal] : await _network.ResolveAsync(host.Host).ConfigureAwait(false);
            foreach (var address in found.OrderBy(a => a.AddressFamily))
            {
                var isLoopback = IPAddress.IsLoopback(address);
                var name = isLoopback ? GatewayName : literal is null ? host.Host : "";
                lock (_gate)
                {
                    _granted.Add(new Grant(name, isLoopback ? Gateway : ToInteger(address), address, host));
                    if (isLoopback && address.AddressFamily == AddressFamily.InterNetworkV6)
                        _granted.Add(new Grant(name, Gateway6, address, host));
                }
            }
        }
    }

    /// <summary>
    /// Begins to connect a socket: -EINPROGRESS, after which the socket finds out itself what becomes of it, -ENETUNREACH where the cVM may not connect to, or
    /// why the host cannot.
    /// </summary>
    public int Connect(StreamSocket socket, in SocketAddress address)
    {
        if (Find(address, isDatagram: false) is not { } host)
            return -Errno.ENETUNREACH;
        try
        {
            socket.Begin(new HostStream(_network.Connect(host)), address);
            return -Errno.EINPROGRESS;
        }
        catch (SocketException error)
        {
            return -ErrorOf(error);
        }
    }

    /// <summary>Whether a cVM may send datagrams there.</summary>
    public bool MayPost(in SocketAddress address) => Find(address, isDatagram: true) is not null || _datagrams.IsPeer(address);

    /// <summary>Sends a datagram for a socket: bytes, or a negated errno, which is -ENETUNREACH where the cVM may not send to.</summary>
    public long Post(DatagramSocket socket, in SocketAddress address, ref IoVector from)
    {
        try
        {
            return _datagrams.Post(socket, address, Find(address, isDatagram: true), ref from);
        }
        catch (SocketException error)
        {
            return -ErrorOf(error);
        }
    }

    /// <summary>A socket that may have sent datagrams is closed.</summary>
    public void Forget(DatagramSocket socket) => _datagrams.Forget(socket);

    /// <summary>Listens no more. Connections end with the sockets.</summary>
    public void Dispose()
    {
        _datagrams.Dispose();
        lock (_gate)
        {
            foreach (var listener in _listeners)
                listener.Dispose();
            _listeners.Clear();
        }
    }

    /// <summary>The socket that what comes to a published port is for: one that takes what comes by the family by which it came, or else by the other; null if there is none.</summary>
    /// <param name="stack">The network of the cVM.</param>
    /// <param name="protocol">IPPROTO_TCP or IPPROTO_UDP.</param>
    /// <param name="peer">Who sends, to the host.</param>
    /// <param name="sourcePort">The port that it has to the cVM.</param>
    /// <param name="port">The cVM's port.</param>
    /// <param name="from">As whom it comes.</param>
    /// <param name="to">Where to.</param>
    internal static Socket? Find(NetworkStack stack, int protocol, IPEndPoint peer, ushort sourcePort, ushort port, out SocketAddress from, out SocketAddress to)
    {
        var isFirst6 = peer.AddressFamily == AddressFamily.InterNetworkV6 && !peer.Address.IsIPv4MappedToIPv6;
        return Find(stack, protocol, isFirst6, sourcePort, port, out from, out to) ?? Find(stack, protocol, !isFirst6, sourcePort, port, out from, out to);
    }

    private static Socket? Find(NetworkStack stack, int protocol, bool is6, ushort sourcePort, ushort port, out SocketAddress from, out SocketAddress to)
    {
        var family = is6 ? SocketAbi.AF_INET6 : SocketAbi.AF_INET;
        from = SocketAddress.OfInet(family, is6 ? Gateway6 : Gateway, sourcePort);
        to = SocketAddress.OfInet(family, is6 ? stack.Address6 : stack.Address, port);
        return stack.InetNames.Receiver(protocol, to, from);
    }

    private static async Task PassOnAsync(IHostListener listener, NetworkStack stack, PublishedPort port)
    {
        // One after the other: as long as the guest has no room for a connection, those that follow wait in the host's backlog.
        while (await listener.AcceptAsync().ConfigureAwait(false) is { } connection)
            await PassOnAsync(connection, stack, (ushort)port.GuestPort).ConfigureAwait(false);
    }

    private static async Task PassOnAsync(HostConnection connection, NetworkStack stack, ushort port)
    {
        var host = new HostStream(connection.Descriptor);
        while (Find(stack, SocketAbi.IPPROTO_TCP, connection.Peer, (ushort)connection.Peer.Port, port, out var from, out var to) is StreamSocket listener)
        {
            var error = listener.Offer(host, to, from);
            if (error == 0)
                return;
            if (error != -Errno.EAGAIN)
                break;
            await AsyncWaiter.WaitAsync(listener.Waiters, FileAbi.POLLOUT | FileAbi.POLLHUP, () => listener.HasRoom).ConfigureAwait(false);
        }

        host.Close(reset: true);
    }

    /// <summary>Where of the host an address leads to which the cVM may connect or send; null: it may not.</summary>
    private IPEndPoint? Find(in SocketAddress address, bool isDatagram)
    {
        var (ip, port) = (address.Ip, address.Port);
        lock (_gate)
            return _granted.Find(g => g.Address == ip && g.Host.Port == port && g.Host.IsDatagram == isDatagram) is { } grant ? new IPEndPoint(grant.HostAddress, port) : null;
    }

    private static int ErrorOf(SocketException error) => error.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => Errno.ECONNREFUSED,
        SocketError.TimedOut => Errno.ETIMEDOUT,
        SocketError.NetworkUnreachable => Errno.ENETUNREACH,
        SocketError.TooManyOpenSockets => Errno.ENFILE,
        SocketError.AddressNotAvailable => Errno.EADDRNOTAVAIL,
        SocketError.MessageSize => Errno.EMSGSIZE,
        SocketError.AccessDenied => Errno.EACCES,
        _ => Errno.EHOSTUNREACH,
    };

    private static InternetAddress ToInteger(IPAddress address)
        => InternetAddress.Read(address.MapToIPv6().GetAddressBytes());

    /// <summary>Where a cVM may connect or send to.</summary>
    /// <param name="Name">Name in its /etc/hosts; empty: none.</param>
    /// <param name="Address">Address by which it means it.</param>
    /// <param name="HostAddress">Address of the host's network.</param>
    /// <param name="Host">What was granted: port and protocol.</param>
    private sealed record Grant(string Name, InternetAddress Address, IPAddress HostAddress, ReachableHost Host);
}
