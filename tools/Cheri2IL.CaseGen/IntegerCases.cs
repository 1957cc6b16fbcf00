using static Cheri2IL.CaseGen.OperandValues;

namespace Cheri2IL.CaseGen;

/// <summary>Cases of the instructions that compute on integer registers.</summary>
internal static class IntegerCases
{
    private const int A0 = 10;
    private const int A1 = 11;
    private const int A2 = 12;

    private static readonly long[] Immediates = [0, 1, -1, 2047, -2048];
    private static readonly int[] Shifts64 = [0, 1, 7, 31, 32, 63];
    private static readonly int[] Shifts32 = [0, 1, 7, 31];

    /// <summary>rd, rs1, rs2.</summary>
    public static void ThreeRegisters(CaseSet set, Encoder encoder, string mnemonic)
    {
        uint Word(int rd, int rs1, int rs2) => encoder.Word(mnemonic, new Fields(rd, rs1, rs2));
        var modelled = mnemonic is "czero.eqz" or "czero.nez";
        void Add(uint word, Action<MachineState> prepare)
            => set.Add([word], prepare, modelled ? s => ConditionalZero(s, word, mnemonic == "czero.eqz") : null);
        void Both(uint word, ulong a, ulong b) => Add(word, s => (s.X[A1], s.X[A2]) = (a, b));
        var plain = Word(A0, A1, A2);
        foreach (var a in Integers)
        {
            foreach (var b in Integers)
                Both(plain, a, b);
        }

        foreach (var amount in ShiftAmounts)
            Both(plain, Patterns[1], amount);
        for (var i = 0; i + 1 < Patterns.Length; i += 2)
            Both(plain, Patterns[i], Patterns[i + 1]);

        // Operands in the same register, the zero register in every place, registers that no call passes.
        foreach (var (a, b) in new[] { (7ul, ulong.MaxValue), (1ul << 63, 3ul) })
        {
            Both(Word(A1, A1, A2), a, b);
            Both(Word(A2, A1, A2), a, b);
            Both(Word(A0, A1, A1), a, b);
            Both(Word(A1, A1, A1), a, b);
            Both(Word(0, A1, A2), a, b);
            Both(Word(A0, 0, A2), a, b);
            Both(Word(A0, A1, 0), a, b);
        }

        Add(Word(26, 31, 2), s => (s.X[31], s.X[2]) = (Patterns[2], 5));
    }

    /// <summary>
    /// What the emulators of this age lack: rd is 0 if rs2 is zero (eqz) or not zero (nez), else rs1. "Zicond", unprivileged
    /// specification.
    /// </summary>
    private static MachineState ConditionalZero(MachineState s, uint word, bool ifZero)
    {
        var (rd, rs1, rs2) = ((int)(word >> 7) & 31, (int)(word >> 15) & 31, (int)(word >> 20) & 31);
        if (rd != 0)
            s.X[rd] = (s.X[rs2] == 0) == ifZero ? 0 : s.X[rs1];
        s.Pc += 4;
        return s;
    }

    /// <summary>rd, rs1.</summary>
    public static void TwoRegisters(CaseSet set, Encoder encoder, string mnemonic)
    {
        void Add(int rd, int rs1, ulong value) => set.Add(
            [encoder.Word(mnemonic, new Fields(rd, rs1))],
            s => s.X[rs1] = rs1 == 0 ? 0 : value,
            mnemonic == "ctzw" ? s => CountTrailingZeros32(s, rd, rs1) : null);
        foreach (var value in Integers.Concat(Patterns))
            Add(A0, A1, value);
        for (var bit = 0; bit < 64; bit += 5)
            Add(A0, A1, 1ul << bit);
        Add(A1, A1, 0x8001);
        Add(0, A1, 0x8001);
        Add(A0, 0, 0);
        Add(27, 30, 0xFF8001);
    }

    /// <summary>rd, rs1, immediate.</summary>
    public static void Immediate(CaseSet set, Encoder encoder, string mnemonic)
    {
        foreach (var immediate in Immediates)
        {
            foreach (var value in Integers)
                set.Add(encoder.Word(mnemonic, new Fields(A0, A1, Imm: immediate)), s => s.X[A1] = value);
            set.Add(encoder.Word(mnemonic, new Fields(A1, A1, Imm: immediate)), s => s.X[A1] = Patterns[1]);
            set.Add(encoder.Word(mnemonic, new Fields(0, A1, Imm: immediate)), _ => { });
            set.Add(encoder.Word(mnemonic, new Fields(A0, 0, Imm: immediate)), _ => { });
        }

        set.Add(encoder.Word(mnemonic, new Fields(29, 4, Imm: 0x555)), s => s.X[4] = Patterns[2]);
    }

    /// <summary>rd, rs1, shift amount or bit number.</summary>
    public static void Shift(CaseSet set, Encoder encoder, string mnemonic)
    {
        var bits = encoder.Row(mnemonic).Format.Immediate!.Bits.Count;
        foreach (var amount in bits == 6 ? Shifts64 : Shifts32)
        {
            foreach (var value in Integers.Concat(Patterns.Take(4)))
                set.Add(encoder.Word(mnemonic, new Fields(A0, A1, Imm: amount)), s => s.X[A1] = value);
            set.Add(encoder.Word(mnemonic, new Fields(A1, A1, Imm: amount)), s => s.X[A1] = Patterns[1]);
            set.Add(encoder.Word(mnemonic, new Fields(0, A1, Imm: amount)), _ => { });
            set.Add(encoder.Word(mnemonic, new Fields(A0, 0, Imm: amount)), _ => { });
        }
    }

    /// <summary>lui and auipc.</summary>
    public static void Upper(CaseSet set, Encoder encoder, string mnemonic)
    {
        foreach (var immediate in new long[] { 0, 0x1000, 0x7FFFF000, -0x80000000L, -0x1000, 0x12345000 })
        {
            set.Add(encoder.Word(mnemonic, new Fields(A0, Imm: immediate)), _ => { });
            set.Add(encoder.Word(mnemonic, new Fields(0, Imm: immediate)), _ => { });
        }
    }

    /// <summary>"Zbb", ctzw: 32 if the low word is zero. qemu 7.2 counts on into the high word.</summary>
    private static MachineState CountTrailingZeros32(MachineState s, int rd, int rs1)
    {
        if (rd != 0)
            s.X[rd] = (ulong)System.Numerics.BitOperations.TrailingZeroCount((uint)s.X[rs1]);
        s.Pc += 4;
        return s;
    }
}
