namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>The pages of a shared anonymous mapping: what fork and mremap keep the same, wherever they are mapped.</summary>
/// <param name="canWrite">Whether they may be written: always, but for those of /dev/zero if that is only read.</param>
internal sealed class SharedPages(bool canWrite = true) : IMappingSource
{
    /// <inheritdoc/>
    public string Name => "/dev/zero (deleted)";

    /// <inheritdoc/>
    public bool CanWriteShared => canWrite;

    /// <inheritdoc/>
    public int HostDescriptor => -1;

    /// <inheritdoc/>
    public int ReadAt(long offset, Span<byte> destination) => 0;

    /// <inheritdoc/>
    public int Share() => 0;
}
