using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.LibOs.Tracing;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>What a cVM starts with.</summary>
public sealed record CvmOptions
{
    /// <summary>
    /// Name by which others grant it rights and by which reports call it; unique among the cVMs of an Intravisor that have not ended.
    /// Null: "cvm" and its number.
    /// </summary>
    public string? Name { get; init; }

    /// <summary>
    /// The cVM that it is nested in, which serves its system calls and reaches its memory (docs/layers.md); it has to outlive this one, whose end its own
    /// brings. Null: none.
    /// </summary>
    public Cvm? Outer { get; init; }

    /// <summary>Makes the code of an address space: translated modules, run-time translator, evaluator.</summary>
    public required Func<AddressSpace, DispatchTable, IGuestCode> CodeFactory { get; init; }

    /// <summary>argv; at least the program's name.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>Environment as K=V.</summary>
    public IReadOnlyList<string> Environment { get; init; } = [];

    /// <summary>Path of the program in the guest's file system: AT_EXECFN and /proc/self/exe. It shows the program that is started when the root has no such file.</summary>
    public required string ProgramPath { get; init; }

    /// <summary>Read-only host tree below the root; null: an empty root.</summary>
    public IHostTree? Root { get; init; }

    /// <summary>Limits.</summary>
    public CvmLimits Limits { get; init; } = new();

    /// <summary>The host.</summary>
    public IHostInterface Host { get; init; } = LinuxHost.Instance;

    /// <summary>A terminal of the host that is the controlling one of its first session; null: it has none, and the host's streams are files.</summary>
    public IHostTerminal? Terminal { get; init; }

    /// <summary>Counts the system calls by number; null: nobody does.</summary>
    public SyscallCounts? SystemCalls { get; init; }

    /// <summary>Receives system calls, signals and the end; null: nobody does.</summary>
    public SyscallTrace? Trace { get; init; }

    /// <summary>Receives the report of a fatal fault; null: none.</summary>
    public Action<string>? Report { get; init; }

    /// <summary>Opens what keeps the guest's changes of its files; the cVM closes it. Null: they are in memory, and end with the cVM.</summary>
    public Func<IHostUpper>? Upper { get; init; }

    /// <summary>Ports of the host that are passed on to it.</summary>
    public IReadOnlyList<PublishedPort> Publish { get; init; } = [];

    /// <summary>Where it may connect to outside of the Intravisor.</summary>
    public IReadOnlyList<ReachableHost> Reachable { get; init; } = [];

    /// <summary>The host's network, which only those two let it use; null: <see cref="Cvms.HostNetwork"/>.</summary>
    public IHostNetwork? HostNetwork { get; init; }

    /// <summary>User id of the guest's process.</summary>
    public int UserId { get; init; }

    /// <summary>Its group id.</summary>
    public int GroupId { get; init; }

    /// <summary>Its supplementary groups.</summary>
    public IReadOnlyList<int> Groups { get; init; } = (int[])[0];

    /// <summary>Its working directory, an absolute path, which is made where it is missing.</summary>
    public string WorkingDirectory { get; init; } = "/";
}
