using System.Buffers.Binary;
using System.Globalization;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Conformance;

/// <summary>Compares decoder and disassembler with rows of instruction words.</summary>
internal static class EncodingVectors
{
    /// <summary>Mnemonics of the specification that assemblers spell otherwise.</summary>
    private static readonly Dictionary<string, string> Spellings = new()
    {
        ["crrl"] = "croundrepresentablelength",
        ["cram"] = "crepresentablealignmentmask",
        ["cseqx"] = "csetequalexact",
        ["cincoffsetimm"] = "cincoffset",
        ["csetboundsimm"] = "csetbounds",
        ["c.clcsp"] = "c.clccsp",
        ["c.cscsp"] = "c.csccsp",
    };

    /// <summary>Compressed instructions whose row gives no immediate although they have one.</summary>
    private static readonly string[] WithoutImmediate = ["c.addi", "c.j", "c.fld", "c.fldsp", "c.fsd", "c.fsdsp"];

    /// <summary>One word in one mode: what it is, its registers and its immediate.</summary>
    public static void Word(VectorRow row)
    {
        var isCapabilityMode = row.Text("mode") switch
        {
            "cap" => true,
            "int" => false,
            var mode => throw new FormatException($"unknown mode '{mode}'"),
        };
        Span<byte> code = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(code, (uint)row.Word("word"));
        var length = (int)row.Word("width") / 8;
        var isa = isCapabilityMode ? RiscVIsa.CheriV9Capability : RiscVIsa.CheriV9Integer;
        var isDecoded = RiscVDecoder.TryDecode(code[..length], 0, isa, out var instruction);
        var mnemonic = row.Text("mnemonic");
        if (mnemonic == "ILLEGAL")
        {
            if (isDecoded)
                row.Fail($"it is {instruction}");
            return;
        }

        if (!isDecoded || instruction.Length != length)
        {
            row.Fail("it is not decoded");
            return;
        }

        ExpectSpelling(row, instruction, mnemonic, isCapabilityMode);
        foreach (var register in row.Text("register_fields").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            ExpectField(row, instruction, register);

        // A conditional explicit store returns its outcome in the register of the value.
        if (mnemonic.StartsWith("sc.", StringComparison.Ordinal) && mnemonic.Length > 6 && instruction.Rd != instruction.Rs2)
            row.Fail($"rd is {instruction.Rd}");
        ExpectAuthority(row, instruction, mnemonic, isCapabilityMode);
        var immediate = row.Text("immediate");
        if (mnemonic is "cclear" or "fpclear" || (immediate.Length == 0 && WithoutImmediate.Contains(mnemonic)))
            return;
        if (instruction.Immediate.ToString(CultureInfo.InvariantCulture) != (immediate.Length == 0 ? "0" : immediate))
            row.Fail($"immediate is {instruction.Immediate}");
    }

    private static void ExpectSpelling(VectorRow row, in RiscVInstruction instruction, string mnemonic, bool isCapabilityMode)
    {
        var expected = Spellings.GetValueOrDefault(mnemonic, mnemonic);
        if (isCapabilityMode && IsSpelledByMode(mnemonic))
        {
            expected = mnemonic.StartsWith("c.", StringComparison.Ordinal)
                ? "c.c" + mnemonic[2..].Replace("sp", "csp", StringComparison.Ordinal)
                : "c" + mnemonic;
        }

        var spelled = instruction.ToString().Split(' ')[0];
        foreach (var suffix in (string[])[".aqrl", ".aq", ".rl"])
        {
            if (spelled.EndsWith(suffix, StringComparison.Ordinal))
                spelled = spelled[..^suffix.Length];
        }

        if (spelled != expected)
            row.Fail($"it is {spelled}");
    }

    /// <summary>Accesses to memory have another mnemonic in capability mode, unless their name says what they do.</summary>
    private static bool IsSpelledByMode(string mnemonic) =>
        !mnemonic.EndsWith(".cap", StringComparison.Ordinal) && !mnemonic.EndsWith(".ddc", StringComparison.Ordinal)
        && (mnemonic is "lb" or "lbu" or "lh" or "lhu" or "lw" or "lwu" or "ld" or "sb" or "sh" or "sw" or "sd" or "lc" or "sc"
                or "flh" or "flw" or "fld" or "fsh" or "fsw" or "fsd"
                or "c.lw" or "c.ld" or "c.sw" or "c.sd" or "c.lwsp" or "c.ldsp" or "c.swsp" or "c.sdsp"
            || mnemonic.StartsWith("amo", StringComparison.Ordinal)
            || mnemonic.StartsWith("lr.", StringComparison.Ordinal)
            || mnemonic.StartsWith("sc.", StringComparison.Ordinal));

    private static void ExpectField(VectorRow row, in RiscVInstruction instruction, string text)
    {
        var sides = text.Split('=');
        if (sides.Length != 2 || !int.TryParse(sides[1], NumberStyles.None, CultureInfo.InvariantCulture, out var expected))
            throw new FormatException($"cannot read field '{text}'");

        // "cd'" is a field of three bits, "rs1'/cs1'" one that is either kind of register.
        var name = sides[0].Split('/')[0];
        if (name[^1] == '\'')
            (name, expected) = (name[..^1], expected + 8);
        var actual = name switch
        {
            "rd" or "cd" or "fd" => instruction.Rd,
            "rs1" or "cs1" => instruction.Rs1,
            "rs2" or "cs2" or "fs2" or "scr" => instruction.Rs2,
            "aq" => instruction.Acquire ? 1 : 0,
            "rl" => instruction.Release ? 1 : 0,
            "q" => (int)(instruction.Immediate >> 8),
            "m[7:5]" => (int)(instruction.Immediate >> 5) & 7,
            "m[4:0]" => (int)instruction.Immediate & 31,
            _ => throw new FormatException($"unknown field '{name}'"),
        };
        if (actual != expected)
            row.Fail($"{name} is {actual}");
    }

    /// <summary>Accesses use DDC in integer mode and their register in capability mode; explicit ones what they say.</summary>
    private static void ExpectAuthority(VectorRow row, in RiscVInstruction instruction, string mnemonic, bool isCapabilityMode)
    {
        var isExplicit = mnemonic.EndsWith(".cap", StringComparison.Ordinal) || mnemonic.EndsWith(".ddc", StringComparison.Ordinal);
        var expected = mnemonic switch
        {
            "jalr.cap" => MemoryAuthority.None,
            "cloadtags" => MemoryAuthority.Register,
            _ when isExplicit => mnemonic.EndsWith(".cap", StringComparison.Ordinal) ? MemoryAuthority.Register : MemoryAuthority.Ddc,
            "c.fld" or "c.fldsp" or "c.fsd" or "c.fsdsp" => MemoryAuthority.Ddc,
            "c.clc" or "c.clcsp" or "c.csc" or "c.cscsp" => MemoryAuthority.Register,
            _ when IsSpelledByMode(mnemonic) => isCapabilityMode ? MemoryAuthority.Register : MemoryAuthority.Ddc,
            _ => MemoryAuthority.None,
        };
        if (instruction.Authority != expected)
            row.Fail($"authority is {instruction.Authority}");
    }
}
