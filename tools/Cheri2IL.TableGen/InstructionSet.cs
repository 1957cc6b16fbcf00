namespace Cheri2IL.TableGen;

/// <summary>What one processor, in one mode, decodes: the tables that take part, and which of their rows remain.</summary>
public sealed class InstructionSet
{
    /// <summary>Tables of CHERI-RISC-V; the others are those of RV64.</summary>
    private const string CheriPrefix = "xcheri";

    /// <summary>The table whose rows are for capability mode only and replace others.</summary>
    private const string CapabilityModeTable = "xcheri-capmode.decode";

    private InstructionSet(string name, bool hasAuthority, IEnumerable<InstructionRow> rows)
    {
        Name = name;
        HasAuthority = hasAuthority;
        var all = rows.ToList();
        Words = [.. all.Where(row => row.Width == 32)];
        Compressed = [.. all.Where(row => row.Width == 16)];
    }

    /// <summary>Prefix of the classes that decode it.</summary>
    public string Name { get; }

    /// <summary>Whether memory is accessed under the authority of capabilities.</summary>
    public bool HasAuthority { get; }

    /// <summary>32-bit rows.</summary>
    public IReadOnlyList<InstructionRow> Words { get; }

    /// <summary>16-bit rows.</summary>
    public IReadOnlyList<InstructionRow> Compressed { get; }

    /// <summary>Every set that decoders are generated for.</summary>
    public static IReadOnlyList<InstructionSet> All(DecodeTable table) =>
    [
        new("Rv64", false, table.Rows.Where(row => !row.File.StartsWith(CheriPrefix, StringComparison.Ordinal))),
        new("CheriV9Integer", true, table.Rows.Where(row => row.File != CapabilityModeTable)),
        new("CheriV9Capability", true, Replace(table)),
    ];

    /// <summary>All rows, except those whose fixed bits are the same as those of a row for capability mode.</summary>
    private static IEnumerable<InstructionRow> Replace(DecodeTable table)
    {
        var replaced = table.Rows.Where(row => row.File == CapabilityModeTable).Select(row => (row.Width, row.Mask, row.Value)).ToHashSet();
        return table.Rows.Where(row => row.File == CapabilityModeTable || !replaced.Contains((row.Width, row.Mask, row.Value)));
    }
}
