namespace Cheri2IL.Translator.Isa.RiscV;

/// <summary>Which instructions a word can be. With CHERI it also depends on the encoding mode, which PCC's flag says at run time.</summary>
public enum RiscVIsa : byte
{
    /// <summary>RV64GC with the extensions of the tables, without capabilities.</summary>
    Rv64,

    /// <summary>The same with CHERI-RISC-V ISAv9, in integer mode: ordinary accesses use integer addresses under DDC.</summary>
    CheriV9Integer,

    /// <summary>CHERI-RISC-V ISAv9 in capability mode: ordinary accesses use a capability register as address and authority.</summary>
    CheriV9Capability,
}
