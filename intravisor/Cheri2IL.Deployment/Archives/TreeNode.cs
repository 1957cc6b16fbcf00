using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Deployment.Archives;

/// <summary>A file of the tree that an archive, or several in layers, has.</summary>
internal sealed class TreeNode(HostEntryKind kind)
{
    private Dictionary<string, TreeEntry>? _children;

    /// <summary>Kind.</summary>
    public HostEntryKind Kind => kind;

    /// <summary>Permission bits.</summary>
    public int Mode { get; set; } = 0x1ed;

    /// <summary>Owner.</summary>
    public int UserId { get; set; }

    /// <summary>Group.</summary>
    public int GroupId { get; set; }

    /// <summary>Nanoseconds since 1970.</summary>
    public long ModifyTime { get; set; }

    /// <summary>Extended attributes; null: none.</summary>
    public IReadOnlyDictionary<string, byte[]>? Attributes { get; set; }

    /// <summary>Where a symbolic link leads.</summary>
    public string? LinkTarget { get; init; }

    /// <summary>Number of a device.</summary>
    public long Device { get; init; }

    /// <summary>The file that has its content.</summary>
    public ImageFile? Source { get; init; }

    /// <summary>Where in it.</summary>
    public long Offset { get; init; }

    /// <summary>Bytes of content.</summary>
    public long Length { get; init; }

    /// <summary>Names.</summary>
    public int Links { get; set; }

    /// <summary>Entries of a directory.</summary>
    public Dictionary<string, TreeEntry> Children => _children ??= new(StringComparer.Ordinal);

    /// <summary>It as an entry of a directory.</summary>
    public HostEntry ToEntry(string name) => new(name, Kind, Mode, ModifyTime, LinkTarget)
    {
        UserId = UserId,
        GroupId = GroupId,
        Device = Device,
        Links = Math.Max(Links, 1),
        Identity = Links > 1 && Kind != HostEntryKind.Directory ? this : null,
        Attributes = Attributes,
    };
}

/// <summary>An entry of a directory.</summary>
/// <param name="Node">The file.</param>
/// <param name="Layer">Number of the last layer that spoke of it under this name.</param>
internal readonly record struct TreeEntry(TreeNode Node, int Layer);
