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
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
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
                    accepted.NoDelay = true;
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

    private sealed class Connection(Socket socket, IPEndPoint peer) : IHostConnection
    {
        private bool _isSent;
        private bool _isReceived;

        public IPEndPoint Peer => peer;

        public async ValueTask<int> ReceiveAsync(Memory<byte> buffer)
        {
            var count = await socket.ReceiveAsync(buffer, SocketFlags.None).ConfigureAwait(false);
            Volatile.Write(ref _isReceived, count == 0);
            return count;
        }

        public int TrySend(ReadOnlySpan<byte> bytes)
        {
            // Else it would wait; what is asynchronous does not care.
            socket.Blocking = false;
            var count = socket.Send(bytes, SocketFlags.None, out var error);
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
                bytes = bytes[await socket.SendAsync(bytes, SocketFlags.None).ConfigureAwait(false)..];
        }

        public void FinishSending()
        {
            Volatile.Write(ref _isSent, true);
            socket.Shutdown(SocketShutdown.Send);
        }

        public void Dispose()
        {
            if (!Volatile.Read(ref _isSent) || !Volatile.Read(ref _isReceived))
                socket.LingerState = new LingerOption(enable: true, seconds: 0);
            socket.Dispose();
        }
    }
}
