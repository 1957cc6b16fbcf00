using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <content>Connections whose other end is the host's: its kernel is asked for everything.</content>
internal sealed partial class StreamSocket
{
    /// <summary>Bytes of struct tcp_info.</summary>
    internal const int InfoBytes = 248;

    /// <summary>State of a connection of TCP that is over (include/net/tcp_states.h).</summary>
    private const byte Closed = 7;

    /// <summary>The other end that it is connected with; null: it is in the cVMs' network, if anywhere.</summary>
    private volatile HostStream? _host;

    /// <summary>What it is to be connected with, as long as nobody has found out that it is.</summary>
    private volatile HostStream? _connecting;

    /// <summary>The other end, if it is connected with one of the host by now.</summary>
    private HostStream? ConnectedHost
    {
        get
        {
            if (_connecting is not null)
                Settle();
            return _host;
        }
    }

    /// <inheritdoc/>
    public override int TakeError()
    {
        var host = ConnectedHost;
        return base.TakeError() is not 0 and var error ? error : host?.TakeError() ?? 0;
    }

    /// <summary>Tells the kernel which options were set.</summary>
    internal void TellHost()
    {
        if ((_host ?? _connecting) is not { } host)
            return;
        foreach (var (level, option, value) in Options.ForHost)
            host.SetOption(level, option, value);
    }

    /// <summary>TCP_INFO: bytes. All of it is told of a connection of the host.</summary>
    internal int GetInfo(Span<byte> info)
    {
        if (ConnectedHost?.GetInfo(info) is > 0 and var count)
            return count;
        info[0] = Shown.State is not 0 and var state ? state : Closed;
        return InfoBytes;
    }

    /// <summary>Begins to be connected: whoever looks at it finds out when it is.</summary>
    /// <param name="host">What begins to connect.</param>
    /// <param name="remote">The other end, in the guest's words.</param>
    internal void Begin(HostStream host, in SocketAddress remote)
    {
        lock (_gate)
            (_state, _connecting, _remote) = (State.Connecting, host, remote);
        TellHost();
        Waiters.Attach(host.Descriptor);
    }

    /// <summary>Offers a connection of the host to this socket, which listens: 0, and it is the accepted socket's, -EAGAIN without room, or -ECONNREFUSED.</summary>
    /// <param name="host">The connection.</param>
    /// <param name="address">By what address this was found.</param>
    /// <param name="remote">The other end, in the guest's words.</param>
    internal int Offer(HostStream host, in SocketAddress address, in SocketAddress remote)
    {
        lock (_gate)
        {
            if (_state != State.Listening)
                return -Errno.ECONNREFUSED;
            if (_accepted.Count > _backlog)
                return -Errno.EAGAIN;
            var accepted = new StreamSocket(Stack, Family, Type, Options.Inherit())
            {
                LocalAddress = InetNames.Seen(this, address),
                IsBound = true,
                IsUnaccepted = true,
                Self = Self,
                _remote = remote with { Family = Family },
                _host = host,
                _state = State.Connected,
            };
            accepted.TellHost();
            accepted.Waiters.Attach(host.Descriptor);
            _accepted.Enqueue(accepted);
            Stack.Traffic.Count(!address.Ip.IsMapped, Counter.PassiveOpens);
        }

        Waiters.Wake(FileAbi.POLLIN);
        return 0;
    }

    /// <summary>Finds out whether a connection that was begun to the host is made, or could not be.</summary>
    private void Settle()
    {
        int error;
        HostStream host;
        lock (_gate)
        {
            if (_connecting is not { } connecting || connecting.Poll() == 0)
                return;
            host = connecting;
            error = host.TakeError();
            // Whoever sees that it is not connecting any more sees what it is instead.
            if (error == 0)
                (_state, _isUntold, _host) = (State.Connected, true, host);
            else
                (_state, _hasFailed) = (State.Idle, true);
            _connecting = null;
            if (error == 0)
                return;
        }

        Waiters.Attach(null);
        host.Close(reset: false);
        SetError(error);
    }
}
