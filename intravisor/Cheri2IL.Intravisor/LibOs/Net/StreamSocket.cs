using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>A socket that connects: TCP, and Unix stream and seqpacket sockets. Each end sends into the other's <see cref="Inbox"/>.</summary>
internal sealed partial class StreamSocket : Socket
{
    /// <summary>Most connections that wait to be accepted, of which one more than the backlog says is let in.</summary>
    internal const int MostWaiting = MostBacklog + 1;

    /// <summary>net.core.somaxconn.</summary>
    private const int MostBacklog = 4096;

    private readonly Lock _gate = new();
    private State _state;
    private StreamSocket? _peer;
    private SocketAddress _remote;
    private bool _isSendShut;
    private bool _isReset;

    /// <summary>A connection that was made without waiting for it was told by no call of connect yet.</summary>
    private bool _isUntold;
    private bool _hasFailed;
    private int _backlog;
    private Queue<StreamSocket> _accepted = [];
    private Queue<StreamSocket> _waiting = [];

    /// <summary>Makes a socket that is not connected.</summary>
    public StreamSocket(NetworkStack stack, int family, int type, SocketOptions? options = null)
        : base(stack, family, type, family == SocketAbi.AF_UNIX ? 0 : SocketAbi.IPPROTO_TCP, options ?? new SocketOptions())
        => LocalAddress = family == SocketAbi.AF_UNIX ? SocketAddress.Nameless : SocketAddress.OfInet(family, family == SocketAbi.AF_INET ? InternetAddress.Map(0) : InternetAddress.Any6, 0);

    private enum State
    {
        Idle,
        Listening,
        Connecting,
        Connected,
    }

    /// <summary>Whether it listens (SO_ACCEPTCONN).</summary>
    public bool IsListening => Is(State.Listening);

    /// <summary>Whether a connection can be offered to it without waiting, or is refused.</summary>
    public bool HasRoom
    {
        get
        {
            lock (_gate)
                return _state != State.Listening || _accepted.Count <= _backlog;
        }
    }

    /// <inheritdoc/>
    public override SocketAddress PeerAddress
    {
        get
        {
            if (ConnectedHost is { State: Closed })
                return default;
            lock (_gate)
                return _state != State.Connected || _isReset ? default : IsUnix ? _peer!.LocalAddress : _remote;
        }
    }

    /// <inheritdoc/>
    // Who waits for room in a connection of the host gets as much as it takes.
    internal override int Room => ConnectedHost is { } host ? IsNonBlocking ? host.Room : int.MaxValue : _peer?.Inbox.Room ?? 0;

    /// <inheritdoc/>
    public override long Available => ConnectedHost?.Available ?? base.Available;

    /// <summary>Makes two sockets that are connected with each other.</summary>
    public static (StreamSocket First, StreamSocket Second) Pair(NetworkStack stack, int type, Credentials self)
    {
        var first = new StreamSocket(stack, SocketAbi.AF_UNIX, type) { Self = self };
        var second = new StreamSocket(stack, SocketAbi.AF_UNIX, type) { Self = self };
        Join(first, second);
        return (first, second);
    }

    /// <inheritdoc/>
    public override int Listen(int backlog, Credentials self)
    {
        if (IsUnix && !IsBound)
            return -Errno.EINVAL;
        lock (_gate)
        {
            if (_state is not (State.Idle or State.Listening))
                return -Errno.EINVAL;
        }

        var error = IsUnix ? 0 : Names.BindFor(this, LocalAddress);
        if (error != 0)
            return error;
        if (!IsUnix && !Stack.InetNames.MayListen(this))
            return -Errno.EADDRINUSE;
        lock (_gate)
        {
            (_state, Self) = (State.Listening, self);
            _backlog = (uint)backlog > MostBacklog ? MostBacklog : backlog;
        }

        Waiters.Wake();
        return 0;
    }

    /// <inheritdoc/>
    public override Socket? Accept(out int error)
    {
        StreamSocket? accepted, next = null;
        lock (_gate)
        {
            error = _state != State.Listening ? -Errno.EINVAL : _accepted.Count == 0 ? -Errno.EAGAIN : 0;
            if (error != 0)
                return null;
            accepted = _accepted.Dequeue();
            accepted.IsUnaccepted = false;
            while (_waiting.TryDequeue(out next) && !next.Is(State.Connecting))
            {
                // It was closed meanwhile.
            }
        }

        next?.Resume(this);
        Waiters.Wake(FileAbi.POLLOUT);
        return accepted;
    }

    /// <inheritdoc/>
    public override int Connect(CvmThread thread, in SocketAddress address, Credentials self, bool mayWait, out StreamSocket? full)
    {
        full = null;
        var error = BeginConnect(address);
        if (error != 0 || address.Family == SocketAbi.AF_UNSPEC || Is(State.Connected))
            return error;
        Self = self;
        var found = default(Socket);
        error = IsUnix ? 0 : InetNames.CheckDestination(this, address);
        if (error == 0)
            error = Names.Find(thread, this, address, out found);
        if (error == 0)
            error = Names.BindFor(this, InetNames.Destination(address));
        if (error == 0)
            error = found is StreamSocket listener ? Offer(listener, address, mayWait, out full) : Stack.ConnectOutside(this, address);
        if (error == 0 && !mayWait && !IsUnix)
        {
            CountAttempt(address.Ip, error);
            // As through the loopback device, where the answer comes after the call has returned.
            _isUntold = true;
            return -Errno.EINPROGRESS;
        }

        if (!IsUnix)
            CountAttempt(address.Ip, error);
        if (error == -Errno.ECONNREFUSED && !mayWait && !IsUnix)
        {
            Fail(Errno.ECONNREFUSED);
            return -Errno.EINPROGRESS;
        }

        return error;
    }

    /// <summary>A connection that was begun could not be made.</summary>
    private void Fail(int error)
    {
        lock (_gate)
        {
            _state = State.Idle;
            _hasFailed = true;
        }

        SetError(error);
    }

    /// <inheritdoc/>
    public override int Shutdown(bool reading, bool writing)
    {
        if (ConnectedHost is { } host)
            return host.Shutdown(reading, writing);
        lock (_gate)
        {
            if (_state == State.Listening && !IsUnix && reading)
                _state = State.Idle;
            else if (_state != State.Connected || _isReset)
                return -Errno.ENOTCONN;
        }

        if (!Is(State.Connected))
        {
            RefuseWaiting();
            Waiters.Wake();
            return 0;
        }

        if (writing)
        {
            Volatile.Write(ref _isSendShut, true);
            _peer!.Inbox.Finish();
        }

        if (reading && IsUnix)
            Inbox.Finish();
        else if (reading)
            Inbox.ShutReading();
        Waiters.Wake();
        _peer!.Waiters.Wake();
        return 0;
    }

    /// <inheritdoc/>
    public override long Send(CvmThread? thread, ref IoVector from, in Outgoing message, out Inbox? full)
    {
        if (IsUnix && message.To.Family != SocketAbi.AF_UNSPEC && Type == SocketAbi.SOCK_STREAM)
        {
            full = null;
            return Is(State.Connected) ? -Errno.EISCONN : -Errno.EOPNOTSUPP;
        }

        full = null;
        if (ConnectedHost is { } host)
            return host.Send(ref from, message.IsUrgent);
        if (!Is(State.Connected))
            return IsUnix ? -Errno.ENOTCONN : Is(State.Connecting) ? -Errno.EAGAIN : -Errno.EPIPE;
        if (!IsUnix && TakeError() is > 0 and var error)
            return -error;
        if (_isSendShut || _isReset)
            return -Errno.EPIPE;
        var (peer, ancillary) = (_peer!, message.Ancillary);
        if (ancillary is null && peer.Options.PassesCredentials && IsUnix)
            ancillary = new Ancillary([], message.Sender, Stack);
        var count = peer.Inbox.Send(ref from, LocalAddress, ancillary, isUrgent: message.IsUrgent);
        if (message.IsUrgent && count > 0)
            peer.TellUrgent();
        if (count == -Errno.EAGAIN)
            full = peer.Inbox;
        if (count != -Errno.EPIPE || IsUnix || !peer.Inbox.IsClosed)
            return count;
        // What is sent to an end that is closed goes out; the answer is a reset.
        count = from.Left;
        from.SkipRest();
        _isReset = true;
        SetError(Errno.EPIPE);
        return count;
    }

    /// <summary>Asks a socket that listens for a connection.</summary>
    /// <param name="listener">The socket that listens.</param>
    /// <param name="address">By what address it was found.</param>
    /// <param name="mayWait">Whether the caller waits where there is no room for connections.</param>
    /// <param name="full">Of -EAGAIN: the socket that has none.</param>
    internal int Offer(StreamSocket listener, in SocketAddress address, bool mayWait, out StreamSocket? full)
    {
        full = null;
        lock (listener._gate)
        {
            if (listener._state != State.Listening)
                return -Errno.ECONNREFUSED;
            if (listener._accepted.Count > listener._backlog)
            {
                if (mayWait || IsUnix)
                {
                    full = listener;
                    return -Errno.EAGAIN;
                }

                lock (_gate)
                    (_state, _remote) = (State.Connecting, address);
                listener._waiting.Enqueue(this);
                return -Errno.EINPROGRESS;
            }

            var accepted = new StreamSocket(listener.Stack, listener.Family, Type, listener.Options.Inherit())
            {
                LocalAddress = IsUnix ? listener.LocalAddress : InetNames.Seen(listener, address),
                IsBound = true,
                IsUnaccepted = true,
                FoundBy = listener.Node,
                Self = listener.Self,
                _remote = IsUnix ? LocalAddress : LocalAddress with { Family = listener.Family },
            };
            _remote = IsUnix ? listener.LocalAddress : accepted.LocalAddress with { Family = Family };
            Join(this, accepted);
            listener._accepted.Enqueue(accepted);
            if (!IsUnix)
                listener.Stack.Traffic.Count(!accepted.LocalAddress.Ip.IsMapped, Counter.PassiveOpens);
        }

        listener.Waiters.Wake(FileAbi.POLLIN);
        return 0;
    }

    /// <inheritdoc/>
    internal override long Write(ref IoVector from) => Send(null, ref from, new Outgoing(default, null, Self), out _);

    /// <inheritdoc/>
    public override long Receive(ref IoVector to, bool peek, out Received received)
    {
        received = default;
        if (ConnectedHost is { } host)
            return to.Left == 0 ? 0 : host.Receive(ref to, peek);
        if (!Is(State.Connected))
        {
            if (TakeError() is > 0 and var failure)
                return -failure;
            return Is(State.Connecting) ? -Errno.EAGAIN : IsUnix ? -Errno.EINVAL : -Errno.ENOTCONN;
        }

        if (to.Left == 0 && Type == SocketAbi.SOCK_STREAM)
            return 0;
        var count = Inbox.Receive(ref to, peek, out received);
        return count is 0 or -Errno.EAGAIN && TakeError() is > 0 and var error ? -error : count;
    }

    /// <summary>Receives the urgent byte (MSG_OOB): 1, 0 without room for it, or a negated errno.</summary>
    public long ReceiveUrgent(ref IoVector to, bool peek)
        => ConnectedHost is { } host ? host.Receive(ref to, peek, isUrgent: true) : Is(State.Listening) ? -Errno.ENOTCONN : Inbox.ReceiveUrgent(ref to, peek);

    /// <summary>Whether what is read next is behind the mark of urgent data (SIOCATMARK).</summary>
    public bool IsAtMark => ConnectedHost is { } host ? host.IsAtMark : Inbox.IsAtMark;

    /// <inheritdoc/>
    public override int Poll()
    {
        if (ConnectedHost is { } host)
            return host.Poll();
        lock (_gate)
        {
            switch (_state)
            {
                case State.Listening:
                    return ErrorEvents | (_accepted.Count > 0 ? FileAbi.POLLIN : 0);
                case State.Connecting:
                    return ErrorEvents;
                case State.Idle:
                    // Nothing is to be waited for; of one that failed to connect, the end can be read, too.
                    return FileAbi.POLLOUT | FileAbi.POLLHUP | ErrorEvents | (_hasFailed ? FileAbi.POLLIN | FileAbi.POLLRDHUP : 0);
            }
        }

        var isOver = Inbox.IsFinished;
        var isGone = _isReset || (isOver && _isSendShut) || (IsUnix && _peer!.Inbox.IsClosed);
        return ErrorEvents
            | (Inbox.IsReadable || isGone ? FileAbi.POLLIN : 0)
            | (Inbox.HasUrgent ? FileAbi.POLLPRI : 0)
            | (isOver || isGone ? FileAbi.POLLRDHUP : 0)
            | (_isSendShut || isGone || _peer!.Inbox.IsWritable ? FileAbi.POLLOUT : 0)
            | (isGone ? FileAbi.POLLHUP : 0);
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        Names.Unbind(this);
        bool isConnected;
        lock (_gate)
        {
            isConnected = _state == State.Connected;
            _state = isConnected ? _state : State.Idle;
        }

        RefuseWaiting();
        var hadUnread = Inbox.Close();
        if ((_host ?? _connecting) is { } host)
        {
            Waiters.Attach(null);
            host.Close(reset: Options.LingerSeconds == 0);
            return;
        }

        if (!isConnected)
            return;
        if (!IsUnix)
            Stack.Traffic.Add(this);
        if (hadUnread || Options.LingerSeconds == 0)
        {
            if (!IsUnix && !_isReset)
                CountReset(isOut: true);
            _peer!.Reset();
        }
        else
        {
            _peer!.Inbox.Finish();
        }

        _peer.Waiters.Wake();
    }

    private bool Is(State state)
    {
        if (_connecting is not null)
            Settle();
        lock (_gate)
            return _state == state;
    }

    /// <summary>The other end gave up the connection with something unread or unsent.</summary>
    private void Reset()
    {
        if (!IsUnix && !_isReset && !Inbox.IsClosed)
            CountReset(isOut: false);
        _isReset = !IsUnix;
        SetError(Errno.ECONNRESET);
        Inbox.Finish();
    }

    /// <summary>Whether connect may begin; 0 also where there is nothing left to do.</summary>
    private int BeginConnect(in SocketAddress address)
    {
        if (_connecting is not null)
            Settle();
        lock (_gate)
        {
            switch (_state)
            {
                case State.Listening:
                    return IsUnix ? -Errno.EINVAL : -Errno.EISCONN;
                case State.Connecting:
                    return -Errno.EALREADY;
                case State.Connected when !_isUntold:
                    return -Errno.EISCONN;
            }

            _isUntold = false;
            if (_hasFailed)
            {
                _hasFailed = false;
                if (TakeError() is > 0 and var error)
                    return -error;
            }

            return 0;
        }
    }

    private void CountAttempt(InternetAddress address, int error)
    {
        if (error is 0 or -Errno.EINPROGRESS or -Errno.ECONNREFUSED)
            Stack.Traffic.Count(!address.IsMapped, Counter.ActiveOpens);
        if (error != -Errno.ECONNREFUSED)
            return;
        Stack.Traffic.Count(!address.IsMapped, Counter.AttemptFails);
        Stack.InetNames.Route(address)?.Traffic.Count(!address.IsMapped, Counter.ResetsOut);
    }

    /// <summary>A connection ends with a reset, which is one of an established connection if this end could still send.</summary>
    private void CountReset(bool isOut)
    {
        var isOfIpv6 = !LocalAddress.Ip.IsMapped;
        if (isOut)
            Stack.Traffic.Count(isOfIpv6, Counter.ResetsOut);
        if (!_isSendShut)
            Stack.Traffic.Count(isOfIpv6, Counter.Resets);
    }

    /// <summary>There is room for a connection that had to wait.</summary>
    private void Resume(StreamSocket listener)
    {
        lock (_gate)
            _state = State.Idle;
        if (Offer(listener, _remote, mayWait: false, out _) == -Errno.ECONNREFUSED)
            Fail(Errno.ECONNREFUSED);
        else
            _isUntold = Is(State.Connected);
        Waiters.Wake();
    }

    /// <summary>Nobody will accept any more.</summary>
    private void RefuseWaiting()
    {
        Queue<StreamSocket> accepted, waiting;
        lock (_gate)
        {
            (accepted, _accepted) = (_accepted, []);
            (waiting, _waiting) = (_waiting, []);
        }

        foreach (var socket in accepted)
        {
            socket._peer?.Reset();
            if (socket._host is not null)
                socket.Options.LingerSeconds = 0;
            socket.Close();
        }

        foreach (var socket in waiting)
            socket.Fail(Errno.ECONNREFUSED);
    }

    private static void Join(StreamSocket one, StreamSocket other)
    {
        (one.Inbox.Space, other.Inbox.Space) = (other.Waiters, one.Waiters);
        (one.PeerCredentials, other.PeerCredentials) = (other.Self, one.Self);
        // From here on the other end may be used; both are complete.
        (one._peer, other._peer) = (other, one);
        other.SetConnected();
        one.SetConnected();
    }

    private void SetConnected()
    {
        lock (_gate)
            _state = State.Connected;
        Waiters.Wake();
    }
}
