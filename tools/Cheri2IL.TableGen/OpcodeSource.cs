namespace Cheri2IL.TableGen;

/// <summary>Writes <c>enum RiscVOpcode</c> and the internal list of the forms in which opcodes are encoded.</summary>
internal static class OpcodeSource
{
    /// <summary>The file's text.</summary>
    public static string Write(DecodeTable table)
    {
        var source = new SourceText();
        source.Line("/// <summary>The instructions of the decode tables. Rows with an expansion decode to the instruction they stand for.</summary>");
        source.Open("public enum RiscVOpcode : ushort");
        source.Line("/// <summary>Not an instruction.</summary>");
        source.Line("Invalid,");
        foreach (var row in table.Base)
        {
            source.Line();
            source.Line($"/// <summary><c>{(row.Mnemonic + " " + row.Form).TrimEnd()}</c> ({row.Extension}).</summary>");
            source.Line($"{row.Identifier},");
        }

        source.Close();
        source.Line();
        source.Line("/// <summary>The rows of the decode tables: opcodes, under the same numbers, then the encodings that are decoded as one of them.</summary>");
        source.Open("internal enum RiscVForm : ushort");
        source.Line("/// <summary>Not an instruction.</summary>");
        source.Line("Invalid,");
        foreach (var row in table.Rows)
        {
            source.Line();
            var meaning = row.Expansion == null ? "" : $", that is <c>{row.Expansion}</c>";
            source.Line($"/// <summary><c>{(row.Mnemonic + " " + row.Form).TrimEnd()}</c>{meaning}.</summary>");
            source.Line($"{row.Identifier},");
        }

        source.Close();
        return source.ToString();
    }
}
