namespace Cheri2IL.Runtime.Elf;

/// <summary>Type of a dynamic relocation (RISC-V ELF psABI).</summary>
public enum RelocationType : uint
{
    /// <summary>R_RISCV_NONE.</summary>
    None = 0,

    /// <summary>R_RISCV_32.</summary>
    Absolute32 = 1,

    /// <summary>R_RISCV_64.</summary>
    Absolute64 = 2,

    /// <summary>R_RISCV_RELATIVE.</summary>
    Relative = 3,

    /// <summary>R_RISCV_COPY.</summary>
    Copy = 4,

    /// <summary>R_RISCV_JUMP_SLOT.</summary>
    JumpSlot = 5,

    /// <summary>R_RISCV_TLS_DTPMOD64.</summary>
    TlsModule64 = 7,

    /// <summary>R_RISCV_TLS_DTPREL64.</summary>
    TlsOffset64 = 9,

    /// <summary>R_RISCV_TLS_TPREL64.</summary>
    TlsThreadPointer64 = 11,

    /// <summary>R_RISCV_TLSDESC.</summary>
    TlsDescriptor = 12,

    /// <summary>R_RISCV_IRELATIVE: the addend is an ifunc resolver.</summary>
    IndirectRelative = 58,

    /// <summary>R_RISCV_CHERI_CAPABILITY: a capability for the symbol.</summary>
    CheriCapability = 193,

    /// <summary>R_RISCV_FUNC_RELATIVE: RELATIVE for the address of a function.</summary>
    FunctionRelative = 194,
}

/// <summary>A dynamic relocation with addend.</summary>
/// <param name="Offset">Address it changes, before the load bias.</param>
/// <param name="Type">Type.</param>
/// <param name="Symbol">Index in the dynamic symbol table.</param>
/// <param name="Addend">Addend.</param>
public readonly record struct ElfRelocation(long Offset, RelocationType Type, int Symbol, long Addend);
