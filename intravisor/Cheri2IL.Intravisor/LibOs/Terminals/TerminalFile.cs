using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Terminals;

/// <summary>A terminal that a program has open.</summary>
/// <param name="inode">Its node.</param>
/// <param name="flags">O_* flags.</param>
/// <param name="terminal">The terminal.</param>
/// <param name="hangUps">How often the line had been cut when it was opened.</param>
internal sealed class TerminalFile(Inode inode, int flags, PseudoTerminal terminal, int hangUps) : OpenFile(inode, flags)
{
    /// <summary>The terminal, which has counted the opening.</summary>
    public PseudoTerminal Terminal => terminal;

    /// <summary>Whether the line was cut since it was opened.</summary>
    public bool IsHungUp => terminal.HangUps != hangUps;

    /// <summary>Whether a read would not wait.</summary>
    public bool IsReadable => IsHungUp || terminal.HasInput(1);

    /// <inheritdoc/>
    public override long Available => IsHungUp ? -Errno.EIO : terminal.Readable;

    /// <inheritdoc/>
    internal override WaitQueue Waiters => terminal.Waiters;

    /// <inheritdoc/>
    internal override int SignalEvents => FileAbi.POLLIN;

    /// <inheritdoc/>
    internal override long Read(ref IoVector to) => IsHungUp || to.Left == 0 ? 0 : terminal.Read(ref to);

    /// <inheritdoc/>
    internal override long Write(ref IoVector from) => IsHungUp ? -Errno.EIO : terminal.Write(ref from);

    /// <inheritdoc/>
    public override int Poll() => IsHungUp ? FileAbi.POLLIN | FileAbi.POLLOUT | FileAbi.POLLERR | FileAbi.POLLHUP : terminal.Poll();

    /// <inheritdoc/>
    protected override void Close() => terminal.Close();
}

/// <summary>The other end of a pseudo-terminal.</summary>
internal sealed class MasterFile(Inode inode, int flags, PseudoTerminal terminal) : OpenFile(inode, flags)
{
    /// <summary>The terminal.</summary>
    public PseudoTerminal Terminal => terminal;

    /// <inheritdoc/>
    public override long Available => terminal.MasterReadable;

    /// <inheritdoc/>
    internal override WaitQueue Waiters => terminal.MasterWaiters;

    /// <inheritdoc/>
    internal override int SignalEvents => FileAbi.POLLIN;

    /// <inheritdoc/>
    internal override long Read(ref IoVector to) => to.Left == 0 ? 0 : terminal.ReadMaster(ref to);

    /// <inheritdoc/>
    internal override long Write(ref IoVector from) => terminal.WriteMaster(ref from);

    /// <inheritdoc/>
    public override int Poll() => terminal.PollMaster();

    /// <inheritdoc/>
    protected override void Close() => terminal.CloseMaster();
}
