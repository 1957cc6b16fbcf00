using System.Buffers.Binary;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Runtime.Elf;

/// <summary>Where an ELF file's code goes, from its program headers alone: neither the rest is read nor anything validated.</summary>
public static class CodeLayout
{
    private const int MaxProgramHeaders = 64;

    private static ReadOnlySpan<byte> Magic => [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1];

    /// <summary>
    /// The load bias of the file of which some pages are mapped executable: what was added to the addresses of the executable
    /// segment that the pages belong to.
    /// </summary>
    /// <returns>False: the file is no ELF64 file, or has no executable segment there.</returns>
    public static bool TryFindBias(CodeMapping mapping, out long bias)
    {
        ArgumentNullException.ThrowIfNull(mapping);
        bias = 0;
        Span<byte> table = stackalloc byte[MaxProgramHeaders * ElfExecutable.ProgramHeaderSize];
        if (!TryReadHeaders(mapping.File, table, out var count))
            return false;
        for (var k = 0; k < count; k++)
        {
            var header = table.Slice(k * ElfExecutable.ProgramHeaderSize, ElfExecutable.ProgramHeaderSize);
            var flags = (SegmentFlags)BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
            if ((SegmentType)BinaryPrimitives.ReadUInt32LittleEndian(header) != SegmentType.Load || (flags & SegmentFlags.Execute) == 0)
                continue;
            var offset = BinaryPrimitives.ReadInt64LittleEndian(header[8..]);
            var address = BinaryPrimitives.ReadInt64LittleEndian(header[16..]);
            var size = BinaryPrimitives.ReadInt64LittleEndian(header[32..]);
            // Pages: the first and the last have more of the file.
            if (offset < 0 || size < 0 || size > long.MaxValue - offset || mapping.Offset < (offset & -HostMemory.PageSize) || mapping.Offset >= offset + size)
                continue;
            bias = unchecked(mapping.Start - mapping.Offset + offset - address);
            return (bias & (HostMemory.PageSize - 1)) == 0;
        }

        return false;
    }

    private static bool TryReadHeaders(ICodeFile file, Span<byte> table, out int count)
    {
        count = 0;
        Span<byte> header = stackalloc byte[ElfExecutable.HeaderSize];
        if (file.ReadAt(0, header) != header.Length || !header.StartsWith(Magic))
            return false;
        var at = BinaryPrimitives.ReadInt64LittleEndian(header[32..]);
        count = Math.Min((int)BinaryPrimitives.ReadUInt16LittleEndian(header[56..]), MaxProgramHeaders);
        var length = count * ElfExecutable.ProgramHeaderSize;
        return at >= 0 && BinaryPrimitives.ReadUInt16LittleEndian(header[54..]) == ElfExecutable.ProgramHeaderSize && file.ReadAt(at, table[..length]) == length;
    }
}
