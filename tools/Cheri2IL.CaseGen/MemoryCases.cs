using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.CaseGen;

/// <summary>Cases of loads, stores and atomics.</summary>
internal static class MemoryCases
{
    private const int A0 = 10;
    private const int A1 = 11;
    private const int A2 = 12;
    private const int Middle = MachineLayout.Data + 0x800;

    /// <summary>Addresses that hold nothing: inside the slot, at its ends, far outside.</summary>
    private static readonly ulong[] Nowhere =
        [MachineLayout.Unmapped, 0, 8, 0xFFFFC, MachineLayout.Unmapped + 0x7F8, 0x10000000, 0x7FFFFFF000, 0x8000000000000000, 0xFFFFFFFFFFFFFFF8];

    private static readonly byte[] Pattern = [0x80, 0x81, 0x7F, 0xFE, 0x01, 0xC3, 0x55, 0x88, 0x11, 0x22, 0xB3, 0x44, 0x66, 0x77, 0x99, 0xAA];

    /// <summary>Integer and floating-point loads.</summary>
    public static void Load(CaseSet set, Encoder encoder, string mnemonic)
    {
        uint Word(int rd, int rs1, long offset) => encoder.Word(mnemonic, new Fields(rd, rs1, Imm: offset));
        foreach (var offset in new long[] { 0, 1, 2, 3, 4, 7, 8, 2047, -2048, -8 })
            set.Add(Word(A0, A1, offset), s => Prepare(s, A1, (ulong)(Middle - offset), Middle));
        for (var shift = 0; shift < 8; shift++)
            set.Add(Word(A0, A1, 0), s => Prepare(s, A1, (ulong)(Middle + shift), Middle));
        set.Add(Word(A1, A1, 4), s => Prepare(s, A1, Middle - 4, Middle));
        set.Add(Word(0, A1, 4), s => Prepare(s, A1, Middle - 4, Middle));
        set.Add(Word(31, 5, 0), s => Prepare(s, 5, Middle, Middle));
        // Across the border to the read-only page, and in it.
        set.Add(Word(A0, A1, 0), s => Prepare(s, A1, MachineLayout.ReadOnly - 1, MachineLayout.ReadOnly - 16));
        set.Add(Word(A0, A1, 0), s => s.X[A1] = MachineLayout.ReadOnly + 8);
        // Base outside, access inside.
        set.Add(Word(A0, A1, 2047), s => Prepare(s, A1, MachineLayout.Data - 2047, MachineLayout.Data));
        Faults(set, Word(A0, A1, 0), Word(A0, A1, 16));
        set.Add(Word(0, A1, 0), s => s.X[A1] = MachineLayout.Unmapped);
        set.Add(Word(A0, 0, 16), _ => { });
    }

    /// <summary>Integer and floating-point stores.</summary>
    public static void Store(CaseSet set, Encoder encoder, string mnemonic)
    {
        uint Word(int rs2, int rs1, long offset) => encoder.Word(mnemonic, new Fields(Rs1: rs1, Rs2: rs2, Imm: offset));
        void Add(uint word, ulong address, ulong value, int around = Middle) => set.Add(word, s =>
        {
            Prepare(s, A1, address, around);
            (s.X[A2], s.F[A2]) = (value, value);
        });
        foreach (var offset in new long[] { 0, 1, 2, 3, 4, 7, 8, 2047, -2048, -8 })
            Add(Word(A2, A1, offset), (ulong)(Middle - offset), 0x8796A5B4_C3D2E1F0);
        for (var shift = 0; shift < 8; shift++)
            Add(Word(A2, A1, 0), (ulong)(Middle + shift), 0x01020304_05060708);
        Add(Word(A1, A1, 0), Middle, 0);
        Add(Word(0, A1, 0), Middle, 0);
        // Into the read-only page, and across its border: nothing is written.
        Add(Word(A2, A1, 0), MachineLayout.ReadOnly, 1, MachineLayout.ReadOnly - 16);
        if (mnemonic is not "sb" and not "sh")
            Add(Word(A2, A1, 0), MachineLayout.ReadOnly - 2, ulong.MaxValue, MachineLayout.ReadOnly - 16);
        Add(Word(A2, A1, 2047), MachineLayout.Data - 2047, 0x99, MachineLayout.Data);
        Faults(set, Word(A2, A1, 0), Word(A2, A1, 16));
        set.Add(Word(A2, 0, 16), _ => { });
    }

    /// <summary>Atomic memory operations, one word or doubleword at (a1).</summary>
    public static void Amo(CaseSet set, Encoder encoder, string mnemonic)
    {
        uint Word(int rd, int rs2, int rs1, bool aq = false, bool rl = false) => encoder.Word(mnemonic, new Fields(rd, rs1, rs2, Aq: aq, Rl: rl));
        void Add(uint word, ulong memory, ulong operand) => set.Add(word, s =>
        {
            (s.X[A1], s.X[A2]) = (Middle, operand);
            BitConverter.TryWriteBytes(s.Data.AsSpan(0x800), memory);
        });
        foreach (var memory in OperandValues.Integers)
        {
            foreach (var operand in OperandValues.Integers)
                Add(Word(A0, A2, A1), memory, operand);
        }

        Add(Word(A0, A2, A1, aq: true), OperandValues.Patterns[1], OperandValues.Patterns[2]);
        Add(Word(A0, A2, A1, rl: true), OperandValues.Patterns[2], OperandValues.Patterns[1]);
        Add(Word(A0, A2, A1, aq: true, rl: true), OperandValues.Patterns[3], OperandValues.Patterns[4]);
        Add(Word(0, A2, A1), 5, 9);
        Add(Word(A1, A2, A1), 5, 9);
        Add(Word(A2, A2, A1), 5, 9);
        Add(Word(A0, 0, A1), 5, 9);
        Add(Word(A0, A1, A1), 5, 9);
        AtomicFaults(set, Word(A0, A2, A1), mnemonic.EndsWith(".w", StringComparison.Ordinal) ? 4 : 8);
    }

    /// <summary>lr alone.</summary>
    public static void LoadReserved(CaseSet set, Encoder encoder, string mnemonic)
    {
        uint Word(int rd, int rs1, bool aq = false, bool rl = false) => encoder.Word(mnemonic, new Fields(rd, rs1, Aq: aq, Rl: rl));
        foreach (var shift in new[] { 0, 8 })
            set.Add(Word(A0, A1), s => Prepare(s, A1, (ulong)(Middle + shift), Middle));
        set.Add(Word(A0, A1, aq: true), s => Prepare(s, A1, Middle, Middle));
        set.Add(Word(A0, A1, aq: true, rl: true), s => Prepare(s, A1, Middle, Middle));
        set.Add(Word(A1, A1), s => Prepare(s, A1, Middle, Middle));
        set.Add(Word(0, A1), s => Prepare(s, A1, Middle, Middle));
        set.Add(Word(A0, A1), s => s.X[A1] = MachineLayout.ReadOnly);
        AtomicFaults(set, Word(A0, A1), mnemonic == "lr.w" ? 4 : 8);
    }

    /// <summary>sc with and without the reservation of an lr.</summary>
    public static void StoreConditional(CaseSet set, Encoder encoder, string mnemonic)
    {
        var load = encoder.Word("lr" + mnemonic[2..], new Fields(A0, A1));
        var size = mnemonic == "sc.w" ? 4 : 8;
        uint Word(int rd, int rs2, int rs1) => encoder.Word(mnemonic, new Fields(rd, rs1, rs2, Rl: true));
        void Add(params uint[] words) => set.Add(words, s =>
        {
            Prepare(s, A1, Middle, Middle);
            (s.X[A2], s.X[15]) = (0x0123456789ABCDEF, Middle + 0x100);
        });
        Add(Word(14, A2, A1)); // no reservation
        Add(load, Word(14, A2, A1));
        Add(load, Word(A2, A2, A1));
        Add(load, Word(A1, A2, A1));
        Add(load, Word(0, A2, A1));
        Add(load, Word(14, 0, A1));
        Add(load, Word(14, A2, 15)); // another place
        Add(load, Word(14, A2, A1), Word(16, A2, A1)); // the first took the reservation
        Add(load, Word(14, A2, 15), Word(16, A2, A1)); // so does one that fails
        AtomicFaults(set, Word(14, A2, A1), size);
        set.Add([Word(14, A2, A1)], s => s.X[A1] = MachineLayout.ReadOnly, MemoryFault(Word(14, A2, A1), MachineLayout.ReadOnly, 0));
    }

    private static void Prepare(MachineState state, int register, ulong address, int around)
    {
        state.X[register] = address;
        var at = around - MachineLayout.Data;
        Pattern.CopyTo(state.Data, Math.Min(at, state.Data.Length - Pattern.Length));
    }

    private static void Faults(CaseSet set, uint plain, uint displaced)
    {
        foreach (var address in Nowhere)
        {
            set.Add([plain], s => s.X[A1] = address, MemoryFault(plain, address, 0));
            set.Add([displaced], s => s.X[A1] = address - 16, MemoryFault(displaced, address - 16, 16));
        }
    }

    /// <summary>
    /// Addresses that hold nothing, and misaligned ones. An sc faults there without a reservation, too: none retires without
    /// passing the memory permission checks (unprivileged specification, "Zalrsc"), which the emulator does not observe.
    /// </summary>
    private static void AtomicFaults(CaseSet set, uint word, int size)
    {
        foreach (var address in Nowhere)
        {
            if (address % (ulong)size == 0)
                set.Add([word], s => s.X[A1] = address, MemoryFault(word, address, 0));
        }

        // Emulators differ on misaligned sc and lr; the specification lets them raise an exception, and this project always does.
        for (var shift = 1; shift < size; shift++)
        {
            var address = (ulong)(Middle + shift);
            set.Add([word], s => Prepare(s, A1, address, Middle), s =>
            {
                (s.Fault, s.FaultAddress) = (GuestFaultKind.MisalignedAtomic, address);
                return s;
            });
        }
    }

    /// <summary>
    /// Memory that is mapped nowhere faults at the address of the access and changes nothing. Written down here because
    /// the emulator's own memory lies at some of these addresses, and because a signal does not tell large addresses.
    /// </summary>
    private static Func<MachineState, MachineState> MemoryFault(uint word, ulong address, long offset) => s =>
    {
        // Major opcodes LOAD and LOAD-FP, and lr; compressed loads have bit 15 clear.
        var isLoad = (word & 3) != 3 ? (word & 0x8000) == 0 : (word & 0x7F) is 0x03 or 0x07 || ((word & 0x7F) == 0x2F && word >> 27 == 2);
        (s.Fault, s.FaultAddress) = (isLoad ? GuestFaultKind.LoadAccess : GuestFaultKind.StoreAccess, address + (ulong)offset);
        return s;
    };
}
