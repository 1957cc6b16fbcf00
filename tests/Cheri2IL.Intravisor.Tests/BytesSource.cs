using Cheri2IL.Intravisor.LibOs.Mm;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>A file that is an array.</summary>
internal sealed class BytesSource(byte[] bytes) : IMappingSource
{
    public string Name => "/test/bytes";

    public bool CanWriteShared => false;

    public int HostDescriptor => -1;

    public int ReadAt(long offset, Span<byte> destination)
    {
        if (offset >= bytes.Length)
            return 0;
        var count = Math.Min(destination.Length, bytes.Length - (int)offset);
        bytes.AsSpan((int)offset, count).CopyTo(destination);
        return count;
    }
}
