using Cheri2IL.Intravisor.LibOs.Mm;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A regular file as mmap sees it: private mappings copy its bytes; there is no host descriptor, so shared ones are refused.</summary>
internal sealed class FileMapping(OpenFile file) : IMappingSource
{
    /// <inheritdoc/>
    public string Name => file.Path;

    /// <inheritdoc/>
    public bool CanWriteShared => file.CanWrite;

    /// <inheritdoc/>
    public object SharedIdentity => file.Inode;

    /// <inheritdoc/>
    public int HostDescriptor => -1;

    /// <inheritdoc/>
    public int ReadAt(long offset, Span<byte> destination)
    {
        var to = new IoVector(destination);
        return (int)file.ReadAt(offset, ref to);
    }
}
