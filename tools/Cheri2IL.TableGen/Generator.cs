namespace Cheri2IL.TableGen;

/// <summary>Turns a folder of decode tables into C# source. Deterministic: equal tables give equal text.</summary>
public static class Generator
{
    /// <summary>Tables in the order in which opcodes are numbered; formats are defined before they are used.</summary>
    private static readonly string[] TableNames =
        ["rv64i", "rv64m", "rv64a", "rv64fd", "zicsr", "zb", "zicond", "rvc", "xcheri", "xcheri-capmode"];

    /// <summary>Reads the tables in <paramref name="folder"/> and returns the generated files, name and text.</summary>
    /// <exception cref="TableException">A table is wrong.</exception>
    public static IReadOnlyList<(string Name, string Text)> Generate(string folder) => Generate(Read(folder));

    /// <summary>Reads the tables in <paramref name="folder"/>.</summary>
    /// <exception cref="TableException">A table is wrong.</exception>
    public static DecodeTable Read(string folder)
    {
        var table = new DecodeTable();
        foreach (var name in TableNames)
            table.Read(name + ".decode", File.ReadAllText(Path.Combine(folder, name + ".decode")));
        return table;
    }

    /// <summary>Returns the generated files for a table that has been read.</summary>
    /// <exception cref="TableException">Two rows overlap.</exception>
    public static IReadOnlyList<(string Name, string Text)> Generate(DecodeTable table)
    {
        var sets = InstructionSet.All(table);
        foreach (var set in sets)
            OverlapCheck.Run(set);
        return
        [
            ("RiscVOpcode.g.cs", OpcodeSource.Write(table)),
            ("RiscVSyntax.g.cs", SyntaxSource.Write(table)),
            ("RiscVVisitor.g.cs", VisitorSource.Write(table)),
            .. sets.Select(set => ($"{set.Name}Encoding.g.cs", EncodingSource.Write(set))),
            .. sets.Select(set => ($"{set.Name}Decoder.g.cs", DecoderSource.Write(table, set))),
        ];
    }

    /// <summary>The folder of the tables in the repository that contains <paramref name="start"/>, or null.</summary>
    public static string? FindTables(string start)
    {
        for (var folder = new DirectoryInfo(start); folder != null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Cheri2IL.sln")))
                return Path.Combine(folder.FullName, "translator", "Cheri2IL.Translator", "Isa", "RiscV");
        }

        return null;
    }
}
