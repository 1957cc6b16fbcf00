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

    /// <summary>Bytes that are passed on without a buffer of the pool, which takes longer to be made than a short program runs.</summary>
    private const int SmallBytes = 1 << 10;

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
        return to.Left <= SmallBytes ? Read(ref to, stackalloc byte[SmallBytes]) : ReadPooled(ref to);
    }

    private long ReadPooled(ref IoVector to)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(to.Left, PieceBytes));
        try
        {
            return Read(ref to, buffer.AsSpan(0, (int)Math.Min(to.Left, PieceBytes)));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private long Read(ref IoVector to, scoped Span<byte> buffer)
    {
        var count = _host.ReadConsole(buffer[..(int)Math.Min(to.Left, buffer.Length)]);
        return count <= 0 || to.TryPut(buffer[..count]) ? count : -Errno.EFAULT;
    }

    /// <inheritdoc/>
    internal override long Write(ref IoVector from)
    {
        return from.Left <= SmallBytes ? Write(ref from, stackalloc byte[SmallBytes]) : WritePooled(ref from);
    }

    private long WritePooled(ref IoVector from)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(from.Left, PieceBytes));
        try
        {
            return Write(ref from, buffer.AsSpan(0, (int)Math.Min(from.Left, PieceBytes)));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private long Write(ref IoVector from, scoped Span<byte> buffer)
    {
        var done = 0L;
        while (from.Left > 0)
        {
            var piece = buffer[..(int)Math.Min(from.Left, buffer.Length)];
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
