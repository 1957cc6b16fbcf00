using System.Globalization;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>/proc of a cVM: what holds for all of it, and a directory for each process (proc(5)).</summary>
internal sealed class ProcDirectory : DirectoryNode
{
    private readonly Cvm _cvm;
    private readonly Dictionary<int, ShownProcess> _nodes = [];

    public ProcDirectory(Cvm cvm, FileSystem tree)
        : base(tree, tree.Root, 0x16d)
    {
        _cvm = cvm;
        Link("self", new SymbolicLink(tree, caller => caller.ToString(CultureInfo.InvariantCulture)));
        Link("mounts", new SymbolicLink(tree, "self/mounts"));
        Show("filesystems", () => "nodev\tproc\nnodev\ttmpfs\n");
        Show("uptime", () => string.Create(CultureInfo.InvariantCulture, $"{cvm.Host.MonotonicNanoseconds / 1e9:f2} 0.00\n"));
        Show("loadavg", () => $"0.00 0.00 0.00 1/{cvm.ThreadCount} {Cvm.FirstProcessId}\n");
        Show("version", () => "Linux version 6.6.0 (cheri2il)\n");
        Show("stat", () => "cpu  0 0 0 0 0 0 0 0 0 0\n" + string.Concat(Enumerable.Range(0, cvm.Host.ProcessorCount).Select(c => $"cpu{c} 0 0 0 0 0 0 0 0 0 0\n")) + "btime 0\n");
        Show("cpuinfo", () => string.Concat(Enumerable.Range(0, cvm.Host.ProcessorCount).Select(c => $"processor\t: {c}\nhart\t\t: {c}\nisa\t\t: rv64imafdc_zicsr_zifencei\nmmu\t\t: sv48\n\n")));
        Show("meminfo", () =>
        {
            var (total, free) = (cvm.MemoryBudget.Limit / 1024, (cvm.MemoryBudget.Limit - Math.Min(cvm.MemoryBudget.Limit, cvm.MemoryBudget.Used)) / 1024);
            return $"MemTotal:       {total} kB\nMemFree:        {free} kB\nMemAvailable:   {free} kB\n";
        });
    }

    /// <inheritdoc/>
    public override IEnumerable<KeyValuePair<string, Inode>> Children
    {
        get
        {
            GuestProcess[] processes;
            lock (_cvm.Tasks)
                processes = [.. _cvm.Processes];
            return processes.Select(p => KeyValuePair.Create<string, Inode>(p.Id.ToString(CultureInfo.InvariantCulture), NodeOf(p))).Concat(base.Children);
        }
    }

    /// <inheritdoc/>
    public override Inode? Lookup(string name)
    {
        if (!int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || id.ToString(CultureInfo.InvariantCulture) != name)
            return base.Lookup(name);
        if (_cvm.FindProcess(id) is { } process)
            return NodeOf(process);
        _nodes.Remove(id);
        return null;
    }

    /// <summary>The same directory for as long as the process lasts. The caller holds the file system's gate.</summary>
    private DirectoryNode NodeOf(GuestProcess process)
    {
        if (!_nodes.TryGetValue(process.Id, out var found) || found.Process != process)
        {
            // Those of processes that have gone are found out here, so that there are never many.
            foreach (var (id, node) in _nodes)
            {
                if (_cvm.FindProcess(id) != node.Process)
                    _nodes.Remove(id);
            }

            _nodes[process.Id] = found = new(process, new ProcessDirectory(process, FileSystem, this));
        }

        return found.Node;
    }

    private void Show(string name, Func<string> content) => Link(name, ComputedFile.OfText(FileSystem, content));

    private sealed record ShownProcess(GuestProcess Process, DirectoryNode Node);
}
