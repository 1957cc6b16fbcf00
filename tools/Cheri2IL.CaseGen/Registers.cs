using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.CaseGen;

/// <summary>ABI register names, as the disassembler spells them.</summary>
internal static class Registers
{
    private static readonly Dictionary<string, int> Integer = Enumerable.Range(0, 32).ToDictionary(RiscVDisassembler.IntegerRegister);
    private static readonly Dictionary<string, int> Float = Enumerable.Range(0, 32).ToDictionary(RiscVDisassembler.FloatRegister);

    /// <summary>Number of an integer register.</summary>
    public static bool TryInteger(string name, out int register) => Integer.TryGetValue(name, out register);

    /// <summary>Number of a floating-point register.</summary>
    public static bool TryFloat(string name, out int register) => Float.TryGetValue(name, out register);
}
