using System.Text;

namespace Cheri2IL.Translator.Elf;

/// <summary>
/// Decodes the names of one file. Entries of a few bytes may all refer to one long string, so the sum of what is decoded is
/// bounded in proportion to the file: time and memory stay linear in its size. Linkers let names share their ends, which is
/// why the bound is a multiple.
/// </summary>
internal sealed class ElfNames(long fileLength)
{
    // C++ names of some thousand characters exist.
    private const int MaxLength = 1 << 16;

    private long _budget = (4 * fileLength) + MaxLength;

    /// <summary>Whether names were left out because together they were longer than the bound.</summary>
    public bool Exhausted { get; private set; }

    /// <summary>The zero-terminated name at an offset of a table; empty if there is none.</summary>
    public string At(ReadOnlySpan<byte> table, long offset)
    {
        if (offset < 0 || offset >= table.Length || Exhausted)
            return "";
        var text = table.Slice((int)offset, (int)Math.Min(table.Length - offset, MaxLength));
        var end = text.IndexOf((byte)0);

        // Searching costs as well when no end is found.
        return Spend(end < 0 ? text.Length : end) && end > 0 ? Encoding.UTF8.GetString(text[..end]) : "";
    }

    /// <summary>A file's path from its directory and its name.</summary>
    public string Combine(string directory, string name)
    {
        if (name.StartsWith('/') || directory is "" or ".")
            return name;
        return Spend(directory.Length + name.Length) ? $"{directory}/{name}" : name;
    }

    private bool Spend(int bytes)
    {
        _budget -= bytes;
        Exhausted |= _budget < 0;
        return !Exhausted;
    }
}
