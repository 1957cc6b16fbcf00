using System.Buffers.Binary;
using Cheri2IL.Runtime.Elf;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>Writes small ELF files.</summary>
internal static class TestElf
{
    /// <summary>A program with the given headers; byte n of the file is n modulo 251 behind the headers.</summary>
    public static ElfExecutable Build(bool positionIndependent, long entry, params ReadOnlySpan<ProgramHeader> headers)
        => ElfExecutable.Parse(Bytes(positionIndependent, entry, headers), "test");

    /// <summary>The same for pure capabilities.</summary>
    public static ElfExecutable BuildPure(long entry, params ReadOnlySpan<ProgramHeader> headers)
    {
        const int PureFlags = 0x30005;
        var file = Bytes(positionIndependent: true, entry, headers);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(48), PureFlags);
        return ElfExecutable.Parse(file, "test");
    }

    /// <summary>A position-independent program of the given instructions, at 0x1000, where it starts.</summary>
    public static byte[] Program(params ReadOnlySpan<int> instructions)
    {
        var file = Bytes(
            true,
            0x1000,
            [new ProgramHeader(SegmentType.Load, SegmentFlags.Read | SegmentFlags.Execute, 0x1000, 0x1000, instructions.Length * 4, instructions.Length * 4, 0x1000)]);
        for (var k = 0; k < instructions.Length; k++)
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(0x1000 + (4 * k)), instructions[k]);
        return file;
    }

    private static byte[] Bytes(bool positionIndependent, long entry, ReadOnlySpan<ProgramHeader> headers)
    {
        var length = ElfExecutable.HeaderSize + (headers.Length * ElfExecutable.ProgramHeaderSize);
        foreach (var header in headers)
            length = Math.Max(length, (int)(header.Offset + header.FileSize));
        var file = new byte[length];
        for (var k = 0; k < length; k++)
            file[k] = (byte)(k % 251);
        var span = file.AsSpan();
        span[..ElfExecutable.HeaderSize].Clear();
        ((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]).CopyTo(span);
        BinaryPrimitives.WriteUInt16LittleEndian(span[16..], positionIndependent ? (ushort)3 : (ushort)2);
        BinaryPrimitives.WriteUInt16LittleEndian(span[18..], 243);
        BinaryPrimitives.WriteInt32LittleEndian(span[20..], 1);
        BinaryPrimitives.WriteInt64LittleEndian(span[24..], entry);
        BinaryPrimitives.WriteInt64LittleEndian(span[32..], ElfExecutable.HeaderSize);
        BinaryPrimitives.WriteInt32LittleEndian(span[48..], 5);
        BinaryPrimitives.WriteUInt16LittleEndian(span[52..], ElfExecutable.HeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(span[54..], ElfExecutable.ProgramHeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(span[56..], (ushort)headers.Length);
        for (var k = 0; k < headers.Length; k++)
        {
            var at = span[(ElfExecutable.HeaderSize + (k * ElfExecutable.ProgramHeaderSize))..];
            BinaryPrimitives.WriteUInt32LittleEndian(at, (uint)headers[k].Type);
            BinaryPrimitives.WriteUInt32LittleEndian(at[4..], (uint)headers[k].Flags);
            BinaryPrimitives.WriteInt64LittleEndian(at[8..], headers[k].Offset);
            BinaryPrimitives.WriteInt64LittleEndian(at[16..], headers[k].VirtualAddress);
            BinaryPrimitives.WriteInt64LittleEndian(at[32..], headers[k].FileSize);
            BinaryPrimitives.WriteInt64LittleEndian(at[40..], headers[k].MemorySize);
            BinaryPrimitives.WriteInt64LittleEndian(at[48..], headers[k].Alignment);
        }

        return file;
    }
}
