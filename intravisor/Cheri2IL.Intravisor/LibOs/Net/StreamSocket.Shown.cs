namespace Cheri2IL.Intravisor.LibOs.Net;

/// <content>What /proc/net shows of it.</content>
internal sealed partial class StreamSocket
{
    /// <summary>Connections that wait to be accepted.</summary>
    internal StreamSocket[] Unaccepted
    {
        get
        {
            lock (_gate)
                return [.. _accepted];
        }
    }

    /// <summary>Most of those that listen lets in.</summary>
    internal int Backlog => _backlog;

    /// <inheritdoc/>
    internal override Socket? Peer => _peer;

    /// <inheritdoc/>
    internal override int ShutDown => IsUnix && _peer?.Inbox.IsClosed == true ? 3 : base.ShutDown;

    /// <inheritdoc/>
    protected override bool IsSendShut => _isSendShut;

    /// <summary>State, in the words of TCP (include/net/tcp_states.h; 0: none that anybody is shown), the other end, and what waits to be read or accepted.</summary>
    internal (byte State, SocketAddress Remote, long Waiting) Shown
    {
        get
        {
            const byte established = 1, synSent = 2, finWait2 = 5, closeWait = 8, listen = 10;
            if (ConnectedHost is { } host)
                return host.State is var state and not Closed ? (state, _remote, Math.Max(0, host.Available)) : default;
            lock (_gate)
            {
                return _state switch
                {
                    State.Listening => (listen, default, _accepted.Count),
                    State.Connecting => (synSent, _remote, 0),
                    State.Connected when !_isReset && !(_isSendShut && Inbox.IsFinished) => (_isSendShut ? finWait2 : Inbox.IsFinished ? closeWait : established, _remote, Inbox.Available),
                    _ => default,
                };
            }
        }
    }
}
