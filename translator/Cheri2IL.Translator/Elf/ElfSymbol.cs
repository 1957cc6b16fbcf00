namespace Cheri2IL.Translator.Elf;

/// <summary>Type of a symbol (ELF64_ST_TYPE).</summary>
public enum SymbolType : byte
{
    /// <summary>STT_NOTYPE.</summary>
    None = 0,

    /// <summary>STT_OBJECT.</summary>
    Object = 1,

    /// <summary>STT_FUNC.</summary>
    Function = 2,

    /// <summary>STT_SECTION.</summary>
    Section = 3,

    /// <summary>STT_FILE.</summary>
    File = 4,

    /// <summary>STT_TLS.</summary>
    ThreadLocal = 6,

    /// <summary>STT_GNU_IFUNC: its value is the resolver.</summary>
    IndirectFunction = 10,
}

/// <summary>A symbol of .symtab or of the dynamic symbol table.</summary>
/// <param name="Name">Name; empty if none.</param>
/// <param name="Value">Address before the load bias.</param>
/// <param name="Size">Bytes; 0 if unknown.</param>
/// <param name="Type">Type.</param>
/// <param name="Section">st_shndx; 0 = undefined.</param>
public readonly record struct ElfSymbol(string Name, long Value, long Size, SymbolType Type, int Section)
{
    /// <summary>Whether it is code defined in this file.</summary>
    public bool IsDefinedFunction => Section != 0 && (Type is SymbolType.Function or SymbolType.IndirectFunction);
}

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
}

/// <summary>A dynamic relocation with addend.</summary>
/// <param name="Offset">Address it changes, before the load bias.</param>
/// <param name="Type">Type.</param>
/// <param name="Symbol">Index in the dynamic symbol table.</param>
/// <param name="Addend">Addend.</param>
public readonly record struct ElfRelocation(long Offset, RelocationType Type, int Symbol, long Addend);
