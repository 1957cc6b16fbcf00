namespace Cheri2IL.Translator.Elf;

/// <summary>Addresses to source lines, from .debug_line (DWARF 2 to 5).</summary>
/// <remarks>
/// Kept as sequences: runs of rows with ascending addresses that do not overlap one another. Immutable once parsed; thread-safe.
/// </remarks>
public sealed class DwarfLineTable
{
    private readonly List<Sequence> _sequences;
    private readonly List<Row> _rows;
    private readonly List<string> _files;

    private DwarfLineTable(List<Sequence> sequences, List<Row> rows, List<string> files)
    {
        _sequences = sequences;
        _rows = rows;
        _files = files;
    }

    /// <summary>Number of rows.</summary>
    public int RowCount => _rows.Count;

    /// <summary>Source position of an address before the load bias, or null if it has none.</summary>
    public (string File, int Line)? Find(long address)
    {
        var index = LastNotAfter(0, _sequences.Count, address, static (table, k) => table._sequences[k].Start);
        if (index < 0 || address >= _sequences[index].End)
            return null;
        var sequence = _sequences[index];
        var row = _rows[LastNotAfter(sequence.FirstRow, sequence.FirstRow + sequence.RowCount, address, static (table, k) => table._rows[k].Address)];

        // The compiler gives code that comes from no line the number 0.
        return row.Line == 0 ? null : (_files[row.File], row.Line);
    }

    /// <summary>Parses the section; from a malformed unit on, the rest is left out with a warning.</summary>
    /// <param name="lines">.debug_line.</param>
    /// <param name="strings">.debug_str.</param>
    /// <param name="lineStrings">.debug_line_str.</param>
    /// <param name="names">Decodes names.</param>
    /// <param name="isCode">
    /// Whether code can be at an address: linkers leave sequences of functions they removed, at address 0 or near it.
    /// </param>
    /// <param name="warning">What was malformed, or null.</param>
    internal static DwarfLineTable Parse(
        ReadOnlySpan<byte> lines, ReadOnlySpan<byte> strings, ReadOnlySpan<byte> lineStrings, ElfNames names, Func<long, bool> isCode, out string? warning)
    {
        var reader = new DwarfLineReader(strings, lineStrings, names, isCode);
        warning = reader.Read(lines);
        var sequences = new List<Sequence>(reader.Sequences.Count);
        foreach (var sequence in reader.Sequences.OrderBy(s => s.Start))
        {
            // Identical functions that the linker folded have one sequence each, for the same code.
            if (sequences.Count == 0 || sequence.Start >= sequences[^1].End)
                sequences.Add(sequence);
        }

        return new DwarfLineTable(sequences, reader.Rows, reader.Files);
    }

    /// <summary>Index of the last element of [low, high) whose address is at most <paramref name="address"/>; low - 1 if none.</summary>
    private int LastNotAfter(int low, int high, long address, Func<DwarfLineTable, int, long> addressOf)
    {
        while (low < high)
        {
            var middle = (low + high) >> 1;
            if (addressOf(this, middle) <= address)
                low = middle + 1;
            else
                high = middle;
        }

        return low - 1;
    }

    /// <summary>A row of the line number matrix: it holds up to the next row's address.</summary>
    internal readonly record struct Row(long Address, int File, int Line);

    /// <summary>A run of rows, and the addresses it covers.</summary>
    internal readonly record struct Sequence(long Start, long End, int FirstRow, int RowCount);
}
