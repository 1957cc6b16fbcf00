namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Connections to what is no cVM.</summary>
internal interface IOutside
{
    /// <summary>
    /// Begins to connect a socket: -EINPROGRESS, after which <see cref="StreamSocket.Establish"/> or <see cref="StreamSocket.Fail"/> is called, or
    /// another negated errno: -ENETUNREACH where the cVM may not connect to.
    /// </summary>
    int Connect(StreamSocket socket, in SocketAddress address);
}
