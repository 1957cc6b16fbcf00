namespace Cheri2IL.TableGen;

/// <summary>Writes <c>RiscVVisitor</c>: one abstract method per instruction, so that a forgotten one does not compile.</summary>
internal static class VisitorSource
{
    /// <summary>The file's text.</summary>
    public static string Write(DecodeTable table)
    {
        var source = new SourceText();
        source.Line("/// <summary>Calls one method per opcode. Compressed instructions arrive as the instruction they stand for, with Length 2.</summary>");
        source.Open("public abstract class RiscVVisitor");
        source.Line("/// <summary>Calls the method for the instruction's opcode.</summary>");
        source.Line("/// <exception cref=\"ArgumentException\">The instruction is not a decoded one.</exception>");
        source.Open("public void Visit(in RiscVInstruction i)");
        source.Open("switch (i.Opcode)");
        foreach (var row in table.Base)
        {
            source.Line($"case RiscVOpcode.{row.Identifier}:");
            source.Indented($"Visit{row.Identifier}(in i);");
            source.Indented("return;");
        }

        source.Line("default:");
        source.Indented("throw new ArgumentException($\"opcode {i.Opcode} cannot be visited\", nameof(i));");
        source.Close();
        source.Close();
        foreach (var row in table.Base)
        {
            source.Line();
            source.Line($"/// <summary><c>{(row.Mnemonic + " " + row.Form).TrimEnd()}</c> ({row.Extension}).</summary>");
            source.Line($"protected abstract void Visit{row.Identifier}(in RiscVInstruction i);");
        }

        source.Close();
        return source.ToString();
    }
}
