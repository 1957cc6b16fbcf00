using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.Lifting;

/// <summary>Which registers an instruction writes, as far as control-flow recovery needs to know.</summary>
internal static class RegisterEffects
{
    /// <summary>The integer register that the instruction writes, or -1 (none, or x0).</summary>
    public static int DestinationX(in this RiscVInstruction i)
    {
        switch (i.Opcode)
        {
            case RiscVOpcode.Beq or RiscVOpcode.Bne or RiscVOpcode.Blt or RiscVOpcode.Bge or RiscVOpcode.Bltu or RiscVOpcode.Bgeu
                or RiscVOpcode.Sb or RiscVOpcode.Sh or RiscVOpcode.Sw or RiscVOpcode.Sd or RiscVOpcode.Fsw or RiscVOpcode.Fsd
                or RiscVOpcode.Fence or RiscVOpcode.FenceI or RiscVOpcode.Ecall or RiscVOpcode.Ebreak:
                return -1;
            case RiscVOpcode.Flw or RiscVOpcode.Fld
                or RiscVOpcode.FaddS or RiscVOpcode.FsubS or RiscVOpcode.FmulS or RiscVOpcode.FdivS or RiscVOpcode.FsqrtS
                or RiscVOpcode.FaddD or RiscVOpcode.FsubD or RiscVOpcode.FmulD or RiscVOpcode.FdivD or RiscVOpcode.FsqrtD
                or RiscVOpcode.FmaddS or RiscVOpcode.FmsubS or RiscVOpcode.FnmsubS or RiscVOpcode.FnmaddS
                or RiscVOpcode.FmaddD or RiscVOpcode.FmsubD or RiscVOpcode.FnmsubD or RiscVOpcode.FnmaddD
                or RiscVOpcode.FsgnjS or RiscVOpcode.FsgnjnS or RiscVOpcode.FsgnjxS or RiscVOpcode.FminS or RiscVOpcode.FmaxS
                or RiscVOpcode.FsgnjD or RiscVOpcode.FsgnjnD or RiscVOpcode.FsgnjxD or RiscVOpcode.FminD or RiscVOpcode.FmaxD
                or RiscVOpcode.FcvtSD or RiscVOpcode.FcvtDS or RiscVOpcode.FmvWX or RiscVOpcode.FmvDX
                or RiscVOpcode.FcvtSW or RiscVOpcode.FcvtSWu or RiscVOpcode.FcvtSL or RiscVOpcode.FcvtSLu
                or RiscVOpcode.FcvtDW or RiscVOpcode.FcvtDWu or RiscVOpcode.FcvtDL or RiscVOpcode.FcvtDLu:
                return -1;
            default:
                return i.Rd == 0 ? -1 : i.Rd;
        }
    }
}
