using Cheri2IL.TableGen;

namespace Cheri2IL.CaseGen;

/// <summary>Accesses of a random program that fault.</summary>
/// <param name="Address">What they are based on.</param>
/// <param name="Period">One access in so many, on average, is such a one.</param>
public sealed record WildAccess(int Address, int Period);

/// <summary>
/// A random sequence of instructions that ends by itself: no loops, no indirect jumps, memory accesses through base
/// registers that nothing writes. Equal seeds give equal programs.
/// </summary>
/// <param name="words">Instruction words.</param>
/// <param name="before">State to start from; its pc is the first word's address.</param>
public sealed class RandomProgram(IReadOnlyList<uint> words, MachineState before)
{
    /// <summary>Bytes between programs that share the code area.</summary>
    public const int Stride = 0x200;

    /// <summary>Programs in the code area.</summary>
    public const int PerArea = MachineLayout.CodeBytes / Stride;

    private const int MinInstructions = 8;
    private const int MaxInstructions = 60;

    /// <summary>sp: base of the compressed stack accesses.</summary>
    private const int StackBase = 2;

    /// <summary>tp: points to nothing; an access through it ends the program.</summary>
    private const int WildBase = 4;

    /// <summary>s0: base of all other accesses.</summary>
    private const int DataBase = 8;

    private static readonly WildAccess OutsideSlot = new(0x10000000, 80);

    /// <summary>
    /// Left out: what could loop or leave (jumps through registers, traps), what writes a base register, what the emulators
    /// of this age lack (Zicond) or get wrong (ctzw of a zero word).
    /// </summary>
    private static readonly HashSet<string> Excluded =
    [
        "jalr", "c.jr", "c.jalr", "ecall", "ebreak", "c.ebreak", "fence.i", "c.addi16sp", "czero.eqz", "czero.nez", "ctzw",
    ];

    /// <summary>Instruction words.</summary>
    public IReadOnlyList<uint> Words { get; } = words;

    /// <summary>State to start from.</summary>
    public MachineState Before { get; } = before;

    /// <summary>Makes the program with the given number in the code area (0..<see cref="PerArea"/> - 1).</summary>
    /// <param name="encoder">Makes words.</param>
    /// <param name="random">Source of everything.</param>
    /// <param name="number">Place in the area.</param>
    /// <param name="wild">What some accesses go to; null: once in a while one goes outside the slot.</param>
    public static RandomProgram Create(Encoder encoder, Random random, int number, WildAccess? wild = null)
    {
        wild ??= OutsideSlot;
        var rows = encoder.Rows.Where(row => !Excluded.Contains(row.Mnemonic)).ToArray();
        var count = random.Next(MinInstructions, MaxInstructions);
        // One width of lr/sc per program: what an sc of the other width does is not defined.
        var otherWidth = random.Next(2) == 0 ? ".w" : ".d";
        var items = new List<(InstructionRow Row, Fields Fields, int Skip)>();
        while (items.Count < count)
        {
            var row = rows[random.Next(rows.Length)];
            if (row.Mnemonic[..2] is "lr" or "sc" && row.Mnemonic.EndsWith(otherWidth, StringComparison.Ordinal))
                continue;
            var fields = RandomFields(row, random, wild);
            var isJump = row.Form.Contains("target", StringComparison.Ordinal);
            if (isJump || IsEncodable(row, fields))
                items.Add((row, fields, isJump ? random.Next(1, 4) : 0));
        }

        return new RandomProgram(Place(items), RandomState(random, MachineLayout.Code + (number * Stride), wild));
    }

    /// <summary>The first <paramref name="count"/> instructions, from the same state.</summary>
    public RandomProgram Prefix(int count) => new([.. Words.Take(count)], Before);

    /// <summary>Jumps go forward over one to three instructions, which fixes their offsets once all lengths are known.</summary>
    private static uint[] Place(List<(InstructionRow Row, Fields Fields, int Skip)> items)
    {
        var offsets = new int[items.Count + 4];
        for (var i = 0; i < offsets.Length - 1; i++)
            offsets[i + 1] = offsets[i] + (i < items.Count ? items[i].Row.Width / 8 : 2);
        var placed = new uint[items.Count];
        for (var i = 0; i < placed.Length; i++)
        {
            var (row, fields, skip) = items[i];
            placed[i] = Encoder.Word(row, skip == 0 ? fields : fields with { Imm = offsets[i + 1 + skip] - offsets[i] });
        }

        return placed;
    }

    private static bool IsEncodable(InstructionRow row, Fields fields)
    {
        try
        {
            Encoder.Word(row, fields);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static Fields RandomFields(InstructionRow row, Random random, WildAccess wild)
    {
        // Compressed register fields of three bits name x8..x15.
        var isShort = row.Width == 16 && System.Numerics.BitOperations.PopCount(row.FieldMask("rd") | row.FieldMask("rs1") | row.FieldMask("rs2")) % 3 == 0;
        int Register() => isShort ? random.Next(8, 16) : random.Next(32);
        var writesInteger = row.Form.StartsWith('r') || row.Expansion?.Split(' ')[^1].StartsWith('r') == true;
        var rd = Register();
        while (writesInteger && rd is StackBase or WildBase or DataBase)
            rd = Register();
        var rs1 = Register();
        if (row.Form.Contains("(rs1)", StringComparison.Ordinal))
        {
            // An sc without a reservation may fail before it looks at its address: nothing to compare.
            var mayFault = row.Width == 32 && !row.Mnemonic.StartsWith("sc.", StringComparison.Ordinal);
            rs1 = mayFault && random.Next(wild.Period) == 0 ? WildBase : DataBase;
        }

        var immediate = random.NextInt64(-1L << 20, 1L << 20);
        if (row.Format.Immediate is { } layout)
        {
            immediate &= layout.Bits.Aggregate(0L, (bits, bit) => bits | (1L << bit));
            if (row.Form.EndsWith("imm(rs1)", StringComparison.Ordinal) && row.Width == 32)
                immediate = random.Next(-1024, 1016);
            if (row.Form.EndsWith("imm20", StringComparison.Ordinal))
                immediate = (long)random.Next() << 12;
            if (row.Extension == "Zicsr")
                immediate = random.Next(1, 4);
        }

        // The shorthand of x0 or f0 as source is common: it must occur more often than by chance.
        var rs2 = random.Next(12) == 0 && !isShort ? 0 : Register();
        var rm = random.Next(2) == 0 ? 7 : random.Next(5);
        if (row.Mnemonic is "csrrwi" or "csrrsi" && immediate != 1)
            rs1 = random.Next(5);
        return new Fields(rd, rs1, rs2, Register(), immediate, rm, random.Next(2) == 0, random.Next(2) == 0, random.Next(16), random.Next(16));
    }

    private static MachineState RandomState(Random random, int pc, WildAccess wild)
    {
        var state = new MachineState { Pc = (ulong)pc, Frm = random.Next(3) == 0 ? random.Next(5) : 0, Fflags = random.Next(4) == 0 ? random.Next(32) : 0 };
        for (var i = 1; i < 32; i++)
            state.X[i] = RandomInteger(random);
        for (var i = 0; i < 32; i++)
            state.F[i] = RandomFloat(random);
        random.NextBytes(state.Data);
        state.X[StackBase] = MachineLayout.Data + 0x400;
        state.X[WildBase] = (ulong)wild.Address;
        state.X[DataBase] = MachineLayout.Data + 0x800;
        return state;
    }

    private static ulong RandomInteger(Random random) => random.Next(4) switch
    {
        0 => OperandValues.Integers[random.Next(OperandValues.Integers.Length)],
        1 => OperandValues.Patterns[random.Next(OperandValues.Patterns.Length)],
        2 => (ulong)random.Next(-300, 300),
        _ => (ulong)random.NextInt64() ^ (ulong)random.Next() << 40,
    };

    private static ulong RandomFloat(Random random) => random.Next(7) switch
    {
        0 => OperandValues.Box | OperandValues.Singles[random.Next(OperandValues.Singles.Length)],
        1 => OperandValues.Box | OperandValues.InexactSingles[random.Next(OperandValues.InexactSingles.Length)],
        2 => OperandValues.Doubles[random.Next(OperandValues.Doubles.Length)],
        3 => OperandValues.InexactDoubles[random.Next(OperandValues.InexactDoubles.Length)],
        4 => OperandValues.Box | BitConverter.SingleToUInt32Bits((float)((random.NextDouble() - 0.5) * random.Next(1, 100000))),
        5 => BitConverter.DoubleToUInt64Bits((random.NextDouble() - 0.5) * random.Next(1, 100000)),
        _ => (ulong)random.NextInt64() | ((ulong)random.Next(2) << 63),
    };
}
