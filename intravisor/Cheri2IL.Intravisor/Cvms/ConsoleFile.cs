using System.Buffers;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>Standard input, output or error of the host process as the guest's.</summary>
public sealed class ConsoleFile : OpenFile
{
    /// <summary>Bytes passed to the host at a time, and most of one read.</summary>
    private const int PieceBytes = 1 << 16;

    private readonly IHostInterface _host;
    private readonly int _stream;
    private readonly Action _readable;

    /// <summary>Opens a stream.</summary>
    /// <param name="node">Its node.</param>
    /// <param name="flags">Flags of open.</param>
    /// <param name="host">The host.</param>
    /// <param name="stream">0 to 2.</param>
    public ConsoleFile(DeviceNode node, int flags, IHostInterface host, int stream)
        : base(node, flags)
    {
        (_host, _stream) = (host, stream);
        _readable = () => Waiters.Wake();
    }

    /// <inheritdoc/>
    internal override WaitQueue Waiters { get; } = new();

    /// <inheritdoc/>
    internal override long Read(ref IoVector to)
    {
        if (to.Left == 0)
            return 0;
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(to.Left, PieceBytes));
        try
        {
            var count = _host.ReadConsole(buffer.AsSpan(0, (int)Math.Min(to.Left, PieceBytes)));
            return count <= 0 || to.TryPut(buffer.AsSpan(0, count)) ? count : -Errno.EFAULT;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <inheritdoc/>
    internal override long Write(ref IoVector from)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(Math.Max(from.Left, 1), PieceBytes));
        try
        {
            var done = 0L;
            while (from.Left > 0)
            {
                var piece = buffer.AsSpan(0, (int)Math.Min(from.Left, PieceBytes));
                if (!from.TryTake(piece))
                    return done > 0 ? done : -Errno.EFAULT;
                while (!piece.IsEmpty)
                {
                    var count = _host.WriteConsole(_stream, piece);
                    if (count == -Errno.EINTR)
                        continue;
                    if (count < 0)
                        return done > 0 ? done : count;
                    done += count;
                    piece = piece[count..];
                }
            }

            return done;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The host tells only once that there is something to read, so it is asked where somebody waits and there is nothing.</summary>
    public override int Poll()
    {
        if (_stream != 0)
            return FileAbi.POLLOUT;
        if (_host.IsConsoleReadable)
            return FileAbi.POLLIN;
        if (Waiters.HasWaiters)
            _host.AwaitConsole(_readable);
        return 0;
    }

    /// <inheritdoc/>
    public override bool IsTerminal(out int columns, out int rows) => _host.IsTerminal(_stream, out columns, out rows);
}
