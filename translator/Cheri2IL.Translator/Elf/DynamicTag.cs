namespace Cheri2IL.Translator.Elf;

/// <summary>Tags of PT_DYNAMIC entries (d_tag) that translating needs.</summary>
internal enum DynamicTag : long
{
    Null = 0,
    Needed = 1,
    PltRelocationsSize = 2,
    Hash = 4,
    StringTable = 5,
    SymbolTable = 6,
    Relocations = 7,
    RelocationsSize = 8,
    StringTableSize = 10,
    Init = 12,
    Fini = 13,
    SharedObjectName = 14,
    PltRelocations = 23,
    InitArray = 25,
    FiniArray = 26,
    InitArraySize = 27,
    FiniArraySize = 28,
    PreinitArray = 32,
    PreinitArraySize = 33,
    PackedRelocationsSize = 35,
    PackedRelocations = 36,
    GnuHash = 0x6ffffef5,
}
