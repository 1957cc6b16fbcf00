using System.Buffers.Binary;

namespace Cheri2IL.Translator.Isa.RiscV;

/// <summary>Decodes RV64 instruction words as the tables in this folder define them. Stateless, allocates nothing.</summary>
public static partial class RiscVDecoder
{
    /// <summary>Decodes the instruction at the start of <paramref name="code"/>.</summary>
    /// <param name="code">Code bytes; may end inside the instruction, which is then undecodable.</param>
    /// <param name="address">Guest address of the first byte.</param>
    /// <param name="instruction">
    /// The instruction. When undecodable, opcode Invalid, the bytes that are there in <see cref="RiscVInstruction.Raw"/>,
    /// and length 2 or 4 by the two low bits (also for the longer formats, none of which exists).
    /// </param>
    /// <returns>False if the word is reserved, of an unsupported extension, or cut off.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> code, long address, out RiscVInstruction instruction)
    {
        if (code.Length >= 4)
        {
            var word = BinaryPrimitives.ReadUInt32LittleEndian(code);
            instruction = (word & 3) == 3 ? Decode32(word, address) : Decode16((ushort)word, address);
        }
        else if (code.Length >= 2)
        {
            var word = BinaryPrimitives.ReadUInt16LittleEndian(code);
            instruction = (word & 3) == 3
                ? new RiscVInstruction { Raw = word, Length = 4, Address = address }
                : Decode16(word, address);
        }
        else
        {
            instruction = new RiscVInstruction { Raw = code.IsEmpty ? 0u : code[0], Length = 2, Address = address };
        }

        return instruction.Opcode != RiscVOpcode.Invalid;
    }
}
