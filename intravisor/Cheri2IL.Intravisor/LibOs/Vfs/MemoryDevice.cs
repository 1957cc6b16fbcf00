using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>/dev/null, /dev/zero, /dev/full and /dev/urandom.</summary>
public sealed class MemoryDevice(DeviceNode node, int flags, MemoryDeviceKind kind, Action<Span<byte>> random) : OpenFile(node, flags)
{
    private const int PieceBytes = 4096;

    private const long Major = 1;

    /// <summary>Number of a device (makedev).</summary>
    public static long NumberOf(MemoryDeviceKind kind) => (Major << 8) | (uint)kind;

    /// <summary>Opens the device that a node has the number of; null: it is none of them.</summary>
    /// <param name="node">The node.</param>
    /// <param name="flags">Flags of open.</param>
    /// <param name="random">Fills a buffer with random bytes.</param>
    public static MemoryDevice? Open(DeviceNode node, int flags, Action<Span<byte>> random)
        => node.Type == FileAbi.S_IFCHR && node.Device >> 8 == Major && (MemoryDeviceKind)(node.Device & 0xff) is var kind
            && kind is MemoryDeviceKind.Null or MemoryDeviceKind.Zero or MemoryDeviceKind.Full or MemoryDeviceKind.Random or MemoryDeviceKind.UnlimitedRandom
                ? new MemoryDevice(node, flags, kind, random)
                : null;

    /// <summary>Which of them it is.</summary>
    public MemoryDeviceKind Kind => kind;

    /// <inheritdoc/>
    public override bool IsSeekable => true;

    /// <inheritdoc/>
    internal override long Read(ref IoVector to)
    {
        if (kind == MemoryDeviceKind.Null)
            return 0;
        Span<byte> piece = stackalloc byte[(int)Math.Min(to.Left, PieceBytes)];
        piece.Clear();
        var done = 0L;
        while (to.Left > 0)
        {
            var part = piece[..(int)Math.Min(to.Left, piece.Length)];
            if (kind is MemoryDeviceKind.Random or MemoryDeviceKind.UnlimitedRandom)
                random(part);
            if (!to.TryPut(part))
                return done > 0 ? done : -Errno.EFAULT;
            done += part.Length;
        }

        return done;
    }

    /// <inheritdoc/>
    internal override long Write(ref IoVector from)
    {
        if (kind == MemoryDeviceKind.Full)
            return -Errno.ENOSPC;
        var taken = from.Left;
        from.SkipRest();
        return taken;
    }

    /// <inheritdoc/>
    internal override long ReadAt(long offset, ref IoVector to) => Read(ref to);

    /// <inheritdoc/>
    internal override long WriteAt(long offset, ref IoVector from) => Write(ref from);

    /// <inheritdoc/>
    public override long Seek(long offset, int whence) => 0;
}

/// <summary>Which memory device: its minor number (devices.txt).</summary>
public enum MemoryDeviceKind
{
    /// <summary>Reads end at once, writes vanish.</summary>
    Null = 3,

    /// <summary>Reads yield zeros.</summary>
    Zero = 5,

    /// <summary>Reads yield zeros, writes say ENOSPC.</summary>
    Full = 7,

    /// <summary>Reads yield random bytes.</summary>
    Random = 8,

    /// <summary>The same.</summary>
    UnlimitedRandom = 9,
}
