using System.Globalization;
using System.Text;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>/proc/PID (proc_pid(5)).</summary>
internal sealed class ProcessDirectory : DirectoryNode
{
    private readonly GuestProcess _process;

    public ProcessDirectory(GuestProcess process, FileSystem tree, DirectoryNode proc)
        : base(tree, proc, 0x16d)
    {
        _process = process;
        Link("exe", new SymbolicLink(tree, () => Start?.ExecutablePath ?? ""));
        Link("cwd", new SymbolicLink(tree, () => tree.PathOf(process.Files.WorkingDirectory)));
        Link("root", new SymbolicLink(tree, "/"));
        Show("cmdline", () => Zeroed(Start?.Arguments));
        Show("environ", () => Zeroed(Start?.Environment));
        Show("comm", () => Name + "\n");
        Show("maps", Maps);
        Show("stat", Stat);
        Show("statm", () => $"{Pages} {Pages} 0 0 0 0 0\n");
        Show("status", Status);
        Show("mounts", () => "root / tmpfs rw 0 0\nproc /proc proc rw 0 0\n");
        Show("mountinfo", () => "1 0 0:1 / / rw - tmpfs root rw\n");
        Link("fd", new ComputedDirectory(tree, this, _ => process.Files.Descriptors.Snapshot().Select(d => KeyValuePair.Create<string, Inode>(
            d.Descriptor.ToString(CultureInfo.InvariantCulture), new SymbolicLink(tree, d.File.Path)))));
    }

    /// <inheritdoc/>
    public override bool IsWritable => false;

    private ProgramStart? Start => _process.Image.Start;

    private ulong Pages => _process.IsEnding ? 0 : _process.Image.Space.AccessibleBytes / 4096;

    /// <summary>Name of the main thread, or of the program when that has ended.</summary>
    private string Name => Encoding.Latin1.GetString(_process.FindThread(_process.Id)?.Name is { Length: > 0 } name ? name : Start?.Name ?? []);

    private char State => _process.HasEnded ? 'Z' : _process.IsStopped ? 'T' : 'R';

    private static string Zeroed(IReadOnlyList<byte[]>? strings)
        => string.Concat((strings ?? []).Select(s => FileSystem.FromBytes(s) + "\0"));

    private string Maps()
    {
        var text = new StringBuilder();
        foreach (var m in _process.Image.Space.Snapshot())
        {
            char Flag(int bit, char c) => (m.Protection & bit) != 0 ? c : '-';
            text.Append(CultureInfo.InvariantCulture, $"{m.Start:x8}-{m.End:x8} {Flag(1, 'r')}{Flag(2, 'w')}{Flag(4, 'x')}{(m.IsShared ? 's' : 'p')} {m.Offset:x8} 00:00 0 {m.Source?.Name ?? m.Name}\n");
        }

        return text.ToString();
    }

    private string Status()
    {
        var user = _process.Attributes.UserId;
        var kilobytes = Pages * 4;
        return $"Name:\t{Name}\nState:\t{State} ({(State == 'Z' ? "zombie" : State == 'T' ? "stopped" : "running")})\nTgid:\t{_process.Id}\nPid:\t{_process.Id}\nPPid:\t{_process.ParentId}\n"
            + $"Uid:\t{user}\t{user}\t{user}\t{user}\nGid:\t{user}\t{user}\t{user}\t{user}\nVmSize:\t{kilobytes} kB\nVmRSS:\t{kilobytes} kB\nThreads:\t{_process.ThreadCount}\n";
    }

    /// <summary>proc_pid_stat(5): 52 fields; those that are not kept are 0.</summary>
    private string Stat()
    {
        var fields = new long[49];
        fields[4 - 4] = _process.ParentId;
        fields[5 - 4] = _process.Group;
        fields[6 - 4] = _process.Session;
        fields[14 - 4] = _process.CpuNanoseconds / 10_000_000;
        fields[20 - 4] = _process.ThreadCount;
        fields[23 - 4] = (long)Pages * 4096;
        fields[24 - 4] = (long)Pages;
        return $"{_process.Id} ({Name}) {State} {string.Join(' ', fields)}\n";
    }

    private void Show(string name, Func<string> content) => Link(name, ComputedFile.OfText(FileSystem, content));
}
