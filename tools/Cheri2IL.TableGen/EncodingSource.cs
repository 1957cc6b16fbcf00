using System.Numerics;

namespace Cheri2IL.TableGen;

/// <summary>Writes the matcher: nested switches on the bits that all remaining candidates fix.</summary>
internal static class EncodingSource
{
    /// <summary>The file's text.</summary>
    public static string Write(InstructionSet set)
    {
        var source = new SourceText();
        source.Line("/// <summary>Finds the row of the decode tables that a word matches.</summary>");
        source.Open($"internal static class {set.Name}Encoding");
        source.Line("/// <summary>Form of a 32-bit instruction word; Invalid if no row matches.</summary>");
        source.Open("public static RiscVForm Match32(uint w)");
        WriteNode(source, set.Words, 0);
        source.Close();
        source.Line();
        source.Line("/// <summary>Form of a 16-bit instruction word; Invalid if no row matches.</summary>");
        source.Open("public static RiscVForm Match16(uint w)");
        WriteNode(source, set.Compressed, 0);
        source.Close();
        source.Close();
        return source.ToString();
    }

    /// <summary>Writes statements that return for every word whose <paramref name="tested"/> bits lead to these rows.</summary>
    private static void WriteNode(SourceText source, IReadOnlyList<InstructionRow> rows, uint tested)
    {
        if (rows.Count == 1)
        {
            source.Line(Leaf(rows[0], tested));
            return;
        }

        var field = WidestDistinguishingRun(rows, rows.Aggregate(~tested, (bits, row) => bits & row.Mask));
        if (field == 0)
        {
            foreach (var row in rows)
            {
                source.Line($"if ({Test(row, tested)})");
                source.Indented($"return RiscVForm.{row.Identifier};");
            }

            source.Line($"return RiscVForm.Invalid;");
            return;
        }

        var shift = BitOperations.TrailingZeroCount(field);
        source.Open(shift == 0 ? $"switch (w & 0x{field:X})" : $"switch ((w >> {shift}) & 0x{field >> shift:X})");
        foreach (var group in rows.GroupBy(row => (row.Value & field) >> shift).OrderBy(group => group.Key))
        {
            if (group.Count() == 1)
            {
                source.Line($"case 0x{group.Key:X}: {Leaf(group.First(), tested | field)}");
                continue;
            }

            source.Open($"case 0x{group.Key:X}:");
            WriteNode(source, [.. group], tested | field);
            source.Close();
        }

        source.Line($"default: return RiscVForm.Invalid;");
        source.Close();
    }

    private static string Leaf(InstructionRow row, uint tested)
    {
        var test = Test(row, tested);
        return test.Length == 0
            ? $"return RiscVForm.{row.Identifier};"
            : $"return {test} ? RiscVForm.{row.Identifier} : RiscVForm.Invalid;";
    }

    /// <summary>What remains to be tested of a row: fixed bits and excluded values; empty if nothing.</summary>
    private static string Test(InstructionRow row, uint tested)
    {
        var terms = new List<string>();
        if ((row.Mask & ~tested) != 0)
            terms.Add($"(w & 0x{row.Mask & ~tested:X}) == 0x{row.Value & ~tested:X}");
        foreach (var condition in row.Conditions)
        {
            var mask = row.FieldMask(condition.Field);
            foreach (var excluded in condition.Excluded)
                terms.Add($"(w & 0x{mask:X}) != 0x{InstructionRow.Deposit(excluded, mask):X}");
        }

        return string.Join(" && ", terms);
    }

    /// <summary>Of the contiguous runs of at most 7 commonly fixed bits, the one that makes most groups; 0 if none makes two.</summary>
    private static uint WidestDistinguishingRun(IReadOnlyList<InstructionRow> rows, uint common)
    {
        var best = 0u;
        var bestGroups = 1;
        for (var low = 0; low < 32; low++)
        {
            var run = 0u;
            for (var bit = low; bit < 32 && bit < low + 7 && (common & (1u << bit)) != 0; bit++)
                run |= 1u << bit;
            var groups = rows.Select(row => row.Value & run).Distinct().Count();
            if (groups > bestGroups)
                (best, bestGroups) = (run, groups);
        }

        return best;
    }
}
