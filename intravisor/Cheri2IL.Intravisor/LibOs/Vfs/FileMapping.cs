using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>
/// A regular file as mmap sees it. Private mappings copy its bytes, unless shared ones have made pages of it that can be mapped.
/// </summary>
internal sealed class FileMapping(RegularFile file, string path, bool canWrite) : IMappingSource, ICodeFile
{
    /// <inheritdoc/>
    public string Name => path;

    /// <inheritdoc/>
    public bool CanWriteShared => canWrite;

    /// <inheritdoc/>
    public object SharedIdentity => file;

    /// <inheritdoc/>
    public int HostDescriptor => file.Content.Descriptor;

    /// <inheritdoc/>
    public int Share() => file.Content.Share() < 0 ? -Errno.ENOMEM : 0;

    /// <inheritdoc/>
    public FileIdentity? Identity => file.Content.Identity;

    /// <inheritdoc/>
    public long Length => file.Content.Length;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte>? Bytes => file.Content.Bytes;

    /// <inheritdoc/>
    public int ReadAt(long offset, Span<byte> destination)
    {
        var to = new IoVector(destination);
        return (int)file.Content.Read(offset, ref to);
    }
}
