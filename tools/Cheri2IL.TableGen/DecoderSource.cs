using System.Numerics;
using System.Text.RegularExpressions;

namespace Cheri2IL.TableGen;

/// <summary>Writes the part of the decoder that fills in operands.</summary>
internal static partial class DecoderSource
{
    private static readonly Dictionary<string, string> Properties = new()
    {
        ["rd"] = "Rd",
        ["rs1"] = "Rs1",
        ["rs2"] = "Rs2",
        ["rs3"] = "Rs3",
        ["imm"] = "Immediate",
        ["rm"] = "RoundingMode",
        ["aq"] = "Acquire",
        ["rl"] = "Release",
        ["pred"] = "FencePredecessor",
        ["succ"] = "FenceSuccessor",
    };

    private static readonly Dictionary<string, int> NamedRegisters =
        new() { ["zero"] = 0, ["ra"] = 1, ["sp"] = 2, ["cnull"] = 0, ["cra"] = 1, ["csp"] = 2 };

    private const uint JalrOpcode = 0x67;

    /// <summary>The file's text.</summary>
    public static string Write(DecodeTable table, InstructionSet set)
    {
        var source = new SourceText();
        source.Line("/// <summary>Fills in the operands of the row that a word matches.</summary>");
        source.Open($"internal static class {set.Name}Decoder");
        source.Line("/// <summary>Decodes a 32-bit instruction word; the result's opcode is Invalid if no row matches.</summary>");
        source.Open("public static RiscVInstruction Decode32(uint w, long address)");
        source.Line($"var form = {set.Name}Encoding.Match32(w);");
        source.Open("switch (form)");
        var opcodes = set.Words.Where(row => row.Expansion == null)
            .GroupBy(row => (row.Format.Name, Fields: FieldKey(row), Authority: Authority(table, set, row)));
        foreach (var group in opcodes)
        {
            foreach (var row in group)
                source.Line($"case RiscVForm.{row.Identifier}:");
            WriteInstruction(source, "(RiscVOpcode)form", 4, Operands(group.First()), group.Key.Authority);
        }

        WriteExpanded(source, table, set, set.Words.Where(row => row.Expansion != null));
        source.Line("default:");
        source.Indented("return new RiscVInstruction { Raw = w, Length = 4, Address = address };");
        source.Close();
        source.Close();
        source.Line();
        source.Line("/// <summary>Decodes a 16-bit instruction word as the base instruction; Invalid if no row matches.</summary>");
        source.Open("public static RiscVInstruction Decode16(uint w, long address)");
        source.Open($"switch ({set.Name}Encoding.Match16(w))");
        WriteExpanded(source, table, set, set.Compressed);
        source.Line("default:");
        source.Indented("return new RiscVInstruction { Raw = w, Length = 2, Address = address };");
        source.Close();
        source.Close();
        source.Close();
        return source.ToString();
    }

    private static void WriteExpanded(SourceText source, DecodeTable table, InstructionSet set, IEnumerable<InstructionRow> rows)
    {
        foreach (var row in rows)
        {
            var opcode = table.OpcodeOf(row);
            source.Line($"case RiscVForm.{row.Identifier}:");
            WriteInstruction(source, $"RiscVOpcode.{opcode.Identifier}", row.Width / 8, Expand(row, opcode), Authority(table, set, row));
        }
    }

    /// <summary>
    /// Whose authority a memory access needs, by the register in parentheses: a capability's own, or DDC's for an integer address.
    /// Null for other instructions, and where there are no capabilities.
    /// </summary>
    private static string? Authority(DecodeTable table, InstructionSet set, InstructionRow row)
    {
        var operands = row.Expansion ?? row.Form;
        var address = operands.IndexOf('(', StringComparison.Ordinal);

        // Jumps are written like accesses.
        if (!set.HasAuthority || address < 0 || (table.OpcodeOf(row).Value & 0x7F) == JalrOpcode)
            return null;
        return operands[address + 1] == 'c' ? "Register" : "Ddc";
    }

    [GeneratedRegex("[a-z0-9]+|[(),]")]
    private static partial Regex FormToken();

    private static string FieldKey(InstructionRow row) =>
        new([.. row.Pattern.Select(c => InstructionRow.FieldLetters.ContainsKey(c) ? c : '.')]);

    private static void WriteInstruction(
        SourceText source, string opcode, int length, IEnumerable<(string Operand, string Value)> operands, string? authority)
    {
        source.Indented("return new RiscVInstruction");
        source.Indented("{");
        source.Indented($"    Opcode = {opcode},");
        foreach (var (operand, value) in operands)
            source.Indented($"    {Properties[operand]} = {value},");
        if (authority != null)
            source.Indented($"    Authority = MemoryAuthority.{authority},");
        source.Indented("    Raw = w,");
        source.Indented($"    Length = {length},");
        source.Indented("    Address = address,");
        source.Indented("};");
    }

    private static IEnumerable<(string Operand, string Value)> Operands(InstructionRow row)
    {
        foreach (var operand in row.Format.Operands)
            yield return (operand, Field(row, operand));
        if (row.Format.Immediate != null)
            yield return ("imm", Immediate(row));
    }

    /// <summary>Operands of the base instruction in terms of the compressed one, by laying the expansion over the base form.</summary>
    private static List<(string Operand, string Value)> Expand(InstructionRow row, InstructionRow target)
    {
        var space = row.Expansion!.IndexOf(' ', StringComparison.Ordinal);
        var given = FormToken().Matches(space < 0 ? "" : row.Expansion[space..]);
        var wanted = FormToken().Matches(target.Form);
        if (given.Count != wanted.Count)
            throw new TableException(row.File, row.Line, $"'-> {row.Expansion}' does not fit '{target.Mnemonic} {target.Form}'");
        var operands = new List<(string, string)>();
        for (var i = 0; i < wanted.Count; i++)
        {
            var (from, to) = (given[i].Value, wanted[i].Value);
            if (to is "(" or ")" or ",")
            {
                if (from != to)
                    throw new TableException(row.File, row.Line, $"'-> {row.Expansion}' does not fit '{target.Mnemonic} {target.Form}'");
                continue;
            }

            operands.Add((OperandOf(to), ExpandOperand(row, from, to)));
        }

        // Ordering is no part of the assembly form: copied, and where there are no bits for it the strongest.
        foreach (var ordering in target.Format.Operands.Where(name => name is "aq" or "rl"))
            operands.Add((ordering, row.Format.Operands.Contains(ordering) ? Field(row, ordering) : "true"));

        // Each operand must be given; forms never leave one out.
        var missing = target.Format.Operands.Append(target.Format.Immediate == null ? "" : "imm")
            .FirstOrDefault(name => name.Length > 0 && !operands.Exists(o => o.Item1 == name));
        return missing == null ? operands : throw new TableException(row.File, row.Line, $"'-> {row.Expansion}' leaves out '{missing}'");
    }

    private static string ExpandOperand(InstructionRow row, string from, string to)
    {
        var isRegister = OperandOf(to) != "imm";
        if (isRegister && IsMerged(to) && NamedRegisters.TryGetValue(from, out var number))
            return $"{number}";
        if (!isRegister && from == "0")
            return "0";
        if (isRegister && (from[0] == to[0] || (IsMerged(from) && IsMerged(to))) && row.Format.Operands.Contains(OperandOf(from)))
            return Field(row, OperandOf(from));
        if (!isRegister && from == to && row.Format.Immediate != null)
            return Immediate(row);
        throw new TableException(row.File, row.Line, $"'{from}' cannot stand for '{to}'");
    }

    /// <summary>Whether a register of a form is an integer or capability register, which are the same ones.</summary>
    private static bool IsMerged(string formName) => formName[0] is 'r' or 'c';

    /// <summary>"fs1" and "cs1" are the rs1 field; everything that is no register is the immediate.</summary>
    private static string OperandOf(string formName) => formName switch
    {
        "rd" or "rs1" or "rs2" or "rs3" => formName,
        "fd" or "fs1" or "fs2" or "fs3" or "cd" or "cs1" or "cs2" => "r" + formName[1..],
        _ => "imm",
    };

    private static string Field(InstructionRow row, string operand)
    {
        var mask = row.FieldMask(operand);
        var shift = BitOperations.TrailingZeroCount(mask);
        var extracted = shift == 0 ? $"w & 0x{mask:X}" : $"(w >> {shift}) & 0x{mask >> shift:X}";
        if (operand is "aq" or "rl")
            return $"(w & 0x{mask:X}) != 0";
        var isShortRegister = operand[0] == 'r' && operand != "rm" && BitOperations.PopCount(mask) == 3;
        return isShortRegister ? $"(byte)(8 + ({extracted}))" : $"(byte)({extracted})";
    }

    /// <summary>An expression for the immediate: bits that move by the same distance move together.</summary>
    private static string Immediate(InstructionRow row)
    {
        var layout = row.Format.Immediate!;
        var moves = new SortedDictionary<int, uint>();
        var next = 0;
        for (var i = 0; i < row.Width; i++)
        {
            if (row.Pattern[i] != 'i')
                continue;
            var bit = row.Width - 1 - i;
            var distance = layout.Bits[next++] - bit;
            moves[distance] = moves.GetValueOrDefault(distance) | (1u << bit);
        }

        var terms = moves.Select(move => move.Key switch
        {
            0 => $"(w & 0x{move.Value:X})",
            > 0 => $"((w & 0x{move.Value:X}) << {move.Key})",
            _ => $"((w & 0x{move.Value:X}) >> {-move.Key})",
        });
        var bits = string.Join(" | ", terms);
        var sign = 31 - layout.Bits.Max();
        if (!layout.IsSigned)
            return bits;
        return sign == 0 ? $"(int)({bits})" : $"(int)(({bits}) << {sign}) >> {sign}";
    }
}
