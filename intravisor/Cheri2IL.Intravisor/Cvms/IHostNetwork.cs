using System.Net;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>TCP of the host, for what a cVM publishes and where it may connect to: part of the host interface. Thread-safe.</summary>
public interface IHostNetwork
{
    /// <summary>Listens at a port.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">It cannot.</exception>
    IHostListener Listen(IPEndPoint address);

    /// <summary>Connects.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">It cannot.</exception>
    Task<IHostConnection> ConnectAsync(IPEndPoint address);

    /// <summary>Addresses of a host; empty if it has none.</summary>
    Task<IPAddress[]> ResolveAsync(string host);
}

/// <summary>A port of the host at which connections arrive. Disposing it ends a wait for one.</summary>
public interface IHostListener : IDisposable
{
    /// <summary>The next connection; null when the listener was disposed.</summary>
    Task<IHostConnection?> AcceptAsync();
}

/// <summary>A connection of the host. Disposing it ends every wait, and resets it unless both directions are at their end.</summary>
public interface IHostConnection : IDisposable
{
    /// <summary>The other end.</summary>
    IPEndPoint Peer { get; }

    /// <summary>Receives; 0 at the end.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">The connection is gone.</exception>
    ValueTask<int> ReceiveAsync(Memory<byte> buffer);

    /// <summary>Sends what can be sent without waiting; how many bytes.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">The connection is gone.</exception>
    int TrySend(ReadOnlySpan<byte> bytes);

    /// <summary>Sends all.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">The connection is gone.</exception>
    ValueTask SendAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>Nothing more is sent.</summary>
    void FinishSending();
}
