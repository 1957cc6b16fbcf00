using System.Globalization;
using System.Text;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Terminals;
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
        tree.MakeDirectory("/etc").Link("hosts", ComputedFile.OfText(tree, () => Hosts(cvm)));
        var devices = tree.MakeDirectory("/dev");
        tree.MakeDirectory("/dev/shm", 0x3ff);

        tree.OpenDevice = (node, flags) => MemoryDevice.Open(node, flags, cvm.Host.FillRandom);
        devices.Link("null", new DeviceNode(tree, CharacterDevice, MemoryDevice.NumberOf(MemoryDeviceKind.Null)));
        devices.Link("zero", new DeviceNode(tree, CharacterDevice, MemoryDevice.NumberOf(MemoryDeviceKind.Zero)));
        devices.Link("full", new DeviceNode(tree, CharacterDevice, MemoryDevice.NumberOf(MemoryDeviceKind.Full)));
        devices.Link("random", new DeviceNode(tree, CharacterDevice, MemoryDevice.NumberOf(MemoryDeviceKind.Random)));
        devices.Link("urandom", new DeviceNode(tree, CharacterDevice, MemoryDevice.NumberOf(MemoryDeviceKind.UnlimitedRandom)));

        OpenFile Console(DeviceNode node, int flags, int stream) => new ConsoleFile(node, flags, cvm.Host, stream);
        devices.Link("console", cvm.Terminal is { } console ? console.Node : new DeviceNode(tree, CharacterDevice, (5 << 8) | 1, (node, flags) => Console(node, flags, (flags & FileAbi.O_ACCMODE) == FileAbi.O_RDONLY ? 0 : 1)));
        devices.Link("tty", new CurrentTerminalNode(cvm));
        devices.Link("pts", new TerminalDirectory(cvm, devices));
        devices.Link("ptmx", new SymbolicLink(tree, "pts/ptmx"));
        devices.Link("fd", new SymbolicLink(tree, "/proc/self/fd"));
        string[] standard = ["stdin", "stdout", "stderr"];
        var terminal = cvm.Terminal?.Open(cvm.Init);
        for (var k = 0; k < standard.Length; k++)
        {
            var (descriptor, digit) = (k, k.ToString(CultureInfo.InvariantCulture));
            devices.Link(standard[k], new SymbolicLink(tree, string.Concat("/proc/self/fd/", digit)));
            if (terminal is not null && cvm.Terminal!.Is(k))
            {
                files.Descriptors.Set(k, terminal, closeOnExec: false);
                continue;
            }

            // Whatever else than a terminal it is outside, it is a pipe inside: libraries flush every line to a character device.
            var isTerminal = cvm.Host.IsTerminal(descriptor, out _, out _);
            var node = isTerminal
                ? new DeviceNode(tree, CharacterDevice, (136 << 8) | descriptor, (n, flags) => Console(n, flags, descriptor))
                : new DeviceNode(tree, FileAbi.S_IFIFO | 0x180, 0, (n, flags) => Console(n, flags, descriptor));
            var file = Console(node, descriptor == 0 ? FileAbi.O_RDONLY : FileAbi.O_WRONLY, descriptor);
            file.Path = isTerminal ? "/dev/tty" : string.Concat("pipe:[", node.Number.ToString(CultureInfo.InvariantCulture), "]");
            files.Descriptors.Set(descriptor, file, closeOnExec: false);
        }

        ShowProgram(cvm, tree);
        tree.Root.Link("proc", new ProcDirectory(cvm, tree));
        tree.MakeDirectory("/proc/sys", 0x16d).FillLater(settings => ShowSettings(cvm, tree, settings));
        tree.Root.Link("cap", new CapDirectory(tree, tree.Root, cvm.Exchange, cvm));
        tree.MakeDirectory("/sys").FillLater(system => ShowSystem(cvm, tree, system));
        MarkMounts(tree);
    }

    /// <summary>/proc/sys.</summary>
    private static void ShowSettings(Cvm cvm, FileSystem tree, DirectoryNode settings)
    {
        tree.MakeDirectory(settings, "vm", 0x16d).Link("overcommit_memory", ComputedFile.OfText(tree, () => "1\n"));
        var kernel = tree.MakeDirectory(settings, "kernel", 0x16d);
        kernel.Link("ngroups_max", ComputedFile.OfText(tree, () => "65536\n"));
        kernel.Link("osrelease", ComputedFile.OfText(tree, () => "6.6.0\n"));
        kernel.Link("hostname", ComputedFile.OfText(tree, () => FileSystem.FromBytes(cvm.HostName) + "\n"));
        kernel.Link("domainname", ComputedFile.OfText(tree, () => FileSystem.FromBytes(cvm.DomainName) + "\n"));
        kernel.Link("pid_max", ComputedFile.OfText(tree, () => "4194304\n"));
        kernel.Link("cap_last_cap", ComputedFile.OfText(tree, () => "40\n"));
        kernel.Link("shmmax", ComputedFile.OfText(tree, () => $"{SharedSegments.LargestSize}\n"));
        kernel.Link("shmmni", ComputedFile.OfText(tree, () => $"{SharedSegments.Most}\n"));
        string? boot = null;
        var random = tree.MakeDirectory(settings, "kernel/random", 0x16d);
        random.Link("boot_id", ComputedFile.OfText(tree, () => boot ??= Identifier(cvm)));
        random.Link("uuid", ComputedFile.OfText(tree, () => Identifier(cvm)));
        var terminals = tree.MakeDirectory(settings, "kernel/pty", 0x16d);
        terminals.Link("max", ComputedFile.OfText(tree, () => $"{TerminalTable.Most}\n"));
        terminals.Link("nr", ComputedFile.OfText(tree, () => $"{cvm.Terminals.Count}\n"));
        kernel.Link("ostype", ComputedFile.OfText(tree, () => "Linux\n"));
        kernel.Link("threads-max", ComputedFile.OfText(tree, () => $"{cvm.Options.Limits.Threads}\n"));
        tree.MakeDirectory(settings, "net/core", 0x16d).Link("somaxconn", ComputedFile.OfText(tree, () => "4096\n"));
        tree.MakeDirectory(settings, "net/ipv4", 0x16d).Link("ip_local_port_range", ComputedFile.OfText(tree, () => "32768\t60999\n"));
        tree.MakeDirectory(settings, "net/ipv4", 0x16d).Link("ping_group_range", ComputedFile.OfText(tree, () => "0\t2147483647\n"));
        tree.MakeDirectory(settings, "net/ipv6", 0x16d).Link("bindv6only", ComputedFile.OfText(tree, () => "0\n"));
        foreach (var scope in (ReadOnlySpan<string>)["all", "default", "eth0", "lo"])
            tree.MakeDirectory(settings, "net/ipv6/conf/" + scope, 0x16d).Link("disable_ipv6", ComputedFile.OfText(tree, () => "0\n"));
        var limits = tree.MakeDirectory(settings, "fs", 0x16d);
        limits.Link("pipe-max-size", ComputedFile.OfText(tree, () => $"{Pipe.LargestCapacity}\n"));
        limits.Link("nr_open", ComputedFile.OfText(tree, () => $"{cvm.Options.Limits.OpenFiles}\n"));
        limits.Link("file-max", ComputedFile.OfText(tree, () => $"{cvm.Options.Limits.OpenFiles}\n"));
        var inotify = tree.MakeDirectory(settings, "fs/inotify", 0x16d);
        inotify.Link("max_queued_events", ComputedFile.OfText(tree, () => $"{Inotify.MostEvents}\n"));
        inotify.Link("max_user_watches", ComputedFile.OfText(tree, () => $"{Inotify.MostWatches}\n"));
        inotify.Link("max_user_instances", ComputedFile.OfText(tree, () => $"{cvm.Options.Limits.OpenFiles}\n"));
    }

    /// <summary>/sys.</summary>
    private static void ShowSystem(Cvm cvm, FileSystem tree, DirectoryNode system)
    {
        foreach (var name in (string[])["online", "possible", "present"])
            tree.MakeDirectory(system, "devices/system/cpu").Link(name, ComputedFile.OfText(tree, () => cvm.Host.ProcessorCount == 1 ? "0\n" : $"0-{cvm.Host.ProcessorCount - 1}\n"));
        tree.MakeDirectory(system, "devices/system/clocksource/clocksource0").Link("current_clocksource", ComputedFile.OfText(tree, () => "riscv_clocksource\n"));
        tree.MakeDirectory(system, "kernel/mm/transparent_hugepage").Link("enabled", ComputedFile.OfText(tree, () => "always madvise [never]\n"));
    }

    /// <summary>A line with a random identifier (RFC 9562, version 4).</summary>
    private static string Identifier(Cvm cvm)
    {
        Span<byte> bytes = stackalloc byte[16];
        cvm.Host.FillRandom(bytes);
        (bytes[6], bytes[8]) = ((byte)((bytes[6] & 0x0f) | 0x40), (byte)((bytes[8] & 0x3f) | 0x80));
        return new Guid(bytes, bigEndian: true) + "\n";
    }

    /// <summary>What stands over the root as if it were mounted there.</summary>
    private static void MarkMounts(FileSystem tree)
    {
        lock (tree.Gate)
        {
            foreach (var mount in Mount.All)
            {
                if (mount != Mount.Root && tree.Walk(Cvm.FirstProcessId, tree.Root, mount.Path, followLast: false, out var at) == 0 && at.Inode is DirectoryNode directory)
                    directory.MountedHere = mount;
            }
        }
    }

    /// <summary>hosts(5): this cVM, also by what uname calls it; the others, and what it may connect to outside.</summary>
    private static string Hosts(Cvm cvm)
    {
        var text = new StringBuilder("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
        var own = FileSystem.FromBytes(cvm.HostName);
        foreach (var (name, address) in cvm.Network.Network.Names.Concat(cvm.Network.Bridge?.Names ?? []))
            text.Append(CultureInfo.InvariantCulture, $"{address}\t{name}{(name == cvm.Name && name != own ? " " + own : "")}\n");
        return text.ToString();
    }

    /// <summary>Makes the program visible at its path, so that /proc/self/exe leads somewhere.</summary>
    private static void ShowProgram(Cvm cvm, FileSystem tree)
    {
        var path = FileSystem.FromText(cvm.Options.ProgramPath);
        lock (tree.Gate)
        {
            if (tree.Walk(Cvm.FirstProcessId, tree.Root, path, followLast: true, out _) == 0)
                return;
        }

        var name = FileSystem.LastPart(path);
        tree.MakeDirectory(path[..Math.Max(path.Length - name.Length - 1, 0)]).Link(name, new RegularFile(tree, 0x1ed, () => new ProgramContent(cvm)));
    }

    /// <summary>The program that was started; before, nothing.</summary>
    private sealed class ProgramContent(Cvm cvm) : IHostFile
    {
        public long Length => Content.Length;

        public ReadOnlyMemory<byte>? Bytes => Content;

        private ReadOnlyMemory<byte> Content => cvm.Program?.Data ?? default;

        public int Read(long offset, Span<byte> destination)
        {
            var content = Content;
            var count = (int)Math.Clamp(content.Length - offset, 0, destination.Length);
            content.Span.Slice((int)Math.Min(offset, content.Length), count).CopyTo(destination);
            return count;
        }
    }
}
