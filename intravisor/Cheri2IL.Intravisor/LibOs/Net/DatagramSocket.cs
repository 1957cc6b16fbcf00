using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>A socket that sends messages to whom it likes: UDP, UDP-Lite, ICMP and Unix datagram sockets.</summary>
internal class DatagramSocket : Socket
{
    /// <summary>Most bytes of a datagram of UDP.</summary>
    private const int MostBytes = 65507;

    private readonly Lock _gate = new();
    private SocketAddress _remote;
    private InternetAddress _bound;
    private DatagramSocket? _peer;
    private bool _isSendShut;
    private Inbox? _errors;

    /// <summary>Makes a socket without destination.</summary>
    /// <param name="stack">Network of the cVM.</param>
    /// <param name="family">AF_INET, AF_INET6 or AF_UNIX.</param>
    /// <param name="protocol">Of AF_INET and AF_INET6: IPPROTO_UDP or another.</param>
    public DatagramSocket(NetworkStack stack, int family, int protocol = SocketAbi.IPPROTO_UDP)
        : base(stack, family, SocketAbi.SOCK_DGRAM, family == SocketAbi.AF_UNIX ? 0 : protocol, new SocketOptions())
        => LocalAddress = family == SocketAbi.AF_UNIX ? SocketAddress.Nameless : SocketAddress.OfInet(family, family == SocketAbi.AF_INET ? InternetAddress.Map(0) : InternetAddress.Any6, 0);

    /// <inheritdoc/>
    public override SocketAddress PeerAddress
    {
        get
        {
            lock (_gate)
                return _peer?.LocalAddress ?? _remote;
        }
    }

    /// <inheritdoc/>
    internal override Socket? Peer => _peer;

    /// <inheritdoc/>
    protected override bool IsSendShut => _isSendShut;

    /// <inheritdoc/>
    internal override int Room => MostBytes;

    /// <summary>Makes two sockets that send to each other.</summary>
    public static (DatagramSocket First, DatagramSocket Second) Pair(NetworkStack stack, Credentials self)
    {
        var first = new DatagramSocket(stack, SocketAbi.AF_UNIX) { Self = self, PeerCredentials = self };
        var second = new DatagramSocket(stack, SocketAbi.AF_UNIX) { Self = self, PeerCredentials = self, _peer = first };
        first._peer = second;
        return (first, second);
    }

    /// <summary>Whether it takes datagrams from there: from everywhere unless it is connected.</summary>
    public bool Takes(in SocketAddress source)
    {
        lock (_gate)
            return _remote.Family == SocketAbi.AF_UNSPEC || (_remote.Ip == source.Ip && _remote.Port == source.Port);
    }

    /// <inheritdoc/>
    public override int Connect(CvmThread thread, in SocketAddress address, Credentials self, bool mayWait, out StreamSocket? full)
    {
        full = null;
        Socket? found = null;
        var destination = default(SocketAddress);
        if (address.Family != SocketAbi.AF_UNSPEC)
        {
            var error = IsUnix ? Names.Find(thread, this, address, out found) : ConnectInet(address, out destination);
            if (error != 0)
                return error;
        }

        var peer = (DatagramSocket?)found;
        if (peer?.MayReceiveFrom(this) == false)
            return -Errno.EPERM;
        lock (_gate)
        {
            // The address that it was connected from goes with the connection (net/ipv4/udp.c, __udp_disconnect).
            if (_remote.Family != SocketAbi.AF_UNSPEC && destination.Family == SocketAbi.AF_UNSPEC)
                LocalAddress = LocalAddress with { Ip = _bound };
            (_remote, _peer) = (destination, peer);
        }

        Waiters.Wake();
        return 0;
    }

    /// <inheritdoc/>
    public override int Shutdown(bool reading, bool writing)
    {
        lock (_gate)
        {
            if (_remote.Family == SocketAbi.AF_UNSPEC && _peer is null)
                return -Errno.ENOTCONN;
            _isSendShut |= writing;
        }

        if (reading)
            Inbox.ShutReading();
        Waiters.Wake();
        return 0;
    }

    /// <inheritdoc/>
    public override long Send(CvmThread? thread, ref IoVector from, in Outgoing message, out Inbox? full)
    {
        full = null;
        if (TakeError() is > 0 and var pending)
            return -pending;
        if (_isSendShut)
            return -Errno.EPIPE;
        var error = FindReceiver(thread, message, from.Left, out var receiver, out var source, out var destination);
        if (error == -Errno.ENETUNREACH && Protocol == SocketAbi.IPPROTO_UDP && Stack.Bridge is { } bridge && InetNames.Speaks(this, destination.Ip))
            return bridge.Post(this, destination, ref from);
        if (error is -Errno.ECONNREFUSED or -Errno.ETIMEDOUT && !IsUnix)
            return Lose(ref from, error == -Errno.ECONNREFUSED, source, destination);
        if (error != 0)
            return error;
        var ancillary = message.Ancillary;
        if (ancillary is null && IsUnix && receiver!.Options.PassesCredentials)
            ancillary = new Ancillary([], message.Sender, Stack);
        var count = receiver!.Inbox.Send(ref from, source, ancillary, IsUnix ? default : message.Posting.DeliveryTo(destination.Ip, Options));
        if (count == -Errno.EAGAIN && IsUnix)
            full = receiver.Inbox;
        if (count == -Errno.EPIPE && IsUnix)
            return receiver.Inbox.IsClosed ? Disconnect(receiver) : -Errno.EPIPE;
        if (IsUnix || count is < 0 and not (-Errno.EAGAIN or -Errno.EPIPE))
            return count;
        if (count < 0)
        {
            // No room: the network may lose datagrams, and does.
            Count(receiver.Stack, destination.Ip, Counter.UdpNoRoom);
            count = from.Left;
            from.SkipRest();
        }

        Count(Stack, destination.Ip, Counter.UdpOut);
        Traffic.Count(Stack, receiver.Stack, !destination.Ip.IsMapped, Traffic.DatagramHeader + count);
        return count;
    }

    /// <inheritdoc/>
    internal override long Write(ref IoVector from) => Send(null, ref from, new Outgoing(default, null, Self), out _);

    /// <inheritdoc/>
    public override long Receive(ref IoVector to, bool peek, out Received received)
    {
        received = default;
        if (TakeError() is > 0 and var error)
            return -error;
        var count = Inbox.Receive(ref to, peek, out received);
        if (count >= 0 && !peek && received.Source.Family != SocketAbi.AF_UNSPEC)
            Count(Stack, received.Source.Ip, Counter.UdpIn);
        return count;
    }

    /// <inheritdoc/>
    public override long ReceiveError(ref IoVector to, out Received received)
    {
        received = default;
        if (_errors is not { } errors)
            return -Errno.EAGAIN;
        var count = errors.Receive(ref to, peek: false, out received);
        received = received with { IsError = count >= 0 };
        // The error is told as long as there are more (net/core/skbuff.c, sock_dequeue_err_skb).
        if (count >= 0 && !errors.IsReadable)
            TakeError();
        return count;
    }

    /// <summary>What could not be delivered is not asked for any more.</summary>
    public void ForgetErrors() => Interlocked.Exchange(ref _errors, null)?.Close();

    /// <inheritdoc/>
    public override int Poll()
    {
        var peer = _peer;
        return ErrorEvents | (_errors?.IsReadable == true ? FileAbi.POLLERR : 0) | (Inbox.IsReadable ? FileAbi.POLLIN : 0) | (Inbox.IsFinished ? FileAbi.POLLRDHUP : 0)
            | (Inbox.IsFinished && _isSendShut ? FileAbi.POLLHUP : 0)
            | (peer is null || peer.Inbox.IsWritable ? FileAbi.POLLOUT : 0);
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        Names.Unbind(this);
        Stack.Bridge?.Forget(this);
        Inbox.Close();
        _errors?.Close();
    }

    private int ConnectInet(in SocketAddress address, out SocketAddress destination)
    {
        destination = InetNames.Destination(address) with { Family = Family };
        var error = address.Family != Family && Options.IsOnly6 ? -Errno.EAFNOSUPPORT : InetNames.CheckDestination(this, destination);
        if (error == 0)
            error = Names.BindFor(this, destination);
        if (error == 0)
            error = Stack.InetNames.CheckRoute(this, destination);
        if (error != 0)
            return error;
        lock (_gate)
        {
            if (_remote.Family == SocketAbi.AF_UNSPEC)
                _bound = LocalAddress.Ip;
            LocalAddress = Stack.InetNames.SourceFor(this, destination);
        }

        return 0;
    }

    private bool MayReceiveFrom(DatagramSocket other)
    {
        lock (_gate)
            return _peer is null || _peer == other;
    }

    /// <summary>Who receives what is sent there: 0 or a negated errno, which of IP is not told at once where nobody does.</summary>
    private int FindReceiver(CvmThread? thread, in Outgoing message, long length, out DatagramSocket? receiver, out SocketAddress source, out SocketAddress destination)
    {
        var to = message.To;
        source = LocalAddress;
        lock (_gate)
        {
            receiver = to.Family == SocketAbi.AF_UNSPEC ? _peer : null;
            destination = receiver is not null ? default : to.Family == SocketAbi.AF_UNSPEC ? _remote : IsUnix ? to : InetNames.Destination(to);
        }

        if (receiver is not null)
            return 0;
        if (destination.Family == SocketAbi.AF_UNSPEC)
            return IsUnix ? -Errno.ENOTCONN : -Errno.EDESTADDRREQ;
        if (!IsUnix && length > MostBytes)
            return -Errno.EMSGSIZE;
        var error = Names.BindFor(this, destination);
        if (error != 0)
            return error;
        error = IsUnix
            ? Names.Find(thread, this, destination, out var found)
            : Stack.InetNames.Find(this, destination, message.Posting.Source, out source, out found);
        receiver = (DatagramSocket?)found;
        return error == 0 && IsUnix && !receiver!.MayReceiveFrom(this) ? -Errno.EPERM : error;
    }

    /// <summary>
    /// Nobody gets it. That a port is closed (ICMP) one that is connected is told at its next operation; who asked for it (IP_RECVERR) is told always, and what the
    /// message was (net/ipv4/udp.c, __udp4_lib_err).
    /// </summary>
    private long Lose(ref IoVector from, bool isPortClosed, in SocketAddress source, in SocketAddress destination)
    {
        // What fits behind the headers into the message that comes back (net/ipv4/icmp.c, net/ipv6/icmp.c).
        const int most4 = 520, most6 = 1184;
        const byte internetControl = 0xc0;
        var count = from.Left;
        var isOfIpv6 = !destination.Ip.IsMapped;
        Count(Stack, destination.Ip, Counter.UdpOut);
        if (isPortClosed && Stack.InetNames.Route(destination.Ip) is { } host)
        {
            Traffic.Count(Stack, host, isOfIpv6, Traffic.DatagramHeader + count);
            // What comes back has the beginning of it behind its own header.
            var room = (isOfIpv6 ? most6 : most4) + Traffic.HeaderOf(isOfIpv6) + Traffic.DatagramHeader;
            Traffic.Count(host, Stack, isOfIpv6, Traffic.DatagramHeader + Math.Min(room, Traffic.HeaderOf(isOfIpv6) + Traffic.DatagramHeader + count));
            Count(host, destination.Ip, Counter.UdpNoPorts);
            host.Traffic.Count(isOfIpv6, Counter.UnreachableOut);
            Stack.Traffic.Count(isOfIpv6, Counter.UnreachableIn);
        }

        // What a connected one has sent elsewhere, it hears nothing of.
        isPortClosed &= Takes(destination);
        var isAsked = isPortClosed && Options.IsOn(isOfIpv6 ? SocketAbi.IPPROTO_IPV6 : SocketAbi.IPPROTO_IP, isOfIpv6 ? SocketAbi.IPV6_RECVERR : SocketAbi.IP_RECVERR);
        if (isAsked)
        {
            Span<byte> bytes = stackalloc byte[most6];
            bytes = bytes[..(int)Math.Min(count, isOfIpv6 ? most6 : most4)];
            if (!from.TryTake(bytes))
                return -Errno.EFAULT;
            var errors = _errors;
            if (errors is null)
            {
                // Another thread may forget it at once (ForgetErrors).
                var made = new Inbox(Options, isMessages: true, Stack.Files, Waiters);
                errors = Interlocked.CompareExchange(ref _errors, made, null) ?? made;
            }

            var vector = new IoVector(bytes);
            // No room: this is lost, too.
            _ = errors.Send(ref vector, destination, null, new Delivery(source.Ip, Delivery.DefaultHops, isOfIpv6 ? (byte)0 : internetControl));
        }

        if (isAsked || (isPortClosed && PeerAddress.Family != SocketAbi.AF_UNSPEC))
            SetError(Errno.ECONNREFUSED);
        from.SkipRest();
        return count;
    }

    private void Count(NetworkStack stack, InternetAddress address, Counter counter)
    {
        if (Protocol == SocketAbi.IPPROTO_UDP)
            stack.Traffic.Count(!address.IsMapped, counter);
    }

    private long Disconnect(DatagramSocket receiver)
    {
        lock (_gate)
        {
            if (_peer == receiver)
                _peer = null;
        }

        return -Errno.ECONNREFUSED;
    }
}
