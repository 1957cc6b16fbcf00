using System.Globalization;
using System.Text;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>/proc/PID (proc_pid(5)).</summary>
internal sealed class ProcessDirectory : DirectoryNode
{
    private const long TickNanoseconds = 10_000_000;

    private readonly GuestProcess _process;
    private Dictionary<CvmThread, DirectoryNode> TaskNodes => field ??= [];

    public ProcessDirectory(GuestProcess process, FileSystem tree, DirectoryNode proc)
        : base(tree, proc, 0x16d)
    {
        _process = process;
        Link("exe", new ProcessLink(tree, process, () => Start?.ExecutablePath ?? ""));
        Link("cwd", new ProcessLink(tree, process, () => tree.PathOf(process.Files.WorkingDirectory, process.Files.Root) ?? ""));
        Link("root", new ProcessLink(tree, process, () => process.Files.Root is { } root ? tree.PathOf(root) ?? "" : "/"));
        Show("cmdline", () => Zeroed(Start?.Arguments));
        Link("environ", new ProcessFile(tree, process, 0x100, () => Zeroed(Start?.Environment), isPrivate: true));
        Show("comm", () => Name + "\n");
        Link("maps", new ProcessFile(tree, process, 0x124, Maps, isPrivate: true));
        Link("smaps", new ProcessFile(tree, process, 0x124, Smaps, isPrivate: true));
        Show("limits", Limits);
        Show("stat", () => Stat(thread: null));
        Show("statm", () => $"{Pages} {Pages} 0 0 0 0 0\n");
        Show("status", () => Status(thread: null));
        Show("mounts", () => string.Concat(Mount.All.ToArray().Select(m => $"{m.Source} {m.Path} {m.Type} rw 0 0\n")));
        Show("mountinfo", () => string.Concat(Mount.All.ToArray().Select(m => $"{m.Number} {m.Parent} 0:{m.Number} / {m.Path} rw - {m.Type} {m.Source} rw\n")));
        Link("fd", new DescriptorDirectory(process, tree, this));
        Link("task", new ComputedDirectory(tree, this, Tasks));
        Link("net", new NetworkDirectory(process.Cvm, tree, this));
    }

    /// <summary>The process.</summary>
    internal GuestProcess Process => _process;

    /// <inheritdoc/>
    public override int UserId => _process.Attributes.Users.Effective;

    /// <inheritdoc/>
    public override int GroupId => _process.Attributes.Credentials.Groups.Effective;

    private ProgramStart? Start => _process.Image.Start;

    private ulong Pages => _process.IsEnding ? 0 : _process.Image.Space.AccessibleBytes / 4096;

    /// <summary>Name of the main thread, or of the program when that has ended.</summary>
    private string Name => NameOf(_process.FindThread(_process.Id));

    private string NameOf(CvmThread? thread) => Encoding.Latin1.GetString(thread?.Name is { Length: > 0 } name ? name : Start?.Name ?? []);

    /// <summary>State of a thread, and its word in /proc/PID/status; that of the process is its main thread's, which may have ended before others.</summary>
    private (char Letter, string Word) StateOf(CvmThread? thread)
        => _process.HasEnded || thread is null ? ('Z', "zombie") : _process.IsStopped ? ('T', "stopped") : thread.IsWaiting ? ('S', "sleeping") : ('R', "running");

    /// <summary>/proc/PID/task: the same directory for as long as a thread lasts. The caller holds the file system's gate.</summary>
    private IEnumerable<NamedInode> Tasks(DirectoryNode task)
    {
        var threads = _process.ThreadSnapshot();
        foreach (var ended in TaskNodes.Keys.Except(threads))
            TaskNodes.Remove(ended);
        foreach (var thread in threads)
        {
            if (!TaskNodes.ContainsKey(thread))
                TaskNodes.Add(thread, DirectoryOf(thread, task));
        }

        return [.. threads.Select(t => new NamedInode(t.Id.ToString(CultureInfo.InvariantCulture), TaskNodes[t]))];
    }

    /// <summary>/proc/PID/task/TID, empty when the thread has ended.</summary>
    private ComputedDirectory DirectoryOf(CvmThread thread, DirectoryNode task)
    {
        NamedInode File(string name, Func<string> content) => new NamedInode(name, new ProcessFile(FileSystem, _process, 0x124, content, isPrivate: false));
        NamedInode[] files = [File("comm", () => NameOf(thread) + "\n"), File("stat", () => Stat(thread)), File("status", () => Status(thread))];
        return new ComputedDirectory(FileSystem, task, _ => _process.FindThread(thread.Id) == thread ? files : []);
    }

    private static string Zeroed(IReadOnlyList<byte[]>? strings)
        => string.Concat((strings ?? []).Select(s => FileSystem.FromBytes(s) + "\0"));

    private string Maps()
    {
        var text = new StringBuilder();
        foreach (var m in _process.Image.Space.Snapshot())
        {
            // No interpolated string: programs that look for the bounds of their stack read this, and its methods for numbers are compiled at run time only.
            text.Append(m.Start.ToString("x8", CultureInfo.InvariantCulture)).Append('-').Append(m.End.ToString("x8", CultureInfo.InvariantCulture)).Append(' ');
            text.Append((m.Protection & 1) != 0 ? 'r' : '-').Append((m.Protection & 2) != 0 ? 'w' : '-').Append((m.Protection & 4) != 0 ? 'x' : '-').Append(m.IsShared ? 's' : 'p');
            text.Append(' ').Append(m.Offset.ToString("x8", CultureInfo.InvariantCulture)).Append(" 00:00 0 ").Append(m.Source?.Name ?? m.Name).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>The mappings with their sizes; what is resident is not looked for.</summary>
    private string Smaps()
    {
        var text = new StringBuilder();
        foreach (var line in Maps().Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var range = line[..line.IndexOf(' ', StringComparison.Ordinal)].Split('-');
            var kilobytes = (ulong.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture) - ulong.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture)) / 1024;
            text.Append(line).Append('\n');
            foreach (var (name, value) in ((string, ulong)[])[("Size", kilobytes), ("KernelPageSize", 4), ("MMUPageSize", 4), ("Rss", kilobytes), ("Pss", kilobytes), ("Private_Dirty", kilobytes), ("AnonHugePages", 0), ("Swap", 0)])
                text.Append(CultureInfo.InvariantCulture, $"{name + ":",-16}{value,8} kB\n");
        }

        return text.ToString();
    }

    private string Limits()
    {
        ReadOnlySpan<(string Name, string Unit)> rows =
        [
            ("cpu time", "seconds"), ("file size", "bytes"), ("data size", "bytes"), ("stack size", "bytes"), ("core file size", "bytes"), ("resident set", "bytes"),
            ("processes", "processes"), ("open files", "files"), ("locked memory", "bytes"), ("address space", "bytes"), ("file locks", "locks"), ("pending signals", "signals"),
            ("msgqueue size", "bytes"), ("nice priority", ""), ("realtime priority", ""), ("realtime timeout", "us"),
        ];
        var text = new StringBuilder($"{"Limit",-26}{"Soft Limit",-21}{"Hard Limit",-21}Units     \n");
        var attributes = _process.Attributes;
        lock (attributes.Gate)
        {
            for (var k = 0; k < rows.Length; k++)
                text.Append(CultureInfo.InvariantCulture, $"{"Max " + rows[k].Name,-26}{Format(attributes.Limits[k].Soft),-21}{Format(attributes.Limits[k].Hard),-21}{rows[k].Unit,-10}\n");
        }

        return text.ToString();

        static string Format(ulong limit) => limit == ulong.MaxValue ? "unlimited" : limit.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>proc_pid_status(5) of a thread; null: of the process.</summary>
    private string Status(CvmThread? thread)
    {
        var who = _process.Attributes.Credentials;
        var kilobytes = Pages * 4;
        var signals = _process.Signals;
        ulong own, shared, blocked, ignored = 0, caught = 0;
        var main = thread ?? _process.FindThread(_process.Id);
        var (letter, word) = StateOf(main);
        lock (signals.Gate)
        {
            (own, shared, blocked) = (main?.Pending.Pending ?? 0, signals.Pending.Pending, main?.Mask ?? 0);
            for (var signal = 1; signal <= Signal.Last; signal++)
            {
                var handler = signals.Action(signal).Handler;
                ignored |= handler == Signal.SIG_IGN ? Signal.Bit(signal) : 0;
                caught |= handler is not (Signal.SIG_IGN or Signal.SIG_DFL) ? Signal.Bit(signal) : 0;
            }
        }

        return $"Name:\t{NameOf(main)}\nState:\t{letter} ({word})\nTgid:\t{_process.Id}\nPid:\t{thread?.Id ?? _process.Id}\nPPid:\t{_process.ParentId}\n"
            + $"Uid:\t{who.Users.Real}\t{who.Users.Effective}\t{who.Users.Saved}\t{who.FileUser}\nGid:\t{who.Groups.Real}\t{who.Groups.Effective}\t{who.Groups.Saved}\t{who.FileGroup}\nGroups:\t{string.Concat(who.SupplementaryGroups.Select(g => $"{g} "))}\nVmSize:\t{kilobytes} kB\nVmRSS:\t{kilobytes} kB\nThreads:\t{_process.ThreadCount}\n"
            + string.Create(CultureInfo.InvariantCulture, $"SigPnd:\t{own:x16}\nShdPnd:\t{shared:x16}\nSigBlk:\t{blocked:x16}\nSigIgn:\t{ignored:x16}\nSigCgt:\t{caught:x16}\n")
            + string.Create(CultureInfo.InvariantCulture, $"CapInh:\t{who.Inheritable:x16}\nCapPrm:\t{who.Permitted:x16}\nCapEff:\t{who.Effective:x16}\nCapBnd:\t{who.Bounding:x16}\nCapAmb:\t{who.Ambient:x16}\nNoNewPrivs:\t{(_process.Attributes.NoNewPrivileges ? 1 : 0)}\n");
    }

    /// <summary>proc_pid_stat(5) of a thread; null: of the process. 52 fields; those that are not kept are 0.</summary>
    private string Stat(CvmThread? thread)
    {
        var main = thread ?? _process.FindThread(_process.Id);
        var fields = new long[49];
        fields[4 - 4] = _process.ParentId;
        fields[5 - 4] = _process.Group;
        fields[6 - 4] = _process.Session;
        lock (_process.Cvm.Tasks)
        {
            // The device of the terminal, and the group in its foreground.
            fields[7 - 4] = _process.Terminal?.Device ?? 0;
            fields[8 - 4] = _process.Terminal?.ForegroundGroup ?? -1;

            // A file that was open before the thread ended says nothing of whom the host gave its number.
            var cpu = thread is null ? _process.CpuNanoseconds : _process.FindThread(thread.Id) == thread ? thread.CpuNanoseconds : 0;
            fields[14 - 4] = cpu / TickNanoseconds;
        }

        fields[18 - 4] = 20 + _process.Attributes.Nice;
        fields[19 - 4] = _process.Attributes.Nice;
        fields[20 - 4] = _process.ThreadCount;
        fields[22 - 4] = _process.StartNanoseconds / TickNanoseconds;
        fields[23 - 4] = (long)Pages * 4096;
        fields[24 - 4] = (long)Pages;
        return $"{thread?.Id ?? _process.Id} ({NameOf(main)}) {StateOf(main).Letter} {string.Join(' ', fields)}\n";
    }

    private void Show(string name, Func<string> content) => Link(name, new ProcessFile(FileSystem, _process, 0x124, content, isPrivate: false));
}

/// <summary>A file of /proc/PID, of text with a character for each byte.</summary>
internal sealed class ProcessFile : ComputedFile
{
    private readonly GuestProcess _process;
    private readonly bool _isPrivate;

    /// <summary>Makes one.</summary>
    /// <param name="tree">Its file system.</param>
    /// <param name="process">The process.</param>
    /// <param name="permissions">Permission bits.</param>
    /// <param name="content">The text.</param>
    /// <param name="isPrivate">Whether it is for those alone who may look into the process (fs/proc/base.c, proc_mem_open).</param>
    public ProcessFile(FileSystem tree, GuestProcess process, int permissions, Func<string> content, bool isPrivate)
        : base(tree, () => FileSystem.ToBytes(content()))
    {
        (_process, _isPrivate) = (process, isPrivate);
        Mode = Type | permissions;
    }

    /// <inheritdoc/>
    public override int UserId => _process.Attributes.ShownOwner.User;

    /// <inheritdoc/>
    public override int GroupId => _process.Attributes.ShownOwner.Group;

    /// <inheritdoc/>
    internal override OpenFile? OpenFor(in FileCaller caller, int flags, out int error)
    {
        if (!_isPrivate || caller.MayInspect(_process))
            return Open(flags, out error);
        error = -Errno.EACCES;
        return null;
    }
}

/// <summary>/proc/PID/fd (fs/proc/fd.c).</summary>
internal sealed class DescriptorDirectory : ComputedDirectory
{
    private readonly GuestProcess _process;

    public DescriptorDirectory(GuestProcess process, FileSystem tree, DirectoryNode parent)
        : base(tree, parent, _ => process.Files.Descriptors.Snapshot().Select(d => new NamedInode(
            d.Descriptor.ToString(CultureInfo.InvariantCulture), new DescriptorLink(tree, process, d.File))))
    {
        _process = process;
        Mode = FileAbi.S_IFDIR | 0x140;
    }

    /// <inheritdoc/>
    public override int UserId => _process.Attributes.ShownOwner.User;

    /// <inheritdoc/>
    public override int GroupId => _process.Attributes.ShownOwner.Group;

    /// <summary>A process may always look at its own, whoever it has become.</summary>
    internal override int Check(in FileCaller caller, int wanted) => caller.Process == _process.Id ? 0 : base.Check(caller, wanted);
}
