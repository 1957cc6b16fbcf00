namespace Cheri2IL.TableGen;

/// <summary>Writes <c>enum RiscVOpcode</c> and the private list of compressed forms.</summary>
internal static class OpcodeSource
{
    /// <summary>The file's text.</summary>
    public static string Write(DecodeTable table)
    {
        var source = new SourceText();
        source.Line("/// <summary>The instructions of the decode tables. Compressed ones decode to the instruction they stand for.</summary>");
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
        source.Line("/// <summary>The 16-bit encodings; needed only to print them as such.</summary>");
        source.Open("internal enum RiscVCompressedForm : byte");
        source.Line("/// <summary>Not an instruction.</summary>");
        source.Line("Invalid,");
        foreach (var row in table.Compressed)
        {
            source.Line();
            source.Line($"/// <summary><c>{(row.Mnemonic + " " + row.Form).TrimEnd()}</c>, that is <c>{row.Expansion}</c>.</summary>");
            source.Line($"{row.Identifier},");
        }

        source.Close();
        return source.ToString();
    }
}
