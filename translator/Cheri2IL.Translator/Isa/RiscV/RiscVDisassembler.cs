using System.Globalization;
using System.Text;

namespace Cheri2IL.Translator.Isa.RiscV;

/// <summary>
/// Prints instructions in the canonical GNU syntax without aliases (objdump -M no-aliases): ABI register names, compressed
/// instructions under their own mnemonics, branch targets as absolute hexadecimal addresses, undecodable words as
/// <c>.2byte</c> or <c>.4byte</c>. CHERI-RISC-V as llvm-objdump of CHERI LLVM prints it with the same option, but for the spaces
/// between operands.
/// </summary>
public static class RiscVDisassembler
{
    private const byte DynamicRounding = 7;
    private const uint FenceTso = 0x8330000F;
    private const uint MajorOpcode = 0x7F;
    private const uint AmoOpcode = 0x2F;

    private static readonly string[] IntegerNames =
    [
        "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
        "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
    ];

    private static readonly string[] CapabilityNames = ["cnull", .. IntegerNames.Skip(1).Select(name => "c" + name)];

    private static readonly string[] FloatNames =
    [
        "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
        "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
    ];

    private static readonly string[] RoundingNames = ["rne", "rtz", "rdn", "rup", "rmm", "5", "6", "dyn"];

    /// <summary>ABI name of integer register <paramref name="register"/> (0..31): "zero", "ra", "a0"...</summary>
    public static string IntegerRegister(int register) => IntegerNames[register];

    /// <summary>ABI name of capability register <paramref name="register"/> (0..31): "cnull", "cra", "ca0"...</summary>
    public static string CapabilityRegister(int register) => CapabilityNames[register];

    /// <summary>ABI name of floating-point register <paramref name="register"/> (0..31): "ft0", "fa0"...</summary>
    public static string FloatRegister(int register) => FloatNames[register];

    /// <summary>Mnemonic of the base instruction: "addi", "fcvt.w.s"; empty for Invalid.</summary>
    public static string Mnemonic(RiscVOpcode opcode) => RiscVSyntax.Mnemonic[(int)opcode];

    /// <summary>Extensions that have the instruction, separated by spaces: "I", "M Zmmul"; empty for Invalid.</summary>
    public static string Extension(RiscVOpcode opcode) => RiscVSyntax.Extension[(int)opcode];

    /// <summary>
    /// Assembly form of the instruction's operands in the notation of the decode tables ("rd,imm(rs1)", "fd,fs1,fs2,rm"); empty
    /// without operands.
    /// </summary>
    public static string OperandForm(RiscVOpcode opcode) => RiscVSyntax.Form[(int)opcode];

    /// <summary>The encoded word and the instruction, in columns: "00c58533  add a0,a1,a2".</summary>
    public static string FormatWithCode(in RiscVInstruction instruction)
        => $"{instruction.Raw.ToString(instruction.Length == 2 ? "x4" : "x8", CultureInfo.InvariantCulture),-8}  {Format(instruction)}";

    /// <summary>Prints an instruction: mnemonic, one space, operands separated by commas.</summary>
    public static string Format(in RiscVInstruction instruction)
    {
        var text = new StringBuilder(32);
        if (instruction.Opcode == RiscVOpcode.Invalid)
        {
            var digits = 2 * instruction.Length;
            return text.Append(CultureInfo.InvariantCulture, $".{instruction.Length}byte 0x")
                .Append(instruction.Raw.ToString("x" + digits, CultureInfo.InvariantCulture)).ToString();
        }

        var row = RiscVDecoder.FormOf(in instruction);
        text.Append(RiscVSyntax.Mnemonic[(int)row]);
        var form = RiscVSyntax.Form[(int)row];
        // The operand of c.nop is a hint and usually 0: not shown then.
        if (row == RiscVForm.CNop && instruction.Immediate == 0)
            form = "";
        // The dynamic rounding mode is the default of the syntax: not written.
        if (instruction.RoundingMode == DynamicRounding && form.EndsWith(",rm", StringComparison.Ordinal))
            form = form[..^3];
        // fm = 1000 with rw,rw is the one fence that has a name of its own.
        if (instruction.Raw == FenceTso)
        {
            text.Append(".tso");
            form = "";
        }

        // CHERI's explicit forms are ordered, too, but have no bits to say so.
        if ((instruction.Raw & MajorOpcode) == AmoOpcode && (instruction.Acquire || instruction.Release))
            text.Append('.').Append(instruction.Acquire ? "aq" : "").Append(instruction.Release ? "rl" : "");
        if (form.Length > 0)
        {
            text.Append(' ');
            AppendOperands(text, in instruction, form);
        }

        return text.ToString();
    }

    /// <summary>Copies the form, replacing each operand name by the operand.</summary>
    private static void AppendOperands(StringBuilder text, in RiscVInstruction instruction, string form)
    {
        var position = 0;
        while (position < form.Length)
        {
            var end = position;
            while (end < form.Length && char.IsAsciiLetterOrDigit(form[end]))
                end++;
            if (end > position)
                AppendOperand(text, in instruction, form.AsSpan(position, end - position));
            if (end < form.Length)
                text.Append(form[end]);
            position = end + 1;
        }
    }

    private static void AppendOperand(StringBuilder text, in RiscVInstruction i, ReadOnlySpan<char> name)
    {
        _ = name switch
        {
            "rd" => text.Append(IntegerNames[i.Rd]),
            "rs1" => text.Append(IntegerNames[i.Rs1]),
            "rs2" => text.Append(IntegerNames[i.Rs2]),
            "fd" => text.Append(FloatNames[i.Rd]),
            "fs1" => text.Append(FloatNames[i.Rs1]),
            "fs2" => text.Append(FloatNames[i.Rs2]),
            "fs3" => text.Append(FloatNames[i.Rs3]),
            "cd" => text.Append(CapabilityNames[i.Rd]),
            "cs1" => text.Append(CapabilityNames[i.Rs1]),
            "cs2" => text.Append(CapabilityNames[i.Rs2]),
            "dcs1" => text.Append(i.Rs1 == 0 ? "ddc" : CapabilityNames[i.Rs1]),
            "dcs2" => text.Append(i.Rs2 == 0 ? "ddc" : CapabilityNames[i.Rs2]),
            "sp" => text.Append("sp"),
            "csp" => text.Append("csp"),
            "imm" => text.Append(i.Immediate),
            "shamt" => text.Append(CultureInfo.InvariantCulture, $"0x{i.Immediate:x}"),
            "imm20" => text.Append(CultureInfo.InvariantCulture, $"0x{(i.Immediate >> 12) & 0xFFFFF:x}"),
            "target" => text.Append(CultureInfo.InvariantCulture, $"0x{i.Target:x}"),
            "csr" => AppendCsr(text, (int)i.Immediate),
            "zimm" => text.Append(i.Rs1),
            "scr" => AppendSpecialRegister(text, i.Rs2),
            "quarter" => text.Append(i.Immediate >> 8),
            "mask" => text.Append(i.Immediate & 0xFF),
            "rm" => text.Append(RoundingNames[i.RoundingMode]),
            "pred" => AppendFenceSet(text, i.FencePredecessor),
            "succ" => AppendFenceSet(text, i.FenceSuccessor),
            _ => throw new InvalidOperationException($"the decode tables name an unknown operand '{name}'"),
        };
    }

    /// <summary>Names the CSRs that user-mode code can see; others as numbers.</summary>
    private static StringBuilder AppendCsr(StringBuilder text, int number) => number switch
    {
        0x001 => text.Append("fflags"),
        0x002 => text.Append("frm"),
        0x003 => text.Append("fcsr"),
        0xC00 => text.Append("cycle"),
        0xC01 => text.Append("time"),
        0xC02 => text.Append("instret"),
        _ => text.Append(CultureInfo.InvariantCulture, $"0x{number:x}"),
    };

    /// <summary>Names the special capability registers (CHERI ISAv9, "Special capability registers"); others as numbers.</summary>
    private static StringBuilder AppendSpecialRegister(StringBuilder text, int number) => number switch
    {
        0 => text.Append("pcc"),
        1 => text.Append("ddc"),
        4 => text.Append("utcc"),
        5 => text.Append("utdc"),
        6 => text.Append("uscratchc"),
        7 => text.Append("uepcc"),
        12 => text.Append("stcc"),
        13 => text.Append("stdc"),
        14 => text.Append("sscratchc"),
        15 => text.Append("sepcc"),
        28 => text.Append("mtcc"),
        29 => text.Append("mtdc"),
        30 => text.Append("mscratchc"),
        31 => text.Append("mepcc"),
        _ => text.Append(number),
    };

    private static StringBuilder AppendFenceSet(StringBuilder text, byte set)
    {
        if (set == 0)
            return text.Append("unknown");
        if ((set & 8) != 0)
            text.Append('i');
        if ((set & 4) != 0)
            text.Append('o');
        if ((set & 2) != 0)
            text.Append('r');
        if ((set & 1) != 0)
            text.Append('w');
        return text;
    }
}
