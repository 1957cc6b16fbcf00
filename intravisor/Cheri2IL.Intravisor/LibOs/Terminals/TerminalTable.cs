using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Terminals;

/// <summary>The terminals of a cVM, by number.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class TerminalTable(Cvm cvm)
{
    /// <summary>Most terminals at a time (/proc/sys/kernel/pty/max).</summary>
    public const int Most = 1024;

    private readonly Lock _gate = new();
    private Dictionary<int, TerminalNode> ByNumber => field ??= [];

    /// <summary>The cVM.</summary>
    public Cvm Cvm => cvm;

    /// <summary>How many there are.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return ByNumber.Count;
        }
    }

    /// <summary>The nodes of /dev/pts.</summary>
    public IReadOnlyList<TerminalNode> Nodes
    {
        get
        {
            lock (_gate)
                return [.. ByNumber.Values.Where(n => n.Links > 0).OrderBy(n => n.Terminal.Number)];
        }
    }

    /// <summary>The node of a terminal whose master is open, or null.</summary>
    public TerminalNode? Find(int number)
    {
        lock (_gate)
            return ByNumber.TryGetValue(number, out var node) && node.Links > 0 ? node : null;
    }

    /// <summary>A new terminal with the lowest free number and its node; null: at the limit.</summary>
    public TerminalNode? Make(int user)
    {
        if (!cvm.FileSystem.Charge(PseudoTerminal.Bytes))
            return null;
        lock (_gate)
        {
            var number = 0;
            while (ByNumber.ContainsKey(number))
                number++;
            if (number < Most)
            {
                var terminal = new PseudoTerminal(this, number);
                var node = new TerminalNode(cvm, terminal) { UserId = user, GroupId = TerminalNode.Group };
                ByNumber.Add(number, node);
                return node;
            }
        }

        cvm.FileSystem.Release(PseudoTerminal.Bytes);
        return null;
    }

    /// <summary>Its master is closed: nobody finds it any more.</summary>
    public void Unlink(PseudoTerminal terminal)
    {
        lock (_gate)
        {
            if (NodeOf(terminal) is { } node)
                node.Links = 0;
        }
    }

    /// <summary>Nobody has it open any more.</summary>
    public void Remove(PseudoTerminal terminal)
    {
        lock (_gate)
        {
            if (NodeOf(terminal) is null)
                return;
            ByNumber.Remove(terminal.Number);
        }

        cvm.FileSystem.Release(PseudoTerminal.Bytes);
    }

    /// <summary>Under the gate: the node of a terminal; null: it is gone, and another may have its number.</summary>
    private TerminalNode? NodeOf(PseudoTerminal terminal) => ByNumber.TryGetValue(terminal.Number, out var node) && node.Terminal == terminal ? node : null;
}

/// <summary>/dev/pts/N.</summary>
internal sealed class TerminalNode(Cvm cvm, PseudoTerminal terminal) : Inode(cvm.FileSystem, FileAbi.S_IFCHR | 0x190)
{
    /// <inheritdoc/>
    internal override Mount? FindMount() => Mount.Terminals;

    /// <summary>Group tty.</summary>
    public const int Group = 5;

    /// <summary>The terminal.</summary>
    public PseudoTerminal Terminal => terminal;

    /// <summary>Name in /dev/pts.</summary>
    public string Name => terminal.Number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public override long Device => terminal.Device;

    /// <inheritdoc/>
    public override OpenFile? Open(int flags, out int error) => Open(this, flags, isPrivileged: true, out error);

    /// <inheritdoc/>
    internal override OpenFile? OpenFor(in FileCaller caller, int flags, out int error)
        => Open(this, flags, cvm.FindProcess(caller.Process) is { Attributes.IsPrivileged: true }, out error);

    /// <summary>Opens it by the node that a path led to, which may be /dev/tty.</summary>
    internal OpenFile? Open(Inode node, int flags, bool isPrivileged, out int error)
    {
        error = terminal.Open(isPrivileged, out var hangUps);
        return error == 0 ? new TerminalFile(node, flags, terminal, hangUps) { Path = $"/dev/pts/{Name}" } : null;
    }
}

/// <summary>/dev/tty: the controlling terminal of who opens it.</summary>
internal sealed class CurrentTerminalNode(Cvm cvm) : Inode(cvm.FileSystem, FileAbi.S_IFCHR | 0x1b6)
{
    /// <inheritdoc/>
    public override long Device => 5 << 8;

    /// <inheritdoc/>
    public override OpenFile? Open(int flags, out int error)
    {
        error = -Errno.ENXIO;
        return null;
    }

    /// <inheritdoc/>
    internal override OpenFile? OpenFor(in FileCaller caller, int flags, out int error)
    {
        GuestProcess? process;
        PseudoTerminal? terminal;
        lock (cvm.Tasks)
        {
            process = cvm.FindProcess(caller.Process);
            terminal = process?.Terminal;
        }

        if (terminal is null || cvm.Terminals.Find(terminal.Number) is not { } node || node.Terminal != terminal)
            return Open(flags, out error);
        return node.Open(this, flags, process!.Attributes.IsPrivileged, out error);
    }
}

/// <summary>/dev/ptmx: each opening makes a terminal.</summary>
internal sealed class MultiplexerNode(Cvm cvm) : Inode(cvm.FileSystem, FileAbi.S_IFCHR | 0x1b6)
{
    /// <inheritdoc/>
    internal override Mount? FindMount() => Mount.Terminals;

    /// <inheritdoc/>
    public override long Device => (5 << 8) | 2;

    /// <inheritdoc/>
    public override OpenFile? Open(int flags, out int error) => OpenFor(FileCaller.Host(0), flags, out error);

    /// <inheritdoc/>
    internal override OpenFile? OpenFor(in FileCaller caller, int flags, out int error)
    {
        var node = cvm.Terminals.Make(cvm.FindProcess(caller.Process)?.Attributes.Credentials.FileUser ?? 0);
        error = node is null ? -Errno.ENOSPC : 0;
        return node is null ? null : new MasterFile(this, flags, node.Terminal);
    }
}

/// <summary>/dev/pts.</summary>
internal sealed class TerminalDirectory(Cvm cvm, DirectoryNode parent) : DirectoryNode(cvm.FileSystem, parent, 0x1ed)
{
    private readonly MultiplexerNode _multiplexer = new(cvm);

    /// <inheritdoc/>
    public override IEnumerable<NamedInode> Children
        => cvm.Terminals.Nodes.Select(n => new NamedInode(n.Name, n)).Append(new NamedInode("ptmx", _multiplexer));

    /// <inheritdoc/>
    public override Inode? Lookup(string name)
    {
        if (name == "ptmx")
            return _multiplexer;
        return int.TryParse(name, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number)
            && cvm.Terminals.Find(number) is { } node && node.Name == name ? node : null;
    }
}
