using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>TCP and UDP of the host.</summary>
public sealed partial class HostNetwork : IHostNetwork
{
    private const int Backlog = 512;
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;

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
    // By the host's calls: .NET's thread would go on being told of everything that happens to a socket of its own.
    public unsafe SafeHandle Connect(IPEndPoint address)
    {
        var descriptor = NativeSocket(address.AddressFamily == AddressFamily.InterNetwork ? SocketAbi.AF_INET : SocketAbi.AF_INET6, SocketAbi.SOCK_STREAM | NonBlocking | CloseOnExec, 0);
        if (descriptor < 0)
            throw Error(Marshal.GetLastPInvokeError());
        var socket = new HostDescriptor(descriptor);
        HostDescriptor.SetOption(socket, SocketAbi.IPPROTO_TCP, SocketAbi.TCP_NODELAY, 1);
        var name = address.Serialize();
        int result;
        fixed (byte* bytes = name.Buffer.Span)
            result = NativeConnect(descriptor, bytes, (uint)name.Size);
        if (result == 0 || Marshal.GetLastPInvokeError() is Errno.EINPROGRESS)
            return socket;
        var error = Error(Marshal.GetLastPInvokeError());
        socket.Dispose();
        throw error;
    }

    /// <inheritdoc/>
    public IHostDatagrams Bind(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };
        try
        {
            socket.Bind(address);
            return new Datagrams(socket);
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

    private static SocketException Error(int number) => new(number switch
    {
        Errno.ECONNREFUSED => (int)SocketError.ConnectionRefused,
        Errno.ENETUNREACH => (int)SocketError.NetworkUnreachable,
        Errno.ETIMEDOUT => (int)SocketError.TimedOut,
        Errno.EMFILE or Errno.ENFILE => (int)SocketError.TooManyOpenSockets,
        Errno.EADDRNOTAVAIL => (int)SocketError.AddressNotAvailable,
        _ => (int)SocketError.HostUnreachable,
    });

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int NativeSocket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    private static unsafe partial int NativeConnect(int socket, byte* address, uint length);

    private sealed class Listener(Socket socket) : IHostListener
    {
        public async Task<HostConnection?> AcceptAsync()
        {
            while (true)
            {
                try
                {
                    using var accepted = await socket.AcceptAsync().ConfigureAwait(false);
                    accepted.NoDelay = true;
                    return new HostConnection(HostDescriptor.Duplicate(accepted.SafeHandle), (IPEndPoint)accepted.RemoteEndPoint!);
                }
                catch (ObjectDisposedException)
                {
                    return null;
                }
                catch (SocketException error) when (error.SocketErrorCode is SocketError.OperationAborted)
                {
                    return null;
                }
                catch (Exception error) when (error is SocketException or IOException)
                {
                    // That connection is gone, or the host is short of descriptors: the next may do better.
                    await Task.Delay(TimeSpan.FromMilliseconds(100)).ConfigureAwait(false);
                }
            }
        }

        public void Dispose() => socket.Dispose();
    }

    private sealed class Datagrams(Socket socket) : IHostDatagrams
    {
        public void Send(ReadOnlySpan<byte> bytes, IPEndPoint to)
        {
            try
            {
                _ = socket.SendTo(bytes, SocketFlags.None, to);
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.WouldBlock or SocketError.NoBufferSpaceAvailable)
            {
                // It is lost.
            }
        }

        public async Task<HostDatagram?> ReceiveAsync(Memory<byte> buffer)
        {
            var anywhere = new IPEndPoint(socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
            while (true)
            {
                try
                {
                    var received = await socket.ReceiveFromAsync(buffer, SocketFlags.None, anywhere).ConfigureAwait(false);
                    return new HostDatagram(received.ReceivedBytes, (IPEndPoint)received.RemoteEndPoint);
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
                    // What became of one that was sent (ICMP); those that come are not concerned.
                }
            }
        }

        public void Dispose() => socket.Dispose();
    }
}
