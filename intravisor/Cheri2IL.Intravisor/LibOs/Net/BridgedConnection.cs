using System.Buffers;
using System.Net.Sockets;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Passes bytes between a socket in a cVM's network and a connection of the host, as fast as the slower takes them.</summary>
/// <param name="end">The socket, with a reference that is given up at the end.</param>
/// <param name="connection">The connection, which is closed then.</param>
internal sealed class BridgedConnection(StreamSocket end, IHostConnection connection)
{
    private const int BufferBytes = 1 << 16;

    /// <summary>Passes bytes on until both directions are at their end, or one is broken.</summary>
    public async Task RunAsync()
    {
        try
        {
            await Task.WhenAll(ToHostAsync(), ToGuestAsync()).ConfigureAwait(false);
        }
        finally
        {
            end.Release();
            connection.Dispose();
        }
    }

    private async Task ToHostAsync()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            while (true)
            {
                var count = Receive(buffer);
                if (count == -Errno.EAGAIN)
                {
                    await AsyncWaiter.WaitAsync(end.Waiters, FileAbi.POLLIN | FileAbi.POLLHUP | FileAbi.POLLERR, () => (end.Poll() & FileAbi.POLLIN) != 0).ConfigureAwait(false);
                    continue;
                }

                if (count <= 0)
                {
                    if (count == 0)
                        connection.FinishSending();
                    else
                        connection.Dispose();
                    return;
                }

                await connection.SendAsync(buffer.AsMemory(0, (int)count)).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            Break();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task ToGuestAsync()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            while (true)
            {
                var count = await connection.ReceiveAsync(buffer).ConfigureAwait(false);
                if (count == 0)
                {
                    end.Shutdown(reading: false, writing: true);
                    return;
                }

                for (var done = 0; done < count;)
                {
                    var sent = Send(buffer.AsSpan(done, count - done));
                    if (sent == -Errno.EAGAIN)
                        await AsyncWaiter.WaitAsync(end.Waiters, FileAbi.POLLOUT | FileAbi.POLLHUP | FileAbi.POLLERR, () => (end.Poll() & (FileAbi.POLLOUT | FileAbi.POLLHUP)) != 0).ConfigureAwait(false);
                    else if (sent < 0)
                        throw new SocketException((int)SocketError.ConnectionReset);
                    else
                        done += (int)sent;
                }
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            connection.Dispose();
            Break();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The host's side is gone: the guest's is reset.</summary>
    private void Break()
    {
        end.Options.LingerSeconds = 0;
        end.Shutdown(reading: true, writing: true);
    }

    private long Receive(byte[] buffer)
    {
        var vector = new IoVector(buffer.AsSpan(0, BufferBytes));
        return end.Receive(ref vector, peek: false, out _);
    }

    private long Send(Span<byte> bytes)
    {
        var vector = new IoVector(bytes);
        return end.Send(ref vector, null, default, out _);
    }
}
