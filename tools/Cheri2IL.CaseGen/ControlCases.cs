namespace Cheri2IL.CaseGen;

/// <summary>Cases of branches, jumps, CSR accesses and the environment.</summary>
internal static class ControlCases
{
    private const int A0 = 10;
    private const int A1 = 11;
    private const int A2 = 12;
    private const int Fflags = 1;
    private const int Frm = 2;
    private const int Fcsr = 3;

    private static readonly ulong[] Compared = [0, 1, ulong.MaxValue, 0x80000000_00000000, 0x7FFFFFFF_FFFFFFFF, 0x80000000];

    /// <summary>Conditional branches.</summary>
    public static void Branch(CaseSet set, Encoder encoder, string mnemonic)
    {
        foreach (var a in Compared)
        {
            foreach (var b in Compared)
                set.Add(encoder.Word(mnemonic, new Fields(Rs1: A1, Rs2: A2, Imm: 8)), s => (s.X[A1], s.X[A2]) = (a, b));
        }

        foreach (var value in Compared)
        {
            set.Add(encoder.Word(mnemonic, new Fields(Rs1: A1, Rs2: A1, Imm: -4)), s => s.X[A1] = value);
            set.Add(encoder.Word(mnemonic, new Fields(Rs1: A1, Rs2: 0, Imm: -8)), s => s.X[A1] = value);
            set.Add(encoder.Word(mnemonic, new Fields(Rs1: 0, Rs2: A2, Imm: 6)), s => s.X[A2] = value);
        }

        // The farthest targets: stops at one end, nothing at the other.
        set.Add(encoder.Word(mnemonic, new Fields(Rs1: A1, Rs2: A2, Imm: 4094)), s => (s.X[A1], s.X[A2]) = (1, 1));
        set.Add(encoder.Word(mnemonic, new Fields(Rs1: A1, Rs2: A2, Imm: 4094)), s => (s.X[A1], s.X[A2]) = (1, 2));
        set.Add(encoder.Word(mnemonic, new Fields(Rs1: A1, Rs2: A2, Imm: -4096)), s => (s.X[A1], s.X[A2]) = (1, 1));
        set.Add(encoder.Word(mnemonic, new Fields(Rs1: A1, Rs2: A2, Imm: -4096)), s => (s.X[A1], s.X[A2]) = (2, 1));
    }

    /// <summary>jal.</summary>
    public static void Jal(CaseSet set, Encoder encoder, string mnemonic)
    {
        foreach (var rd in new[] { 0, 1, 5, A0, 31 })
        {
            foreach (var offset in new[] { 4, 6, 16, -4, -16, 0x4000, 0x10000, -0x100000, 0xFFFFE })
                set.Add(encoder.Word(mnemonic, new Fields(rd, Imm: offset)), _ => { });
        }
    }

    /// <summary>jalr.</summary>
    public static void Jalr(CaseSet set, Encoder encoder, string mnemonic)
    {
        const ulong Stop = MachineLayout.Code + 0x2000;
        foreach (var (rd, rs1) in new[] { (0, A0), (1, A0), (1, 1), (0, 1), (5, 5), (1, 5), (5, 1), (A0, A0), (31, 6) })
        {
            foreach (var (target, offset) in new[] { (Stop, 0L), (Stop + 1, 0L), (Stop - 2047, 2047L), (Stop + 2048, -2048L), (Stop + 3, 0L) })
                set.Add(encoder.Word(mnemonic, new Fields(rd, rs1, Imm: offset)), s => s.X[rs1] = target);
        }

        // Nowhere, data, the last even address of the area and just behind it.
        foreach (var target in new ulong[] { 0, MachineLayout.Data, MachineLayout.Unmapped, MachineLayout.Code + MachineLayout.CodeBytes - 2, MachineLayout.Code + MachineLayout.CodeBytes, 0x10000000 })
        {
            set.Add(encoder.Word(mnemonic, new Fields(0, A0)), s => s.X[A0] = target);
            set.Add(encoder.Word(mnemonic, new Fields(1, A0)), s => s.X[A0] = target);
        }
    }

    /// <summary>fence, fence.i, ecall (of a system call that does not exist), ebreak.</summary>
    public static void Environment(CaseSet set, Encoder encoder, string mnemonic)
    {
        set.Add(encoder.Word(mnemonic, new Fields()), _ => { });
        if (mnemonic != "fence")
            return;
        foreach (var (pred, succ) in new[] { (1, 0), (3, 3), (2, 1), (8, 4) })
            set.Add(encoder.Word(mnemonic, new Fields(Pred: pred, Succ: succ)), _ => { });
    }

    /// <summary>Accesses to fflags, frm and fcsr, to a counter, and to registers that user mode has not.</summary>
    public static void Csr(CaseSet set, Encoder encoder, string mnemonic)
    {
        var isImmediate = mnemonic[^1] == 'i';
        foreach (var csr in new[] { Fflags, Frm, Fcsr })
        {
            foreach (var (frm, flags) in new[] { (0, 0), (0, 0x1F), (1, 0x0A), (4, 0x15) })
            {
                foreach (var value in isImmediate ? new ulong[] { 0, 1, 3, 10, 31 } : [0, 1, 3, 0x1F, 0x3F, 0x4A, 0xE0, 0xFF, ulong.MaxValue])
                {
                    set.Add(Word(A0, csr, (int)value), s => Prepare(s, frm, flags, value));
                    if (value is 1 or 3)
                        set.Add(Word(0, csr, (int)value), s => Prepare(s, frm, flags, value));
                }

                set.Add(encoder.Word(mnemonic, new Fields(A0, 0, Imm: csr)), s => Prepare(s, frm, flags, 0));
                if (!isImmediate)
                    set.Add(encoder.Word(mnemonic, new Fields(A1, A1, Imm: csr)), s => Prepare(s, frm, flags, 2));
            }
        }

        // Counters are read-only; 0x300 (mstatus) and 0x7C0 are not a user's; 0x004 does not exist.
        foreach (var csr in new[] { 0xC00, 0xC02, 0x300, 0x7C0, 0x004, 0xFFF })
        {
            set.Add(Word(A0, csr, 1), s => s.X[A1] = 1);
            if (csr >= 0xC00 && mnemonic is "csrrs" or "csrrc" or "csrrsi" or "csrrci")
                set.Add(encoder.Word(mnemonic, new Fields(0, 0, Imm: csr)), _ => { });
        }

        uint Word(int rd, int csr, int value) => encoder.Word(mnemonic, new Fields(rd, isImmediate ? value : A1, Imm: csr));
    }

    private static void Prepare(MachineState state, int frm, int flags, ulong value) => (state.Frm, state.Fflags, state.X[A1]) = (frm, flags, value);
}
