namespace Cheri2IL.Runtime.Elf;

/// <summary>What a program knows of capabilities.</summary>
public enum CapabilityAbi
{
    /// <summary>Nothing: none of its instructions is one of CHERI.</summary>
    None,

    /// <summary>
    /// Pointers are integers under DDC, and code has CHERI-RISC-V ISAv9 instructions: Tag_RISCV_arch names xcheri, e_flags say nothing.
    /// </summary>
    Hybrid,

    /// <summary>Pointers are capabilities, and code is in capability mode: e_flags EF_RISCV_CHERIABI and EF_RISCV_CAP_MODE.</summary>
    Pure,
}
