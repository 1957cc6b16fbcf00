using Cheri2IL.Intravisor.LibOs.Mm;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>A mapping of a <see cref="CpFile"/>, by a right that it was made with: when that is narrowed, the mapping goes.</summary>
internal sealed class CpMapping(CpFile file, CpAccess access, CpRights rights, string name) : IMappingSource
{
    /// <summary>What is mapped.</summary>
    public CpFile File => file;

    /// <summary>Whether the right is still what it was.</summary>
    public bool IsCurrent => access.Rights == rights;

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public bool CanWriteShared => rights.HasFlag(CpRights.Write);

    /// <inheritdoc/>
    public int HostDescriptor => IsCurrent ? file.Descriptor : -1;

    /// <inheritdoc/>
    public object SharedIdentity => file;

    /// <inheritdoc/>
    public bool IsGone => !IsCurrent;

    /// <summary>Pages without descriptor: the right has gone meanwhile.</summary>
    public int ReadAt(long offset, Span<byte> destination) => -LibOs.Abi.Errno.EACCES;
}
