using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>/dev/null, /dev/zero, /dev/full and /dev/urandom.</summary>
public sealed class MemoryDevice(DeviceNode node, int flags, MemoryDeviceKind kind, Action<Span<byte>> random) : OpenFile(node, flags)
{
    private const int PieceBytes = 4096;

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
            if (kind == MemoryDeviceKind.Random)
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

/// <summary>Which memory device.</summary>
public enum MemoryDeviceKind
{
    /// <summary>Reads end at once, writes vanish.</summary>
    Null,

    /// <summary>Reads yield zeros.</summary>
    Zero,

    /// <summary>Reads yield zeros, writes say ENOSPC.</summary>
    Full,

    /// <summary>Reads yield random bytes.</summary>
    Random,
}
