using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Datagrams between a cVM's sockets and the host: those that arrive at published ports, and those that it may send, with their answers.</summary>
/// <remarks>
/// Thread-safe. Who sends to a published port has, to the guest, the gateway's address and a port of its own, by which the guest answers. A socket that sends to the
/// host has a port of the host for that, until it is closed; what comes there from elsewhere than it has sent to is lost.
/// </remarks>
internal sealed class HostDatagrams(IHostNetwork network) : IDisposable
{
    /// <summary>Most that can send to a published port and be answered; beyond that those that were there first are forgotten.</summary>
    private const int MostPeers = 1024;

    /// <summary>Most places that a socket remembers to have sent to.</summary>
    private const int MostPlaces = 1024;

    private const int MostBytes = 65507;
    private const int FirstEphemeral = 32768;

    private readonly Lock _gate = new();
    private readonly List<PublishedDatagrams> _published = [];
    private readonly Dictionary<(DatagramSocket Socket, AddressFamily Family), OutgoingDatagrams> _outgoing = [];
    private bool _isDisposed;

    /// <summary>Passes on what arrives at a port of the host.</summary>
    /// <exception cref="SocketException">The port cannot be had.</exception>
    public void Publish(NetworkStack stack, PublishedPort port)
    {
        var published = new PublishedDatagrams(network.Bind(new IPEndPoint(port.Address, port.HostPort)), (ushort)port.GuestPort);
        lock (_gate)
            _published.Add(published);
        _ = ReceiveAsync(published.Host, (bytes, from) => published.Deliver(stack, bytes, from));
    }

    /// <summary>Whether an address stands for one who has sent to a published port.</summary>
    public bool IsPeer(SocketAddress address)
    {
        lock (_gate)
            return _published.Exists(p => p.PeerOf(address) is not null);
    }

    /// <summary>Sends a datagram: bytes, or a negated errno.</summary>
    /// <param name="socket">Who sends it.</param>
    /// <param name="to">Where to, in the guest's words.</param>
    /// <param name="granted">Where of the host that is; null: that was not granted.</param>
    /// <param name="from">The bytes.</param>
    /// <exception cref="SocketException">The host cannot send it.</exception>
    public long Post(DatagramSocket socket, SocketAddress to, IPEndPoint? granted, ref IoVector from)
    {
        IHostDatagrams? host = null;
        lock (_gate)
        {
            if (_isDisposed)
                return -Errno.ENETUNREACH;
            // An answer comes from where the question went to.
            var port = socket.LocalAddress.Port;
            if (_published.Find(p => p.GuestPort == port && p.PeerOf(to) is not null) is { } published)
                (host, granted) = (published.Host, published.PeerOf(to));
            else if (granted is not null)
                host = Outgoing(socket, to, granted);
        }

        if (host is null)
            return -Errno.ENETUNREACH;
        var length = (int)from.Left;
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            if (!from.TryTake(buffer.AsSpan(0, length)))
                return -Errno.EFAULT;
            host.Send(buffer.AsSpan(0, length), granted!);
            return length;
        }
        catch (ObjectDisposedException)
        {
            // The cVM ends, or another thread has closed the socket.
            return -Errno.ENETUNREACH;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>A socket is closed.</summary>
    public void Forget(DatagramSocket socket)
    {
        foreach (var family in (ReadOnlySpan<AddressFamily>)[AddressFamily.InterNetwork, AddressFamily.InterNetworkV6])
        {
            OutgoingDatagrams? outgoing;
            lock (_gate)
                _outgoing.Remove((socket, family), out outgoing);
            outgoing?.Host.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _published.ForEach(p => p.Host.Dispose());
            foreach (var outgoing in _outgoing.Values)
                outgoing.Host.Dispose();
            _outgoing.Clear();
        }
    }

    /// <summary>Under the gate: the socket's port of the host, which knows then that it has sent there.</summary>
    private IHostDatagrams Outgoing(DatagramSocket socket, SocketAddress to, IPEndPoint host)
    {
        var key = (socket, host.AddressFamily);
        if (!_outgoing.TryGetValue(key, out var outgoing))
        {
            var any = host.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any;
            _outgoing.Add(key, outgoing = new OutgoingDatagrams(network.Bind(new IPEndPoint(any, 0)), socket));
            _ = ReceiveAsync(outgoing.Host, outgoing.Deliver);
        }

        outgoing.Remember(host, to);
        return outgoing.Host;
    }

    private static async Task ReceiveAsync(IHostDatagrams host, Action<Memory<byte>, IPEndPoint> deliver)
    {
        var buffer = new byte[MostBytes];
        while (await host.ReceiveAsync(buffer).ConfigureAwait(false) is { } received)
            deliver(buffer.AsMemory(0, received.Length), received.From);
    }

    private static void Put(DatagramSocket receiver, in SocketAddress source, Memory<byte> bytes)
    {
        var vector = new IoVector(bytes.Span);
        // No room: it is lost.
        _ = receiver.Inbox.Send(ref vector, source, null, new Delivery(source.Ip.IsMapped ? receiver.Stack.Address : receiver.Stack.Address6, Delivery.DefaultHops, 0));
    }

    /// <summary>A published port, and who has sent to it.</summary>
    private sealed class PublishedDatagrams(IHostDatagrams host, ushort guestPort)
    {
        private readonly Dictionary<IPEndPoint, ushort> _ports = [];
        private readonly Dictionary<ushort, IPEndPoint> _peers = [];
        private readonly Queue<ushort> _order = [];
        private ushort _next = FirstEphemeral;

        public IHostDatagrams Host => host;

        public ushort GuestPort => guestPort;

        /// <summary>Whom an address stands for; null: nobody.</summary>
        public IPEndPoint? PeerOf(in SocketAddress address)
        {
            if (address.Ip != HostBridge.Gateway && address.Ip != HostBridge.Gateway6)
                return null;
            lock (_ports)
                return _peers.GetValueOrDefault(address.Port);
        }

        public void Deliver(NetworkStack stack, Memory<byte> bytes, IPEndPoint from)
        {
            if (HostBridge.Find(stack, SocketAbi.IPPROTO_UDP, from, PortOf(from), guestPort, out var source, out _) is DatagramSocket receiver)
                Put(receiver, source, bytes);
        }

        /// <summary>The port by which the guest knows a peer: its own, or where another has that, a free one.</summary>
        private ushort PortOf(IPEndPoint peer)
        {
            lock (_ports)
            {
                if (_ports.TryGetValue(peer, out var port))
                    return port;
                if (_order.Count == MostPeers)
                    Drop(_order.Dequeue());
                port = (ushort)peer.Port;
                while (_peers.ContainsKey(port))
                    port = _next = _next == ushort.MaxValue ? (ushort)FirstEphemeral : (ushort)(_next + 1);
                _ports.Add(peer, port);
                _peers.Add(port, peer);
                _order.Enqueue(port);
                return port;
            }
        }

        private void Drop(ushort port)
        {
            _peers.Remove(port, out var peer);
            _ports.Remove(peer!);
        }
    }

    /// <summary>A socket's port of the host, and where it has sent to.</summary>
    private sealed class OutgoingDatagrams(IHostDatagrams host, DatagramSocket socket)
    {
        private readonly Dictionary<IPEndPoint, SocketAddress> _places = [];

        public IHostDatagrams Host => host;

        public void Remember(IPEndPoint place, in SocketAddress address)
        {
            lock (_places)
            {
                if (_places.Count >= MostPlaces)
                    _places.Clear();
                _places[place] = address with { Family = SocketAbi.AF_INET };
            }
        }

        public void Deliver(Memory<byte> bytes, IPEndPoint from)
        {
            SocketAddress source;
            lock (_places)
            {
                if (!_places.TryGetValue(from, out source))
                    return;
            }

            if (socket.Takes(source))
                Put(socket, source, bytes);
        }
    }
}
