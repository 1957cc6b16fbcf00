using System.Net;
using System.Net.Sockets;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>TCP of the host, through .NET.</summary>
public sealed class HostNetwork : IHostNetwork
{
    private const int Backlog = 512;

    private HostNetwork()
    {
    }

    /// <summary>The one instance: it has no state.</summary>
    public static HostNetwork Instance { get; } = new();

    /// <inheritdoc/>
    public IHostListener Listen(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(address);
            socket.Listen(Backlog);
            return new Listener(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<IHostConnection> ConnectAsync(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(address).ConfigureAwait(false);
            return new Connection(socket, address);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<IPAddress[]> ResolveAsync(string host)
    {
        try
        {
            return await Dns.GetHostAddressesAsync(host).ConfigureAwait(false);
        }
        catch (SocketException)
        {
            return [];
        }
    }

    private sealed class Listener(Socket socket) : IHostListener
    {
        public async Task<IHostConnection?> AcceptAsync()
        {
            while (true)
            {
                try
                {
                    var accepted = await socket.AcceptAsync().ConfigureAwait(false);
                    return new Connection(accepted, (IPEndPoint)accepted.RemoteEndPoint!);
                }
                catch (ObjectDisposedException)
                {
                    return null;
                }
                catch (SocketException error) when (error.SocketErrorCode is SocketError.OperationAborted)
                {
                    return null;
                }
                catch (SocketException)
                {
                    // That connection is gone, or the host is short of descriptors: the next may do better.
                    await Task.Delay(TimeSpan.FromMilliseconds(100)).ConfigureAwait(false);
                }
            }
        }

        public void Dispose() => socket.Dispose();
    }

    private sealed class Connection : IHostConnection
    {
        private readonly Socket _socket;
        private bool _isSent;
        private bool _isReceived;

        public Connection(Socket socket, IPEndPoint peer)
        {
            (_socket, Peer) = (socket, peer);
            socket.NoDelay = true;
            // For TrySend; what is asynchronous does not care.
            socket.Blocking = false;
        }

        public IPEndPoint Peer { get; }

        public async ValueTask<int> ReceiveAsync(Memory<byte> buffer)
        {
            var count = await _socket.ReceiveAsync(buffer, SocketFlags.None).ConfigureAwait(false);
            Volatile.Write(ref _isReceived, count == 0);
            return count;
        }

        public int TrySend(ReadOnlySpan<byte> bytes)
        {
            var count = _socket.Send(bytes, SocketFlags.None, out var error);
            return error switch
            {
                SocketError.Success => count,
                SocketError.WouldBlock => 0,
                _ => throw new SocketException((int)error),
            };
        }

        public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
        {
            while (!bytes.IsEmpty)
                bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None).ConfigureAwait(false)..];
        }

        public void FinishSending()
        {
            Volatile.Write(ref _isSent, true);
            _socket.Shutdown(SocketShutdown.Send);
        }

        public void Dispose()
        {
            if (!Volatile.Read(ref _isSent) || !Volatile.Read(ref _isReceived))
                _socket.LingerState = new LingerOption(enable: true, seconds: 0);
            _socket.Dispose();
        }
    }
}
