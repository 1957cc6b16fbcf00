using System.Net;
using System.Runtime.InteropServices;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>TCP and UDP of the host, for what a cVM publishes and where it may connect or send to: part of the host interface. Thread-safe.</summary>
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

    /// <summary>Sends and receives datagrams by a port; 0: any.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">It cannot.</exception>
    IHostDatagrams Bind(IPEndPoint address);

    /// <summary>Addresses of a host; empty if it has none.</summary>
    Task<IPAddress[]> ResolveAsync(string host);
}

/// <summary>A port of the host at which connections arrive. Disposing it ends a wait for one.</summary>
public interface IHostListener : IDisposable
{
    /// <summary>The next connection; null when the listener was disposed.</summary>
    Task<HostConnection?> AcceptAsync();
}

/// <summary>A port of the host for datagrams. Disposing it ends a wait for one.</summary>
public interface IHostDatagrams : IDisposable
{
    /// <summary>Sends a datagram. One for which there is no room at the moment is lost, as any may be.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">It cannot be sent there.</exception>
    void Send(ReadOnlySpan<byte> bytes, IPEndPoint to);

    /// <summary>The next datagram: its bytes, cut off where the buffer ends, and who sent it; null when this was disposed.</summary>
    Task<HostDatagram?> ReceiveAsync(Memory<byte> buffer);
}

/// <summary>A datagram that arrived at the host.</summary>
/// <param name="Length">Bytes that were received.</param>
/// <param name="From">Who sent it.</param>
public sealed record HostDatagram(int Length, IPEndPoint From);

/// <summary>A connection that arrived at the host.</summary>
/// <param name="Descriptor">Its descriptor, which belongs to whoever accepted it.</param>
/// <param name="Peer">The other end.</param>
public sealed record HostConnection(SafeHandle Descriptor, IPEndPoint Peer);
