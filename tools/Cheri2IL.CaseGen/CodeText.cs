using System.Buffers.Binary;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.CaseGen;

/// <summary>Instruction words as bytes and as text.</summary>
public static class CodeText
{
    /// <summary>Writes words one after the other, 2 or 4 bytes each; returns the bytes used.</summary>
    public static int Write(Span<byte> code, IEnumerable<uint> words)
    {
        var at = 0;
        foreach (var word in words)
        {
            if ((word & 3) == 3)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(code[at..], word);
                at += 4;
            }
            else
            {
                BinaryPrimitives.WriteUInt16LittleEndian(code[at..], (ushort)word);
                at += 2;
            }
        }

        return at;
    }

    /// <summary>Disassembly of <paramref name="count"/> instructions, separated by "; ".</summary>
    public static string Disassemble(ReadOnlySpan<byte> code, long address, int count)
    {
        var parts = new string[count];
        for (var i = 0; i < count; i++)
        {
            RiscVDecoder.TryDecode(code, address, out var instruction);
            parts[i] = RiscVDisassembler.Format(in instruction);
            code = code[instruction.Length..];
            address += instruction.Length;
        }

        return string.Join("; ", parts);
    }
}
