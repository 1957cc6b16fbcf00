namespace Cheri2IL.Runtime.Elf;

/// <summary>What a relocation of a program with capabilities puts in memory.</summary>
public enum LoadRelocationKind
{
    /// <summary>A 64-bit number.</summary>
    Number,

    /// <summary>A 64-bit address: the load bias is added.</summary>
    Address,

    /// <summary>NULL as a capability.</summary>
    Null,

    /// <summary>A capability for code, with the bounds of the whole image.</summary>
    Function,

    /// <summary>A capability for data that is only read.</summary>
    ReadOnlyData,

    /// <summary>A capability for data.</summary>
    Data,
}

/// <summary>A relocation that was validated: it writes inside the image, and what it points to lies there.</summary>
/// <param name="Kind">What is written.</param>
/// <param name="Location">Where, before the load bias; a multiple of 16 for capabilities.</param>
/// <param name="Value">The number, or the first address of the object, before the load bias.</param>
/// <param name="Length">Bytes of the object for data; 0: those of the image.</param>
/// <param name="Offset">Added to the address of the capability after its bounds are set.</param>
public readonly record struct LoadRelocation(LoadRelocationKind Kind, long Location, long Value, long Length = 0, long Offset = 0);
