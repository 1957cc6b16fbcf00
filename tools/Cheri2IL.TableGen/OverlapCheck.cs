namespace Cheri2IL.TableGen;

/// <summary>Proves that no word matches two rows of a set.</summary>
internal static class OverlapCheck
{
    /// <summary>Throws if two rows overlap: all 65,536 words are tried for 16-bit rows, fixed bits are compared for 32-bit ones.</summary>
    /// <exception cref="TableException">Two rows overlap, or a row contradicts the length encoded in its low bits.</exception>
    public static void Run(InstructionSet set)
    {
        foreach (var row in set.Words)
        {
            // "Base Instruction-Length Encoding": 32-bit instructions end in 11 and not in 11111.
            if ((row.Mask & 3) != 3 || (row.Value & 3) != 3 || (row.Mask & 0x1C) != 0x1C || (row.Value & 0x1C) == 0x1C)
                throw new TableException(row.File, row.Line, "not the low bits of a 32-bit instruction");
        }

        for (var i = 0; i < set.Words.Count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                var (a, b) = (set.Words[i], set.Words[j]);
                if (((a.Value ^ b.Value) & a.Mask & b.Mask) == 0)
                    throw new TableException(a.File, a.Line, $"'{a.Mnemonic}' overlaps '{b.Mnemonic}' ({b.File}, line {b.Line})");
            }
        }

        for (var word = 0u; word <= 0xFFFF; word++)
        {
            InstructionRow? first = null;
            foreach (var row in set.Compressed)
            {
                if (!row.Matches(word))
                    continue;
                if ((word & 3) == 3)
                    throw new TableException(row.File, row.Line, "not the low bits of a 16-bit instruction");
                if (first != null)
                    throw new TableException(row.File, row.Line, $"'{row.Mnemonic}' overlaps '{first.Mnemonic}' (line {first.Line}) at 0x{word:x4}");
                first = row;
            }
        }
    }
}
