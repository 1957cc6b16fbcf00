using System.Buffers.Binary;

namespace Cheri2IL.Translator.Isa.RiscV;

/// <summary>Decodes RV64 instruction words as the tables in this folder define them. Stateless, allocates nothing.</summary>
public static class RiscVDecoder
{
    /// <summary>Decodes the instruction at the start of <paramref name="code"/>, without CHERI.</summary>
    /// <inheritdoc cref="TryDecode(ReadOnlySpan{byte}, long, RiscVIsa, out RiscVInstruction)"/>
    public static bool TryDecode(ReadOnlySpan<byte> code, long address, out RiscVInstruction instruction) =>
        TryDecode(code, address, RiscVIsa.Rv64, out instruction);

    /// <summary>Decodes the instruction at the start of <paramref name="code"/>.</summary>
    /// <param name="code">Code bytes; may end inside the instruction, which is then undecodable.</param>
    /// <param name="address">Guest address of the first byte.</param>
    /// <param name="isa">The instructions there are.</param>
    /// <param name="instruction">
    /// The instruction. When undecodable, opcode Invalid, the bytes that are there in <see cref="RiscVInstruction.Raw"/>,
    /// and length 2 or 4 by the two low bits (also for the longer formats, none of which exists).
    /// </param>
    /// <returns>False if the word is reserved, of an unsupported extension, or cut off.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> code, long address, RiscVIsa isa, out RiscVInstruction instruction)
    {
        if (code.Length >= 4)
        {
            var word = BinaryPrimitives.ReadUInt32LittleEndian(code);
            instruction = (word & 3) == 3 ? Decode32(word, address, isa) : Decode16((ushort)word, address, isa);
        }
        else if (code.Length >= 2)
        {
            var word = BinaryPrimitives.ReadUInt16LittleEndian(code);
            instruction = (word & 3) == 3
                ? new RiscVInstruction { Raw = word, Length = 4, Address = address, Isa = isa }
                : Decode16(word, address, isa);
        }
        else
        {
            instruction = new RiscVInstruction { Raw = code.IsEmpty ? 0u : code[0], Length = 2, Address = address, Isa = isa };
        }

        return instruction.Opcode != RiscVOpcode.Invalid;
    }

    /// <summary>
    /// Whether a word that is none of RV64's instructions is one that only CHERI-RISC-V ISAv9 has. Of its encodings those of the custom-2
    /// opcode alone tell: others are also given to extensions that plain programs probe for.
    /// </summary>
    public static bool IsCapabilityInstruction(in RiscVInstruction undecodable)
    {
        const uint MajorOpcode = 0x7f;
        const uint Custom2 = 0x5b;
        return undecodable.Length == 4 && (undecodable.Raw & MajorOpcode) == Custom2
            && Decode32(undecodable.Raw, undecodable.Address, RiscVIsa.CheriV9Integer).Opcode != RiscVOpcode.Invalid;
    }

    /// <summary>The row of the tables that an instruction was decoded from, which says how it is spelled.</summary>
    internal static RiscVForm FormOf(in RiscVInstruction instruction) => (instruction.Isa, instruction.Length) switch
    {
        (RiscVIsa.CheriV9Integer, 2) => CheriV9IntegerEncoding.Match16(instruction.Raw),
        (RiscVIsa.CheriV9Integer, _) => CheriV9IntegerEncoding.Match32(instruction.Raw),
        (RiscVIsa.CheriV9Capability, 2) => CheriV9CapabilityEncoding.Match16(instruction.Raw),
        (RiscVIsa.CheriV9Capability, _) => CheriV9CapabilityEncoding.Match32(instruction.Raw),
        (_, 2) => Rv64Encoding.Match16(instruction.Raw),
        _ => Rv64Encoding.Match32(instruction.Raw),
    };

    private static RiscVInstruction Decode32(uint word, long address, RiscVIsa isa) => isa switch
    {
        RiscVIsa.CheriV9Integer => CheriV9IntegerDecoder.Decode32(word, address) with { Isa = isa },
        RiscVIsa.CheriV9Capability => CheriV9CapabilityDecoder.Decode32(word, address) with { Isa = isa },
        _ => Rv64Decoder.Decode32(word, address),
    };

    private static RiscVInstruction Decode16(uint word, long address, RiscVIsa isa) => isa switch
    {
        RiscVIsa.CheriV9Integer => CheriV9IntegerDecoder.Decode16(word, address) with { Isa = isa },
        RiscVIsa.CheriV9Capability => CheriV9CapabilityDecoder.Decode16(word, address) with { Isa = isa },
        _ => Rv64Decoder.Decode16(word, address),
    };
}
