using System.Net;
using System.Runtime.InteropServices;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>TCP of the host, for what a cVM publishes and where it may connect to: part of the host interface. Thread-safe.</summary>
/// <remarks>
/// A connection is a descriptor of a stream socket of this process, of any family: whoever wants to see or change what passes hands out one end of a
/// socketpair. The cVM's own threads receive, send and wait by it, without another thread in between.
/// </remarks>
public interface IHostNetwork
{
    /// <summary>Listens at a port.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">It cannot.</exception>
    IHostListener Listen(IPEndPoint address);

    /// <summary>
    /// Begins to connect, and waits for nothing: the descriptor can be written to as soon as the connection is made, or has failed, which SO_ERROR then tells.
    /// It belongs to the caller.
    /// </summary>
    /// <exception cref="System.Net.Sockets.SocketException">It cannot.</exception>
    SafeHandle Connect(IPEndPoint address);

    /// <summary>Addresses of a host; empty if it has none.</summary>
    Task<IPAddress[]> ResolveAsync(string host);
}

/// <summary>A port of the host at which connections arrive. Disposing it ends a wait for one.</summary>
public interface IHostListener : IDisposable
{
    /// <summary>The next connection; null when the listener was disposed.</summary>
    Task<HostConnection?> AcceptAsync();
}

/// <summary>A connection that arrived at the host.</summary>
/// <param name="Descriptor">Its descriptor, which belongs to whoever accepted it.</param>
/// <param name="Peer">The other end.</param>
public sealed record HostConnection(SafeHandle Descriptor, IPEndPoint Peer);
