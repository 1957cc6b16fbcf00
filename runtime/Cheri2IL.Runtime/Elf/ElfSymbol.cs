namespace Cheri2IL.Runtime.Elf;

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

/// <summary>Binding of a symbol (ELF64_ST_BIND).</summary>
public enum SymbolBinding : byte
{
    /// <summary>STB_LOCAL: not visible outside of its object file.</summary>
    Local = 0,

    /// <summary>STB_GLOBAL.</summary>
    Global = 1,

    /// <summary>STB_WEAK: global, and gives way to a global definition.</summary>
    Weak = 2,

    /// <summary>STB_GNU_UNIQUE: global, and one for the whole process.</summary>
    Unique = 10,
}

/// <summary>A symbol of .symtab or of the dynamic symbol table.</summary>
/// <param name="Name">Name; empty if none.</param>
/// <param name="Value">Address before the load bias.</param>
/// <param name="Size">Bytes; 0 if unknown.</param>
/// <param name="Type">Type.</param>
/// <param name="Binding">Binding.</param>
/// <param name="Section">st_shndx; 0 = undefined.</param>
public readonly record struct ElfSymbol(string Name, long Value, long Size, SymbolType Type, SymbolBinding Binding, int Section)
{
    /// <summary>Whether it is code defined in this file.</summary>
    public bool IsDefinedFunction => Section != 0 && (Type is SymbolType.Function or SymbolType.IndirectFunction);
}
