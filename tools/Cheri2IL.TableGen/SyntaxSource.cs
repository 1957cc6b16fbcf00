namespace Cheri2IL.TableGen;

/// <summary>Writes mnemonics, assembly forms and extensions.</summary>
internal static class SyntaxSource
{
    /// <summary>The file's text.</summary>
    public static string Write(DecodeTable table)
    {
        var source = new SourceText();
        source.Line("/// <summary>How the instructions are spelled, by form; opcodes are the first forms.</summary>");
        source.Open("internal static class RiscVSyntax");
        WriteArray(source, "Mnemonic", "Mnemonic by form.", "RiscVForm", table.Rows, row => row.Spelling);
        WriteArray(source, "Form", "Assembly form by form; empty without operands.", "RiscVForm", table.Rows, row => row.Form);
        WriteArray(source, "Extension", "Extensions by opcode.", "RiscVOpcode", table.Base, row => row.Extension);
        source.Close();
        return source.ToString();
    }

    private static void WriteArray(
        SourceText source, string name, string summary, string type, IEnumerable<InstructionRow> rows, Func<InstructionRow, string> text)
    {
        source.Line($"/// <summary>{summary}</summary>");
        source.Open($"public static readonly string[] {name} =");
        source.Line($"\"\", // {type}.Invalid");
        foreach (var row in rows)
            source.Line($"\"{text(row)}\", // {type}.{row.Identifier}");
        source.Close(";");
        source.Line();
    }
}
