using static Cheri2IL.CaseGen.OperandValues;

namespace Cheri2IL.CaseGen;

/// <summary>Cases of the F and D extensions: special values crossed, rounding in every mode, NaN boxing, flags.</summary>
internal static class FloatCases
{
    private const int Fa0 = 10;
    private const int Fa1 = 11;
    private const int Fa2 = 12;
    private const int Fa3 = 13;
    private const int Dynamic = 7;

    /// <summary>Makes the cases of a floating-point instruction that is not a load or store.</summary>
    public static void All(CaseSet set, Encoder encoder, string mnemonic)
    {
        var row = encoder.Row(mnemonic);
        var rounds = row.Format.Operands.Contains("rm");
        var form = row.Form.Replace(",rm", "", StringComparison.Ordinal);
        switch (form)
        {
            case "fd,fs1,fs2" or "rd,fs1,fs2":
                Binary(set, encoder, mnemonic, rounds);
                break;
            case "fd,fs1,fs2,fs3":
                Fused(set, encoder, mnemonic);
                break;
            case "fd,fs1" or "rd,fs1":
                Unary(set, encoder, mnemonic, rounds);
                break;
            case "fd,rs1":
                FromInteger(set, encoder, mnemonic, rounds);
                break;
            default:
                throw new InvalidOperationException($"no cases for the form of '{mnemonic} {row.Form}'");
        }
    }

    private static bool IsSingle(string mnemonic) => mnemonic[^1] is 's' or 'w';

    private static ulong[] Specials(string mnemonic) => IsSingle(mnemonic) ? [.. Singles.Select(v => Box | v)] : Doubles;

    private static ulong[] Inexact(string mnemonic) => IsSingle(mnemonic) ? [.. InexactSingles.Select(v => Box | v)] : InexactDoubles;

    /// <summary>Images that are no boxed singles; a single-precision operation sees the canonical NaN. Doubles for others.</summary>
    private static ulong[] Unboxed => [0x00000000_3F800000, 0xFFFFFFFE_3F800000, 0x7FF00000_3F800000, 0x3FF00000_00000000];

    private static void Binary(CaseSet set, Encoder encoder, string mnemonic, bool rounds)
    {
        uint Word(int rd, int rs1, int rs2, int rm) => encoder.Word(mnemonic, new Fields(rd, rs1, rs2, Rm: rm));
        void Add(uint word, ulong a, ulong b, int frm = 0, int flags = 0) => set.Add(word, s =>
            (s.F[Fa1], s.F[Fa2], s.Frm, s.Fflags) = (a, b, frm, flags));
        var plain = Word(Fa0, Fa1, Fa2, Dynamic);
        var specials = Specials(mnemonic);
        foreach (var a in specials)
        {
            foreach (var b in specials)
                Add(plain, a, b);
        }

        foreach (var a in Unboxed)
        {
            Add(plain, a, specials[2]);
            Add(plain, specials[2], a);
        }

        Add(Word(Fa1, Fa1, Fa2, Dynamic), specials[2], specials[3], flags: 0x11);
        Add(Word(Fa2, Fa1, Fa2, Dynamic), specials[2], specials[3], flags: 0x1F);
        Add(Word(Fa0, Fa1, Fa1, Dynamic), specials[3], 0);
        // Only the flags remain of a comparison whose result goes to x0.
        if (encoder.Row(mnemonic).Form[0] == 'r')
        {
            Add(Word(0, Fa1, Fa2, Dynamic), specials[2], specials[6]);
            Add(Word(0, Fa1, Fa2, Dynamic), specials[8], specials[2]);
        }

        if (!rounds)
            return;
        var inexact = Inexact(mnemonic);
        for (var i = 0; i < inexact.Length; i++)
        {
            var (a, b) = (inexact[i], inexact[(i + 1) % inexact.Length]);
            InEveryMode((rm, frm) => Add(Word(Fa0, Fa1, Fa2, rm), a, b, frm));
            Add(plain, b, a);
            Add(plain, a, a ^ (IsSingle(mnemonic) ? 0x80000000 : 1ul << 63), frm: 2);
        }

        ReservedModes(frm => Add(plain, specials[2], specials[3], frm));
    }

    private static void Fused(CaseSet set, Encoder encoder, string mnemonic)
    {
        uint Word(int rd, int rs1, int rs2, int rs3, int rm) => encoder.Word(mnemonic, new Fields(rd, rs1, rs2, rs3, Rm: rm));
        void Add(uint word, ulong a, ulong b, ulong c, int frm = 0) => set.Add(word, s =>
            (s.F[Fa1], s.F[Fa2], s.F[Fa3], s.Frm) = (a, b, c, frm));
        var plain = Word(Fa0, Fa1, Fa2, Fa3, Dynamic);
        var specials = Specials(mnemonic);
        // Zero times infinity with every addend (a quiet NaN does not hide the invalid operation), and a sample of the cube.
        foreach (var c in specials)
        {
            Add(plain, specials[0], specials[4], c);
            Add(plain, specials[5], specials[1], c);
        }

        for (var i = 0; i < specials.Length * specials.Length * specials.Length; i += 37)
            Add(plain, specials[i % specials.Length], specials[i / specials.Length % specials.Length], specials[i / (specials.Length * specials.Length)]);
        Add(plain, Unboxed[0], specials[2], specials[3]);
        Add(plain, specials[2], Unboxed[1], specials[3]);
        Add(plain, specials[2], specials[3], Unboxed[2]);
        var inexact = Inexact(mnemonic);
        for (var i = 0; i < inexact.Length; i++)
        {
            var (a, b, c) = (inexact[i], inexact[(i + 2) % inexact.Length], inexact[(i + 3) % inexact.Length]);
            InEveryMode((rm, frm) => Add(Word(Fa0, Fa1, Fa2, Fa3, rm), a, b, c, frm));
        }

        // (1 + u)(1 + u) - (1 + 2u): only a single rounding leaves u squared.
        var (onePlus, minusOnePlus) = IsSingle(mnemonic) ? (Box | 0x3F800001, Box | 0xBF800002) : (0x3FF00000_00000001, 0xBFF00000_00000002);
        Add(plain, onePlus, onePlus, minusOnePlus);
        Add(Word(Fa1, Fa1, Fa1, Fa1, Dynamic), onePlus, 0, 0);
        Add(Word(Fa3, Fa1, Fa2, Fa3, Dynamic), inexact[0], inexact[1], inexact[4]);
        ReservedModes(frm => Add(plain, specials[2], specials[3], specials[2], frm));
    }

    private static void Unary(CaseSet set, Encoder encoder, string mnemonic, bool rounds)
    {
        void Add(int rd, ulong value, int rm = Dynamic, int frm = 0, int flags = 0)
            => set.Add(encoder.Word(mnemonic, new Fields(rd, Fa1, Rm: rm)), s => (s.F[Fa1], s.Frm, s.Fflags) = (value, frm, flags));
        foreach (var value in Specials(mnemonic).Concat(Inexact(mnemonic)).Concat(Unboxed))
            Add(Fa0, value);
        Add(Fa1, Specials(mnemonic)[3], flags: 0x1F);
        if (encoder.Row(mnemonic).Form[0] == 'r')
            Add(0, Specials(mnemonic)[8]);
        if (!rounds)
            return;
        var values = Inexact(mnemonic).Take(6).ToList();
        if (mnemonic.StartsWith("fcvt", StringComparison.Ordinal) && encoder.Row(mnemonic).Form[0] == 'r')
        {
            values = [.. AroundIntegers.Select(v => IsSingle(mnemonic)
                ? Box | BitConverter.SingleToUInt32Bits((float)v)
                : BitConverter.DoubleToUInt64Bits(v))];
        }

        if (mnemonic == "fcvt.s.d")
            values = [.. InexactDoubles];
        foreach (var value in values)
            InEveryMode((rm, frm) => Add(Fa0, value, rm, frm), modes: values.Count > 12 ? 1 : 2);
        ReservedModes(frm => Add(Fa0, Specials(mnemonic)[2], frm: frm));
    }

    private static void FromInteger(CaseSet set, Encoder encoder, string mnemonic, bool rounds)
    {
        void Add(int rs1, ulong value, int rm = Dynamic, int frm = 0)
            => set.Add(encoder.Word(mnemonic, new Fields(Fa0, rs1, Rm: rm)), s => (s.X[rs1], s.Frm) = (rs1 == 0 ? 0 : value, frm));
        foreach (var value in Integers.Concat(InexactIntegers).Append(Patterns[1]).Append(Patterns[2]))
        {
            Add(11, value);
            if (rounds)
                InEveryMode((rm, frm) => Add(11, value, rm, frm), modes: 1);
        }

        Add(0, 0);
        if (rounds)
            ReservedModes(frm => Add(11, 1, frm: frm));
    }

    /// <summary>The five modes, static, and (with two) dynamic, the static one then being contradicted by frm.</summary>
    private static void InEveryMode(Action<int, int> add, int modes = 2)
    {
        for (var mode = 0; mode <= 4; mode++)
        {
            add(mode, modes == 2 ? (mode + 1) % 5 : 0);
            if (modes == 2)
                add(Dynamic, mode);
        }
    }

    /// <summary>Dynamic rounding with a reserved frm is illegal, even where nothing is rounded.</summary>
    private static void ReservedModes(Action<int> add)
    {
        for (var frm = 5; frm <= 7; frm++)
            add(frm);
    }
}
