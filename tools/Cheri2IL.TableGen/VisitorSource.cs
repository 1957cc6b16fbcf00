namespace Cheri2IL.TableGen;

/// <summary>Writes the visitors: one abstract method per instruction, so that a forgotten one does not compile.</summary>
internal static class VisitorSource
{
    /// <summary>The file's text.</summary>
    public static string Write(DecodeTable table)
    {
        var source = new SourceText();
        var cheri = table.Base.Where(row => row.Extension == "Xcheri").ToList();
        source.Line("/// <summary>Calls one method per opcode of RV64. Compressed instructions arrive as the instruction they stand for, with Length 2.</summary>");
        source.Open("public abstract class RiscVVisitor");
        WriteVisit(source, table.Base.Except(cheri), "virtual", "throw new ArgumentException($\"opcode {i.Opcode} cannot be visited\", nameof(i));");
        source.Close();
        if (cheri.Count > 0)
        {
            source.Line();
            source.Line("/// <summary>Calls one method per opcode of RV64 and of CHERI-RISC-V.</summary>");
            source.Open("public abstract class CheriVisitor : RiscVVisitor");
            WriteVisit(source, cheri, "override", "base.Visit(in i);");
            source.Close();
        }

        return source.ToString();
    }

    private static void WriteVisit(SourceText source, IEnumerable<InstructionRow> rows, string modifier, string otherwise)
    {
        source.Line("/// <summary>Calls the method for the instruction's opcode.</summary>");
        source.Line("/// <exception cref=\"ArgumentException\">The instruction is not a decoded one, or of an extension that is not visited.</exception>");
        source.Open($"public {modifier} void Visit(in RiscVInstruction i)");
        source.Open("switch (i.Opcode)");
        foreach (var row in rows)
        {
            source.Line($"case RiscVOpcode.{row.Identifier}:");
            source.Indented($"Visit{row.Identifier}(in i);");
            source.Indented("return;");
        }

        source.Line("default:");
        source.Indented(otherwise);
        if (!otherwise.StartsWith("throw", StringComparison.Ordinal))
            source.Indented("return;");
        source.Close();
        source.Close();
        foreach (var row in rows)
        {
            source.Line();
            source.Line($"/// <summary><c>{(row.Mnemonic + " " + row.Form).TrimEnd()}</c> ({row.Extension}).</summary>");
            source.Line($"protected abstract void Visit{row.Identifier}(in RiscVInstruction i);");
        }
    }
}
