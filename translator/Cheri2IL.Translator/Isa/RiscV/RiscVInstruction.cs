namespace Cheri2IL.Translator.Isa.RiscV;

/// <summary>
/// A decoded instruction: the fields of its encoding, not their meaning. Fields that the instruction does not have are 0.
/// Compressed instructions appear as the base instruction they stand for, with <see cref="Length"/> 2; CHERI's explicit accesses
/// and those of capability mode appear as the base instruction with another <see cref="Authority"/>.
/// </summary>
public readonly record struct RiscVInstruction
{
    /// <summary>What it is; Invalid if the word is not an instruction of the decode tables.</summary>
    public RiscVOpcode Opcode { get; init; }

    /// <summary>Destination register, 0..31; integer or floating-point as the opcode says.</summary>
    public byte Rd { get; init; }

    /// <summary>First source register, 0..31; the 5-bit operand itself (zimm) of csrrwi, csrrsi, csrrci.</summary>
    public byte Rs1 { get; init; }

    /// <summary>Second source register, 0..31; the number of the special register of cspecialrw.</summary>
    public byte Rs2 { get; init; }

    /// <summary>Third source register of the fused multiply-add instructions, 0..31.</summary>
    public byte Rs3 { get; init; }

    /// <summary>
    /// Sign-extended immediate: operand, address offset or branch distance in bytes; the full value (bits 31..12 in place) of
    /// lui, auipc and auipcc; shift amount or bit number; CSR number (0..4095) of the Zicsr instructions; zero-extended length
    /// (0..4095) of csetboundsimm; of cclear and fpclear, the quarter (0..3) in bits 9..8 and its registers' mask in bits 7..0.
    /// </summary>
    public long Immediate { get; init; }

    /// <summary>rm field of floating-point instructions that round: 0..4 static, 7 dynamic.</summary>
    public byte RoundingMode { get; init; }

    /// <summary>aq bit of atomics; set where the encoding has none.</summary>
    public bool Acquire { get; init; }

    /// <summary>rl bit of atomics; set where the encoding has none.</summary>
    public bool Release { get; init; }

    /// <summary>Predecessor set of fence: i=8 o=4 r=2 w=1.</summary>
    public byte FencePredecessor { get; init; }

    /// <summary>Successor set of fence: i=8 o=4 r=2 w=1.</summary>
    public byte FenceSuccessor { get; init; }

    /// <summary>The capability that authorises the memory access.</summary>
    public MemoryAuthority Authority { get; init; }

    /// <summary>What it was decoded as.</summary>
    public RiscVIsa Isa { get; init; }

    /// <summary>Size in bytes: 2 or 4.</summary>
    public byte Length { get; init; }

    /// <summary>The word itself, zero-extended when <see cref="Length"/> is 2.</summary>
    public uint Raw { get; init; }

    /// <summary>Guest address of the instruction.</summary>
    public long Address { get; init; }

    /// <summary>Guest address of the instruction that follows in memory.</summary>
    public long NextAddress => Address + Length;

    /// <summary>Guest address of a direct jump or branch: address plus immediate. Meaningless for other instructions.</summary>
    public long Target => Address + Immediate;

    /// <summary>The disassembly, as <see cref="RiscVDisassembler.Format"/> gives it.</summary>
    public override string ToString() => RiscVDisassembler.Format(in this);
}
