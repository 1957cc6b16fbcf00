using System.Globalization;
using System.Text;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>The files that every cVM has over its root: /dev, /proc, /sys and /tmp.</summary>
internal static class StandardTree
{
    private const int CharacterDevice = FileAbi.S_IFCHR | 0x1b6;

    /// <summary>Fills the tree of a cVM and opens descriptors 0 to 2.</summary>
    public static void Populate(Cvm cvm, ProcessFiles files)
    {
        var tree = files.FileSystem;
        tree.MakeDirectory("/tmp", 0x3ff);
        var devices = tree.MakeDirectory("/dev");
        tree.MakeDirectory("/dev/shm", 0x3ff);

        void LinkMemoryDevice(string name, int minor, MemoryDeviceKind kind)
            => devices.Link(name, new DeviceNode(tree, CharacterDevice, (1 << 8) | minor, (node, flags) => new MemoryDevice(node, flags, kind, cvm.Host.FillRandom)));
        LinkMemoryDevice("null", 3, MemoryDeviceKind.Null);
        LinkMemoryDevice("zero", 5, MemoryDeviceKind.Zero);
        LinkMemoryDevice("full", 7, MemoryDeviceKind.Full);
        LinkMemoryDevice("random", 8, MemoryDeviceKind.Random);
        LinkMemoryDevice("urandom", 9, MemoryDeviceKind.Random);

        OpenFile Console(DeviceNode node, int flags, int stream) => new ConsoleFile(node, flags, cvm.Host, stream);
        foreach (var name in (string[])["tty", "console"])
            devices.Link(name, new DeviceNode(tree, CharacterDevice, 5 << 8, (node, flags) => Console(node, flags, (flags & FileAbi.O_ACCMODE) == FileAbi.O_RDONLY ? 0 : 1)));
        devices.Link("fd", new SymbolicLink(tree, "/proc/self/fd"));
        string[] standard = ["stdin", "stdout", "stderr"];
        for (var k = 0; k < standard.Length; k++)
        {
            var descriptor = k;
            devices.Link(standard[k], new SymbolicLink(tree, $"/proc/self/fd/{descriptor}"));
            var node = new DeviceNode(tree, CharacterDevice, (136 << 8) | descriptor, (n, flags) => Console(n, flags, descriptor));
            var file = Console(node, descriptor == 0 ? FileAbi.O_RDONLY : FileAbi.O_WRONLY, descriptor);
            file.Path = cvm.Host.IsTerminal(descriptor, out _, out _) ? "/dev/tty" : $"pipe:[{node.Number}]";
            files.Descriptors.Set(descriptor, file, closeOnExec: false);
        }

        ShowProgram(cvm, tree);
        PopulateProc(cvm, files);
        tree.Root.Link("cap", new CapDirectory(tree, tree.Root, cvm.Exchange, cvm));
        tree.MakeDirectory("/sys/devices/system/cpu").Link("online", Text(tree, () => $"0-{cvm.Host.ProcessorCount - 1}\n".Replace("0-0", "0", StringComparison.Ordinal)));
    }

    /// <summary>Makes the program visible at its path, so that /proc/self/exe leads somewhere.</summary>
    private static void ShowProgram(Cvm cvm, FileSystem tree)
    {
        var path = Latin1(cvm.Options.ProgramPath);
        lock (tree.Gate)
        {
            if (tree.Walk(tree.Root, path, followLast: true, out _) == 0)
                return;
        }

        var slash = path.LastIndexOf('/');
        var file = new RegularFile(tree, 0x1ed, () => new MemoryFile(cvm.Options.ProgramFile));
        tree.MakeDirectory(path[..Math.Max(slash, 0)]).Link(path[(slash + 1)..], file);
    }

    private sealed class MemoryFile(ReadOnlyMemory<byte> content) : IHostFile
    {
        public long Length => content.Length;

        public int Read(long offset, Span<byte> destination)
        {
            var count = (int)Math.Clamp(content.Length - offset, 0, destination.Length);
            content.Span.Slice((int)Math.Min(offset, content.Length), count).CopyTo(destination);
            return count;
        }
    }

    private static ComputedFile Text(FileSystem tree, Func<string> content) => new(tree, () => Encoding.Latin1.GetBytes(content()));

    private static void PopulateProc(Cvm cvm, ProcessFiles files)
    {
        var tree = files.FileSystem;
        var proc = tree.MakeDirectory("/proc", 0x16d);
        var id = cvm.ProcessId.ToString(CultureInfo.InvariantCulture);
        var self = tree.MakeDirectory("/proc/" + id, 0x16d);
        proc.Link("self", new SymbolicLink(tree, id));
        self.Link("exe", new SymbolicLink(tree, Latin1(cvm.Options.ProgramPath)));
        self.Link("cwd", new SymbolicLink(tree, () => tree.PathOf(files.WorkingDirectory)));
        self.Link("root", new SymbolicLink(tree, "/"));
        self.Link("cmdline", Text(tree, () => string.Concat(cvm.Options.Arguments.Select(a => Latin1(a) + "\0"))));
        self.Link("environ", Text(tree, () => string.Concat(cvm.Options.Environment.Select(a => Latin1(a) + "\0"))));
        self.Link("comm", Text(tree, () => Name(cvm) + "\n"));
        self.Link("maps", Text(tree, () => Maps(cvm)));
        self.Link("stat", Text(tree, () => Stat(cvm)));
        self.Link("statm", Text(tree, () => $"{cvm.Space.AccessibleBytes / 4096} {cvm.Space.AccessibleBytes / 4096} 0 0 0 0 0\n"));
        self.Link("status", Text(tree, () =>
            $"Name:\t{Name(cvm)}\nState:\tR (running)\nTgid:\t{id}\nPid:\t{id}\nPPid:\t0\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nVmSize:\t{cvm.Space.AccessibleBytes / 1024} kB\nVmRSS:\t{cvm.Space.AccessibleBytes / 1024} kB\nThreads:\t{cvm.ThreadCount}\n"));
        self.Link("mounts", Text(tree, () => "root / tmpfs rw 0 0\nproc /proc proc rw 0 0\n"));
        self.Link("mountinfo", Text(tree, () => "1 0 0:1 / / rw - tmpfs root rw\n"));
        self.Link("fd", new ComputedDirectory(tree, self, _ => files.Descriptors.Snapshot().Select(d => KeyValuePair.Create<string, Inode>(
            d.Descriptor.ToString(CultureInfo.InvariantCulture), new SymbolicLink(tree, d.File.Path)))));

        proc.Link("mounts", new SymbolicLink(tree, "self/mounts"));
        proc.Link("filesystems", Text(tree, () => "nodev\tproc\nnodev\ttmpfs\n"));
        proc.Link("uptime", Text(tree, () => string.Create(CultureInfo.InvariantCulture, $"{cvm.Host.MonotonicNanoseconds / 1e9:f2} 0.00\n")));
        proc.Link("loadavg", Text(tree, () => "0.00 0.00 0.00 1/1 1\n"));
        proc.Link("version", Text(tree, () => "Linux version 6.1.0 (cheri2il)\n"));
        proc.Link("stat", Text(tree, () => "cpu  0 0 0 0 0 0 0 0 0 0\n" + string.Concat(Enumerable.Range(0, cvm.Host.ProcessorCount).Select(c => $"cpu{c} 0 0 0 0 0 0 0 0 0 0\n")) + "btime 0\n"));
        proc.Link("cpuinfo", Text(tree, () => string.Concat(Enumerable.Range(0, cvm.Host.ProcessorCount).Select(c => $"processor\t: {c}\nhart\t\t: {c}\nisa\t\t: rv64imafdc_zicsr_zifencei\nmmu\t\t: sv48\n\n"))));
        proc.Link("meminfo", Text(tree, () => $"MemTotal:       {cvm.Options.Limits.MemoryBytes / 1024} kB\nMemFree:        {(cvm.Options.Limits.MemoryBytes - cvm.Space.AccessibleBytes) / 1024} kB\nMemAvailable:   {(cvm.Options.Limits.MemoryBytes - cvm.Space.AccessibleBytes) / 1024} kB\n"));
        tree.MakeDirectory("/proc/sys/vm", 0x16d).Link("overcommit_memory", Text(tree, () => "1\n"));
        var kernel = tree.MakeDirectory("/proc/sys/kernel", 0x16d);
        kernel.Link("ngroups_max", Text(tree, () => "65536\n"));
        kernel.Link("osrelease", Text(tree, () => "6.1.0\n"));
        kernel.Link("hostname", Text(tree, () => "cvm\n"));
        kernel.Link("pid_max", Text(tree, () => "4194304\n"));
    }

    private static string Latin1(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));

    private static string Name(Cvm cvm)
    {
        var name = cvm.Options.ProgramPath[(cvm.Options.ProgramPath.LastIndexOf('/') + 1)..];
        return name.Length > 15 ? name[..15] : name;
    }

    private static string Maps(Cvm cvm)
    {
        var text = new StringBuilder();
        foreach (var m in cvm.Space.Snapshot())
        {
            char Flag(int bit, char c) => (m.Protection & bit) != 0 ? c : '-';
            text.Append(CultureInfo.InvariantCulture, $"{m.Start:x8}-{m.End:x8} {Flag(1, 'r')}{Flag(2, 'w')}{Flag(4, 'x')}{(m.IsShared ? 's' : 'p')} {m.Offset:x8} 00:00 0 {m.Name}\n");
        }

        return text.ToString();
    }

    /// <summary>proc_pid_stat(5): 52 fields; those that are not kept are 0.</summary>
    private static string Stat(Cvm cvm)
    {
        var ticks = cvm.CpuNanoseconds / 10_000_000;
        var fields = new long[49];
        fields[11 - 1] = ticks;
        fields[17 - 1] = cvm.ThreadCount;
        fields[20 - 1] = (long)cvm.Space.AccessibleBytes;
        fields[21 - 1] = (long)(cvm.Space.AccessibleBytes / 4096);
        return $"{cvm.ProcessId} ({Name(cvm)}) R {string.Join(' ', fields)}\n";
    }
}
