using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>An open end of a pipe or FIFO.</summary>
public sealed class PipeEnd : OpenFile
{
    private readonly bool _reads;
    private readonly bool _writes;
    private readonly int _othersBefore;
    private readonly int _writersUnseen;
    private readonly bool _awaitsOther;

    /// <summary>Opens an end.</summary>
    /// <param name="inode">The FIFO, or what stands for a pipe without name.</param>
    /// <param name="flags">Flags of open.</param>
    /// <param name="pipe">The pipe.</param>
    /// <param name="reads">Whether it is an end for reading.</param>
    /// <param name="writes">Whether it is one for writing.</param>
    public PipeEnd(Inode inode, int flags, Pipe pipe, bool reads, bool writes)
        : base(inode, flags)
    {
        (Pipe, _reads, _writes) = (pipe, reads, writes);
        _awaitsOther = pipe.IsNamed && reads != writes && !IsNonBlocking && !(reads ? pipe.HasWriter : pipe.HasReader);
        _othersBefore = pipe.IsNamed ? pipe.Opened(reads: !reads) : -1;
        // Only who opens it without a writer, and does not wait for one, has not seen one go (fifo_open in Linux's fs/pipe.c).
        _writersUnseen = pipe.IsNamed && reads && !writes && IsNonBlocking && !pipe.HasWriter ? _othersBefore : -1;
        IsOpen = pipe.Change(reads ? 1 : 0, writes ? 1 : 0);
    }

    /// <summary>The pipe.</summary>
    public Pipe Pipe { get; }

    /// <summary>Whether there was a pipe to be opened.</summary>
    internal bool IsOpen { get; }

    /// <summary>Whether open has to wait until the FIFO is opened at its other end, too (fifo(7)).</summary>
    internal bool AwaitsOtherEnd => _awaitsOther && Pipe.Opened(reads: !_reads) == _othersBefore;

    /// <inheritdoc/>
    public override long Available => Pipe.Count;

    /// <inheritdoc/>
    internal override WaitQueue Waiters => Pipe.Waiters;

    /// <inheritdoc/>
    internal override int SignalEvents => (_reads ? FileAbi.POLLIN : 0) | (_writes ? FileAbi.POLLOUT : 0);

    /// <inheritdoc/>
    internal override int Room => Pipe.Capacity - Pipe.Count;

    /// <inheritdoc/>
    internal override long Read(ref IoVector to) => Pipe.Read(ref to);

    /// <inheritdoc/>
    internal override long Write(ref IoVector from) => Pipe.Write(ref from);

    /// <inheritdoc/>
    public override int Poll() => Pipe.Poll(_reads, _writes, _writersUnseen);

    /// <inheritdoc/>
    protected override void Close() => Pipe.Change(_reads ? -1 : 0, _writes ? -1 : 0);
}
