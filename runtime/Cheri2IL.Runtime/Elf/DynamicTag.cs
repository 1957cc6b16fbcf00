namespace Cheri2IL.Runtime.Elf;

/// <summary>Tags of PT_DYNAMIC entries (d_tag) that loading and translating need.</summary>
public enum DynamicTag : long
{
    /// <summary>DT_NULL: the end.</summary>
    Null = 0,

    /// <summary>DT_NEEDED.</summary>
    Needed = 1,

    /// <summary>DT_PLTRELSZ.</summary>
    PltRelocationsSize = 2,

    /// <summary>DT_HASH.</summary>
    Hash = 4,

    /// <summary>DT_STRTAB.</summary>
    StringTable = 5,

    /// <summary>DT_SYMTAB.</summary>
    SymbolTable = 6,

    /// <summary>DT_RELA.</summary>
    Relocations = 7,

    /// <summary>DT_RELASZ.</summary>
    RelocationsSize = 8,

    /// <summary>DT_STRSZ.</summary>
    StringTableSize = 10,

    /// <summary>DT_INIT.</summary>
    Init = 12,

    /// <summary>DT_FINI.</summary>
    Fini = 13,

    /// <summary>DT_SONAME.</summary>
    SharedObjectName = 14,

    /// <summary>DT_JMPREL.</summary>
    PltRelocations = 23,

    /// <summary>DT_INIT_ARRAY.</summary>
    InitArray = 25,

    /// <summary>DT_FINI_ARRAY.</summary>
    FiniArray = 26,

    /// <summary>DT_INIT_ARRAYSZ.</summary>
    InitArraySize = 27,

    /// <summary>DT_FINI_ARRAYSZ.</summary>
    FiniArraySize = 28,

    /// <summary>DT_PREINIT_ARRAY.</summary>
    PreinitArray = 32,

    /// <summary>DT_PREINIT_ARRAYSZ.</summary>
    PreinitArraySize = 33,

    /// <summary>DT_RELRSZ.</summary>
    PackedRelocationsSize = 35,

    /// <summary>DT_RELR.</summary>
    PackedRelocations = 36,

    /// <summary>DT_GNU_HASH.</summary>
    GnuHash = 0x6ffffef5,

    /// <summary>Address of the capability relocations of CHERI LLVM, __cap_relocs.</summary>
    CapabilityRelocations = 0x7000c000,

    /// <summary>Their bytes.</summary>
    CapabilityRelocationsSize = 0x7000c001,
}
