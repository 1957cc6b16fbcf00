using System.Globalization;
using System.Text;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>/proc of a cVM: what holds for all of it, and a directory for each process (proc(5)).</summary>
internal sealed class ProcDirectory : DirectoryNode
{
    /// <summary>What programs look for in /proc/meminfo, and there is none of.</summary>
    private static readonly string[] _absent = ["Buffers", "Cached", "SwapCached", "Active", "Inactive", "SwapTotal", "SwapFree", "Dirty", "Shmem", "Slab", "SReclaimable"];

    private readonly Cvm _cvm;
    private Dictionary<int, ShownProcess> Nodes => field ??= [];

    public ProcDirectory(Cvm cvm, FileSystem tree)
        : base(tree, tree.Root, 0x16d)
    {
        _cvm = cvm;
        Link("self", new SymbolicLink(tree, (process, _) => process.ToString(CultureInfo.InvariantCulture)));
        Link("thread-self", new SymbolicLink(tree, (process, thread) => string.Create(CultureInfo.InvariantCulture, $"{process}/task/{thread}")));
        Link("mounts", new SymbolicLink(tree, "self/mounts"));
        Link("net", new SymbolicLink(tree, "self/net"));
        Show("filesystems", () => "nodev\tproc\nnodev\ttmpfs\n");
        Show("uptime", () => string.Create(CultureInfo.InvariantCulture, $"{cvm.Host.MonotonicNanoseconds / 1e9:f2} 0.00\n"));
        Show("loadavg", () => $"0.00 0.00 0.00 1/{cvm.ThreadCount} {cvm.LastProcessId}\n");
        Show("version", () => "Linux version 6.6.0 (cheri2il)\n");
        Show("stat", Stat);
        Show("vmstat", () => $"nr_free_pages {Free / 4}\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n");
        Show("diskstats", () => "");
        Show("cpuinfo", () => string.Concat(Enumerable.Range(0, cvm.Host.ProcessorCount).Select(c => $"processor\t: {c}\nhart\t\t: {c}\nisa\t\t: rv64imafdc_zicsr_zifencei\nmmu\t\t: sv48\n\n")));
        Show("meminfo", () =>
        {
            var text = new StringBuilder();
            var free = Free;
            foreach (var (name, value) in ((string, ulong)[])[("MemTotal", cvm.MemoryBudget.Limit / 1024), ("MemFree", free), ("MemAvailable", free), .. _absent.Select(n => (n, 0UL))])
                text.Append(CultureInfo.InvariantCulture, $"{name + ":",-15}{value,9} kB\n");
            return text.ToString();
        });
    }

    /// <summary>Memory that its processes may still map, in KiB.</summary>
    private ulong Free => (_cvm.MemoryBudget.Limit - Math.Min(_cvm.MemoryBudget.Limit, _cvm.MemoryBudget.Used)) / 1024;

    /// <summary>proc_stat(5): the time of the cVM's threads is user's, and the same on every processor.</summary>
    private string Stat()
    {
        const long tick = 10_000_000;
        var (processors, uptime) = (_cvm.Host.ProcessorCount, _cvm.Host.MonotonicNanoseconds);
        var (busy, all) = (_cvm.CpuNanoseconds / tick, uptime / tick * processors);
        string Row(string name, int share) => $"{name} {busy / share} 0 0 {Math.Max(0, all - busy) / share} 0 0 0 0 0 0\n";
        return Row("cpu ", 1) + string.Concat(Enumerable.Range(0, processors).Select(c => Row($"cpu{c}", processors)))
            + $"intr 0\nctxt 0\nbtime {(_cvm.Host.RealtimeNanoseconds - uptime) / 1_000_000_000}\nprocesses {_cvm.LastProcessId}\nprocs_running 1\nprocs_blocked 0\n";
    }

    /// <inheritdoc/>
    public override IEnumerable<NamedInode> Children
    {
        get
        {
            GuestProcess[] processes;
            lock (_cvm.Tasks)
                processes = [.. _cvm.Processes];
            return processes.Select(p => new NamedInode(p.Id.ToString(CultureInfo.InvariantCulture), NodeOf(p))).Concat(base.Children);
        }
    }

    /// <inheritdoc/>
    public override Inode? Lookup(string name)
    {
        if (IdOf(name) is not (var id and >= 0))
            return base.Lookup(name);
        if (_cvm.FindProcess(id) is { } process)
            return NodeOf(process);
        Nodes.Remove(id);
        return null;
    }

    /// <summary>The number that a name is, written as the kernel writes it (fs/proc/util.c, name_to_int); -1: none.</summary>
    private static int IdOf(string name)
    {
        if (name.Length is 0 or > 9 || (name[0] == '0' && name.Length > 1))
            return -1;
        var id = 0;
        foreach (var digit in name)
        {
            if (!char.IsAsciiDigit(digit))
                return -1;
            id = (10 * id) + digit - '0';
        }

        return id;
    }

    /// <summary>The same directory for as long as the process lasts. The caller holds the file system's gate.</summary>
    private DirectoryNode NodeOf(GuestProcess process)
    {
        if (!Nodes.TryGetValue(process.Id, out var found) || found.Process != process)
        {
            // Those of processes that have gone are found out here, so that there are never many.
            foreach (var (id, node) in Nodes)
            {
                if (_cvm.FindProcess(id) != node.Process)
                    Nodes.Remove(id);
            }

            Nodes[process.Id] = found = new(process, new ProcessDirectory(process, FileSystem, this));
        }

        return found.Node;
    }

    private void Show(string name, Func<string> content) => Link(name, ComputedFile.OfText(FileSystem, content));

    private sealed record ShownProcess(GuestProcess Process, DirectoryNode Node);
}
