using Cheri2IL.Intravisor.Ipc;

namespace Cheri2IL.Deployment.Manifests;

/// <summary>What an Intravisor is to run: shared buffers and cVMs.</summary>
public sealed class Manifest : ManifestEntry
{
    /// <summary>Buffers.</summary>
    [ManifestKey("capfiles", "Buffers that exist from the start and that cVMs find by name as /cap/NAME.")]
    public IReadOnlyList<CapFileEntry> CapFiles { get; internal set; } = [];

    /// <summary>cVMs, in the order in which they start.</summary>
    [ManifestKey("cVMs", "The compartments, in the order in which they start.", IsRequired = true)]
    public IReadOnlyList<CvmEntry> Cvms { get; internal set; } = [];

    /// <summary>The file, or the bundle, that it was read from.</summary>
    public string File { get; internal set; } = "";

    /// <summary>What is accepted but has no effect, or will surprise: a line each, with its place.</summary>
    public IReadOnlyList<ManifestProblem> Warnings { get; internal set; } = [];
}

/// <summary>A buffer of the Intravisor, published under a name.</summary>
public sealed class CapFileEntry : ManifestEntry
{
    /// <summary>Name.</summary>
    [ManifestKey("name", "Name under which cVMs find it: /cap/NAME.", IsRequired = true)]
    public string Name { get; internal set; } = "";

    /// <summary>Bytes; 0: as many as the content has.</summary>
    [ManifestKey("size", "Bytes, at most 1 GiB. Default: the length of its content.", Minimum = 1, Maximum = 1 << 30)]
    public ulong Size { get; internal set; }

    /// <summary>Initial text.</summary>
    [ManifestKey("data", "Initial content as text; zeros follow.")]
    public string? Data { get; internal set; }

    /// <summary>Host file with the initial content.</summary>
    [ManifestKey("file", "Host file with the initial content, relative to the manifest. It is read once and never written.")]
    public string? File { get; internal set; }

    /// <summary>Whether no cVM may write it.</summary>
    [ManifestKey("read_only", "Whether no cVM may ever write it.")]
    public bool IsReadOnly { get; internal set; }

    /// <summary>Who may use it.</summary>
    [ManifestKey("grants", "Who may use it. Without grants, nobody.")]
    public IReadOnlyList<GrantEntry> Grants { get; internal set; } = [];

    /// <summary>Address; of no effect.</summary>
    [ManifestKey("addr", "Accepted and ignored: buffers have no address that a cVM could name.")]
    public ulong Address { get; internal set; }
}

/// <summary>Rights of one cVM, or of all.</summary>
public sealed class GrantEntry : ManifestEntry
{
    /// <summary>cVM.</summary>
    [ManifestKey("to", "Name of the cVM, or * for every one.", IsRequired = true)]
    public string To { get; internal set; } = "";

    /// <summary>Rights.</summary>
    [ManifestKey("rights", "What it may do.", IsRequired = true)]
    public CpRights Rights { get; internal set; }
}
