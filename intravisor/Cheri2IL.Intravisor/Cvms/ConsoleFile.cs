using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>Standard input, output or error of the host process as the guest's.</summary>
public sealed class ConsoleFile(DeviceNode node, int flags, IHostInterface host, int stream) : OpenFile(node, flags)
{
    private const int SliceMilliseconds = 50;

    /// <inheritdoc/>
    public override long Read(Span<byte> destination, Func<bool> wait)
    {
        if (destination.IsEmpty)
            return 0;
        while (true)
        {
            var count = host.ReadConsole(destination, IsNonBlocking ? 0 : SliceMilliseconds);
            if (count != -Errno.EAGAIN || IsNonBlocking)
                return count;
            if (!wait())
                return -Errno.EINTR;
        }
    }

    /// <inheritdoc/>
    public override long Write(ReadOnlySpan<byte> source, Func<bool> wait)
    {
        var done = 0;
        while (done < source.Length)
        {
            var count = host.WriteConsole(stream, source[done..]);
            if (count == -Errno.EINTR)
                continue;
            if (count < 0)
                return done > 0 ? done : count;
            done += count;
        }

        return done;
    }

    /// <inheritdoc/>
    public override short Poll()
    {
        if (stream != 0)
            return FileAbi.POLLOUT;
        return host.IsConsoleReadable ? FileAbi.POLLIN : (short)0;
    }

    /// <inheritdoc/>
    public override bool IsTerminal(out int columns, out int rows) => host.IsTerminal(stream, out columns, out rows);
}
