using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;

namespace Cheri2IL.Deployment.Manifests;

/// <summary>A cVM of the manifest.</summary>
public sealed class CvmEntry : ManifestEntry
{
    /// <summary>The key's value that waits for the end of the cVM before the next starts.</summary>
    public const int WaitForEnd = -1;

    /// <summary>The name of <see cref="CallbackOut"/> that means the Intravisor itself.</summary>
    public const string Monitor = "monitor";

    /// <summary>Name.</summary>
    [ManifestKey("name", "Name, unique in the manifest: prefix of its console, and what grants and commands call it.", IsRequired = true)]
    public string Name { get; internal set; } = "";

    /// <summary>Program on the host.</summary>
    [ManifestKey("runtime", "ELF file on the host, relative to the manifest, that the cVM runs. A musl-lkl library OS is replaced by the built-in one. Without runtime, the first word of args names the program inside root.")]
    public string? Runtime { get; internal set; }

    /// <summary>Arguments.</summary>
    [ManifestKey("args", "Arguments: one string that is split at spaces, or a list. With runtime they follow argv[0]; without, they begin with the program's path inside root (a /ld.so before it is skipped).")]
    public IReadOnlyList<string> Arguments { get; internal set; } = [];

    /// <summary>Environment.</summary>
    [ManifestKey("env", "Environment: a mapping of names to values, or a list of NAME=VALUE. The host's environment is not passed on.")]
    public IReadOnlyDictionary<string, string> Environment { get; internal set; } = new Dictionary<string, string>();

    /// <summary>Root directory or archive.</summary>
    [ManifestKey("root", "Folder, tar archive (also gzip, xz, zstd), container's image or ext4 file system, relative to the manifest, that is the root of its file system: read-only below a writable layer in memory. Default: an empty root.")]
    public string? Root { get; internal set; }

    /// <summary>The same, as the original calls it.</summary>
    [ManifestKey("disk", "The same as root, under the original's name.")]
    public string? Disk { get; internal set; }

    /// <summary>Where changes are kept.</summary>
    [ManifestKey("upper", "Host directory, relative to the manifest, that keeps what it writes, for its next start with the same root. Default: the writable layer is in memory.")]
    public string? Upper { get; internal set; }

    /// <summary>Limits.</summary>
    [ManifestKey("limits", "What it may take from the host.")]
    public LimitsEntry Limits { get; internal set; } = new();

    /// <summary>When to start the next.</summary>
    [ManifestKey("wait", "-1: the next cVM starts when this one has ended; N: N seconds after this one has started.", Minimum = WaitForEnd, Maximum = 86400)]
    public int Wait { get; internal set; }

    /// <summary>What to do at its end.</summary>
    [ManifestKey("restart", "Whether it is started anew when it ends.")]
    public RestartEntry Restart { get; internal set; } = new();

    /// <summary>Names in /cap.</summary>
    [ManifestKey("ipc", "Which names it may publish in /cap, and which it may use.")]
    public IpcEntry Ipc { get; internal set; } = new();

    /// <summary>Published ports.</summary>
    [ManifestKey("publish", "Ports that the host passes on, as [ADDRESS:]PORT->PORT, of UDP with /udp behind it; the address is 127.0.0.1 unless given.")]
    public IReadOnlyList<PublishedPort> Publish { get; internal set; } = [];

    /// <summary>Where it may connect to.</summary>
    [ManifestKey("connect", "Hosts outside that it may connect to, as HOST:PORT, or send datagrams to, as HOST:PORT/udp; names are looked up when it starts, and stand in its /etc/hosts. Other cVMs it reaches by their names.")]
    public IReadOnlyList<ReachableHost> Connect { get; internal set; } = [];

    /// <summary>Confinement of capabilities.</summary>
    [ManifestKey("clean_room", "1: it receives no right to write what others share, whatever is granted.")]
    public bool IsCleanRoom { get; internal set; }

    /// <summary>Who calls in.</summary>
    [ManifestKey("callback_in", "Runtime of the inner cVM whose system calls this one serves.")]
    public string? CallbackIn { get; internal set; }

    /// <summary>Where system calls go.</summary>
    [ManifestKey("callback_out", "Name or runtime of the outer cVM that it is nested in and that serves its system calls; monitor, the default, is the Intravisor.")]
    public string CallbackOut { get; internal set; } = Monitor;

    /// <summary>Ranges of the original.</summary>
    [ManifestKey("isolation", "Its range in the original's address space. Here each cVM has a slot of its own, inside that of its outer one if it is nested; size limits its memory unless limits do.")]
    public IReadOnlyList<IsolationEntry> Isolation { get; internal set; } = [];

    /// <summary>Network device of the original.</summary>
    [ManifestKey("net", "Accepted and ignored, as in the original.")]
    public string? Net { get; internal set; }

    /// <summary>Right to deploy others.</summary>
    [ManifestKey("libvirt", "Whether it may start further cVMs. 1 is not supported.")]
    public bool MayDeploy { get; internal set; }

    /// <summary><see cref="Root"/> or <see cref="Disk"/>; null: an empty root.</summary>
    public string? RootPath => Root ?? Disk;
}

/// <summary>Limits of a cVM.</summary>
public sealed class LimitsEntry : ManifestEntry
{
    /// <summary>Bytes of mapped memory.</summary>
    [ManifestKey("memory", "Most bytes mapped at a time, its stack of 8M included.", Minimum = 16 << 20, Maximum = 1UL << 36)]
    public ulong? Memory { get; internal set; }

    /// <summary>Bytes of files.</summary>
    [ManifestKey("files_memory", "Most bytes of file contents that it may write to the layer in memory.", Minimum = 0, Maximum = 1UL << 40)]
    public ulong? FilesMemory { get; internal set; }

    /// <summary>Threads.</summary>
    [ManifestKey("threads", "Most threads at a time.", Minimum = 1, Maximum = 4096)]
    public int? Threads { get; internal set; }

    /// <summary>Processor time.</summary>
    [ManifestKey("cpu_time", "Most processor time of all its threads: SIGXCPU then, SIGKILL a second later.", Minimum = 0.01, Maximum = 1e9)]
    public TimeSpan? CpuTime { get; internal set; }

    /// <summary>Descriptors.</summary>
    [ManifestKey("open_files", "Most open descriptors at a time.", Minimum = 3, Maximum = 1 << 20)]
    public int? OpenFiles { get; internal set; }
}

/// <summary>When a cVM is started anew.</summary>
public enum RestartPolicy
{
    /// <summary>Never.</summary>
    No,

    /// <summary>When a signal killed it, or its status is not 0.</summary>
    OnFailure,

    /// <summary>Whenever it ends.</summary>
    Always,
}

/// <summary>How a cVM is started anew.</summary>
public sealed class RestartEntry : ManifestEntry
{
    /// <summary>When; what a single word instead of the mapping says.</summary>
    [ManifestKey("policy", "When it is started anew.", IsShorthand = true)]
    public RestartPolicy Policy { get; internal set; }

    /// <summary>How often.</summary>
    [ManifestKey("retries", "Most restarts. Default: no limit.", Minimum = 0, Maximum = 1_000_000)]
    public int? Retries { get; internal set; }

    /// <summary>How long after the end.</summary>
    [ManifestKey("delay", "Time between the end and the next start. Default: 1s.", Minimum = 0, Maximum = 86400)]
    public TimeSpan Delay { get; internal set; } = TimeSpan.FromSeconds(1);
}

/// <summary>Names in /cap that a cVM deals with.</summary>
public sealed class IpcEntry : ManifestEntry
{
    /// <summary>Names kept for it.</summary>
    [ManifestKey("owns", "Names that it alone may publish.")]
    public IReadOnlyList<string> Owns { get; internal set; } = [];

    /// <summary>What it may use.</summary>
    [ManifestKey("grants", "What it may do with what is published, whoever does so.")]
    public IReadOnlyList<UseEntry> Grants { get; internal set; } = [];
}

/// <summary>A right to a name.</summary>
public sealed class UseEntry : ManifestEntry
{
    /// <summary>Name.</summary>
    [ManifestKey("name", "Name in /cap, published now or later.", IsRequired = true)]
    public string Name { get; internal set; } = "";

    /// <summary>Rights.</summary>
    [ManifestKey("rights", "What it may do with it.", IsRequired = true)]
    public CpRights Rights { get; internal set; }
}

/// <summary>A range of the original's address space.</summary>
public sealed class IsolationEntry : ManifestEntry
{
    /// <summary>Start.</summary>
    [ManifestKey("base", "First address of its range.", IsRequired = true)]
    public ulong Base { get; internal set; }

    /// <summary>Bytes.</summary>
    [ManifestKey("size", "Bytes of its range.", IsRequired = true, Minimum = 16 << 20, Maximum = 1UL << 36)]
    public ulong Size { get; internal set; }

    /// <summary>First address of its default capabilities.</summary>
    [ManifestKey("begin", "First address that its default capabilities reach. Default: base.")]
    public ulong? Begin { get; internal set; }

    /// <summary>End of its default capabilities.</summary>
    [ManifestKey("end", "End of what its default capabilities reach. Default: base + size.")]
    public ulong? End { get; internal set; }

    /// <summary>First address behind its range.</summary>
    public ulong BaseEnd => Base + Size;

    /// <summary>First address that its capabilities reach.</summary>
    public ulong LowestReach => Begin ?? Base;

    /// <summary>First address behind what they reach.</summary>
    public ulong HighestReach => End ?? BaseEnd;
}
