using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Deployment.Archives;

/// <summary>An entry of a tar archive, with what stood in front of its header applied.</summary>
/// <param name="Offset">Offset of its header in the file.</param>
/// <param name="Name">Path, a character for each byte.</param>
/// <param name="Kind">Kind of file; meaningless for a hard link.</param>
/// <param name="IsHardLink">Whether it is another name for an earlier entry.</param>
/// <param name="LinkName">Where a link leads.</param>
internal sealed record TarEntry(long Offset, string Name, HostEntryKind Kind, bool IsHardLink, string LinkName)
{
    /// <summary>Permission bits.</summary>
    public int Mode { get; init; }

    /// <summary>Owner.</summary>
    public int UserId { get; init; }

    /// <summary>Group.</summary>
    public int GroupId { get; init; }

    /// <summary>Nanoseconds since 1970.</summary>
    public long ModifyTime { get; init; }

    /// <summary>Number of a device, as st_rdev has it.</summary>
    public long Device { get; init; }

    /// <summary>Offset of its content in the file.</summary>
    public long ContentOffset { get; init; }

    /// <summary>Bytes of its content.</summary>
    public long Length { get; init; }

    /// <summary>Extended attributes; null: none.</summary>
    public IReadOnlyDictionary<string, byte[]>? Attributes { get; init; }
}
