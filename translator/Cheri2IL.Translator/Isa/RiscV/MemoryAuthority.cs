namespace Cheri2IL.Translator.Isa.RiscV;

/// <summary>
/// Which capability authorises an instruction's memory access. CHERI ISAv9, "Capability encoding mode" and "Explicit addressing".
/// </summary>
public enum MemoryAuthority : byte
{
    /// <summary>No access, or no capabilities.</summary>
    None,

    /// <summary>DDC; the address is the integer in rs1 plus the immediate.</summary>
    Ddc,

    /// <summary>The capability register rs1, whose address plus the immediate is the address.</summary>
    Register,
}
