namespace Cheri2IL.CaseGen;

/// <summary>Cases of the compressed encodings: every operand field at its ends, the base instruction's corners having their own.</summary>
internal static class CompressedCases
{
    private const int Middle = MachineLayout.Data + 0x800;

    /// <summary>Makes the cases of a compressed instruction.</summary>
    public static void All(CaseSet set, Encoder encoder, string mnemonic)
    {
        var row = encoder.Row(mnemonic);
        var random = new Random(mnemonic.Length + row.Line);
        var isJump = mnemonic is "c.jr" or "c.jalr";
        foreach (var immediate in Immediates(row, mnemonic))
        {
            foreach (var (rd, rs1, rs2) in new[] { (8, 9, 10), (15, 14, 8), (9, 9, 9), (0, 0, 0), (1, 5, 31), (31, 1, 2) })
            {
                var fields = new Fields(rd, rs1, rs2, Imm: immediate);
                uint word;
                try
                {
                    word = Encoder.Word(row, fields);
                }
                catch (ArgumentException)
                {
                    continue; // this register has no encoding here
                }

                foreach (var value in new[] { 0ul, 0x80000000_FFFFFFFF, (ulong)random.NextInt64() })
                {
                    set.Add(word, s =>
                    {
                        foreach (var register in new[] { rd, rs1, rs2 })
                            s.X[register] = register == 0 ? 0 : value + ((ulong)register * (value | 1));
                        if (row.Form.Contains('(', StringComparison.Ordinal))
                        {
                            var pointer = row.Form.EndsWith("(sp)", StringComparison.Ordinal) ? 2 : rs1;
                            s.X[pointer] = (ulong)(Middle - immediate);
                            s.F[rs2] = value;
                            for (var i = 0; i < 8; i++)
                                s.Data[0x800 + i] = (byte)(value >> (8 * i));
                        }

                        if (row.Form is "sp,imm" or "rd,sp,imm")
                            s.X[2] = value;
                        if (isJump)
                            s.X[rs1] = MachineLayout.Code + 0x4000 + (value & 1);
                        if (mnemonic is "c.beqz" or "c.bnez")
                            s.X[rs1] = value;
                    });
                }
            }
        }
    }

    private static IEnumerable<long> Immediates(TableGen.InstructionRow row, string mnemonic)
    {
        if (row.Format.Immediate is not { } layout)
            return [0];
        // Each bit of the field alone, then the largest and the smallest value.
        var top = layout.Bits.Max();
        var all = layout.Bits.Aggregate(0L, (bits, bit) => bits | (1L << bit));
        var values = layout.Bits.Select(bit => layout.IsSigned && bit == top ? -(1L << bit) : 1L << bit).Append(0).Order().ToList();
        values.Add(layout.IsSigned ? all & ~(1L << top) : all);
        if (layout.IsSigned)
            values.Add(-(all & (all ^ (all - 1))));
        // A jump onto itself would not stop.
        return mnemonic is "c.j" or "c.beqz" or "c.bnez" ? values.Where(value => value != 0) : values;
    }
}
