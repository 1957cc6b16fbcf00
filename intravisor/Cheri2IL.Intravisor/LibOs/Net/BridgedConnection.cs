using System.Buffers;
using System.Net.Sockets;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Passes bytes between a socket in a cVM's network and a connection of the host, as fast as the slower takes them.</summary>
/// <remarks>
/// What the guest sends, its own thread passes on as long as the host takes it at once (<see cref="PassOn"/>): no other thread is woken for
/// it. What is left, and the end, is the loop's.
/// </remarks>
/// <param name="end">The socket, with a reference that is given up at the end.</param>
/// <param name="connection">The connection, which is closed then.</param>
internal sealed class BridgedConnection(StreamSocket end, IHostConnection connection)
{
    private const int BufferBytes = 1 << 16;
    private const int LoopEvents = FileAbi.POLLHUP | FileAbi.POLLERR;

    private readonly byte[] _outgoing = ArrayPool<byte>.Shared.Rent(BufferBytes);

    /// <summary>1: a thread is passing bytes to the host, and alone uses what follows.</summary>
    private int _isPassing;

    /// <summary>Bytes of the buffer that the host did not take, which go before all others.</summary>
    private int _start;
    private int _left;
    private bool _hasFailed;

    /// <summary>Passes bytes on until both directions are at their end, or one is broken.</summary>
    public async Task RunAsync()
    {
        try
        {
            end.Arrived = PassOn;
            PassOn();
            await Task.WhenAll(ToHostAsync(), ToGuestAsync()).ConfigureAwait(false);
        }
        finally
        {
            end.Arrived = null;
            // A thread of the guest may still be at it: then nobody gets the buffer again.
            if (Interlocked.CompareExchange(ref _isPassing, 1, 0) == 0)
                ArrayPool<byte>.Shared.Return(_outgoing);
            end.Release();
            connection.Dispose();
        }
    }

    /// <summary>Passes on what the guest has sent, unless another thread is at it, which then does so; wakes the loop if the host does not take it all.</summary>
    private void PassOn()
    {
        while (end.Inbox.HasUnread && Interlocked.CompareExchange(ref _isPassing, 1, 0) == 0)
        {
            bool isDone;
            try
            {
                isDone = TryPassOn();
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                Volatile.Write(ref _hasFailed, true);
                isDone = false;
            }

            Interlocked.Exchange(ref _isPassing, 0);
            if (isDone)
                continue;
            end.Waiters.Wake(LoopEvents);
            return;
        }
    }

    /// <summary>Whether the host took everything.</summary>
    private bool TryPassOn()
    {
        while (_left == 0 && !_hasFailed && end.Inbox.HasUnread)
        {
            var count = (int)Receive(_outgoing);
            _start = connection.TrySend(_outgoing.AsSpan(0, count));
            Volatile.Write(ref _left, count - _start);
        }

        return _left == 0 && !_hasFailed;
    }

    private async Task ToHostAsync()
    {
        try
        {
            while (true)
            {
                await AsyncWaiter.WaitAsync(end.Waiters, LoopEvents, () => Volatile.Read(ref _left) > 0 || Volatile.Read(ref _hasFailed) || end.Inbox.IsFinished).ConfigureAwait(false);
                while (Interlocked.CompareExchange(ref _isPassing, 1, 0) != 0)
                    await Task.Yield();
                try
                {
                    if (_hasFailed)
                    {
                        Break();
                        return;
                    }

                    await connection.SendAsync(_outgoing.AsMemory(_start, _left)).ConfigureAwait(false);
                    Volatile.Write(ref _left, 0);
                    if (!end.Inbox.HasUnread && end.Inbox.IsFinished)
                    {
                        Finish();
                        return;
                    }
                }
                finally
                {
                    Interlocked.Exchange(ref _isPassing, 0);
                }

                PassOn();
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            Break();
        }
    }

    /// <summary>The guest sends no more: it has closed its end, or given the connection up.</summary>
    private void Finish()
    {
        if (end.TakeError() == 0)
            connection.FinishSending();
        else
            connection.Dispose();
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
