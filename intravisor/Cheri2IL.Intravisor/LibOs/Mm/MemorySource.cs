using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>A file that is in the host's memory and in no file system, such as a program that lies outside of the root.</summary>
/// <param name="name">Path for /proc/self/maps.</param>
/// <param name="content">Its bytes, which never change.</param>
/// <param name="identity">What tells them from any others; null: nothing does.</param>
internal sealed class MemorySource(string name, ReadOnlyMemory<byte> content, FileIdentity? identity = null) : IMappingSource, ICodeFile
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public bool CanWriteShared => false;

    /// <inheritdoc/>
    public int HostDescriptor => -1;

    /// <inheritdoc/>
    public FileIdentity? Identity => identity;

    /// <inheritdoc/>
    public long Length => content.Length;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte>? Bytes => content;

    /// <inheritdoc/>
    public int ReadAt(long offset, Span<byte> destination)
    {
        if (offset < 0)
            return -Errno.EINVAL;
        var count = (int)Math.Min(destination.Length, Math.Max(0, content.Length - offset));
        content.Span.Slice((int)Math.Min(offset, content.Length), count).CopyTo(destination);
        return count;
    }
}
