using System.Numerics;
using Cheri2IL.Runtime.Execution;
using CsCheck;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Execution;

/// <summary>
/// Results and flags against exact arithmetic, in every rounding mode, on corner values and on random ones that favour
/// ties, subnormals, cancellation and the ends of the range.
/// </summary>
public sealed class ExactFloatTests
{
    private static readonly ulong[] DoubleCorners =
    [
        0, 1, 2, 3, 0x000f_ffff_ffff_ffff, 0x0010_0000_0000_0000, 0x0010_0000_0000_0001, 0x001f_ffff_ffff_ffff,
        0x0020_0000_0000_0000, 0x1ff0_0000_0000_0001, 0x3c90_0000_0000_0000, 0x3ca0_0000_0000_0000,
        0x3ca0_0000_0000_0001, 0x3fdf_ffff_ffff_ffff, 0x3fe0_0000_0000_0000, 0x3fef_ffff_ffff_ffff, 0x3ff0_0000_0000_0000,
        0x3ff0_0000_0000_0001, 0x3ff8_0000_0000_0000, 0x4004_0000_0000_0000, 0x4008_0000_0000_0000, 0x41df_ffff_ffe0_0000,
        0x41e0_0000_0000_0000, 0x41ef_ffff_ffff_ffff, 0x433f_ffff_ffff_ffff, 0x4340_0000_0000_0000, 0x43df_ffff_ffff_ffff,
        0x43e0_0000_0000_0000, 0x43ef_ffff_ffff_ffff, 0x43f0_0000_0000_0000, 0x7fdf_ffff_ffff_ffff, 0x7fef_ffff_ffff_ffff,
        0x7ff0_0000_0000_0000, 0x7ff0_0000_0000_0001, 0x7ff8_0000_0000_0000, 0x7fff_ffff_ffff_ffff,
        // Around the ends of binary32, for narrowing.
        0x36a0_0000_0000_0000, 0x36a0_0000_0000_0001, 0x380f_ffff_e000_0000, 0x380f_ffff_f000_0000, 0x47ef_ffff_e000_0000,
        0x47ef_ffff_f000_0000, 0x47ef_ffff_efff_ffff,
    ];

    private static readonly ulong[] SingleCorners =
    [
        0, 1, 2, 3, 0x007f_ffff, 0x0080_0000, 0x0080_0001, 0x00ff_ffff, 0x0100_0000, 0x1f80_0001, 0x3300_0000, 0x3380_0000,
        0x3380_0001, 0x3eff_ffff, 0x3f00_0000, 0x3f7f_ffff, 0x3f80_0000, 0x3f80_0001, 0x3fc0_0000, 0x4020_0000, 0x4040_0000,
        0x4b7f_ffff, 0x4b80_0000, 0x4eff_ffff, 0x4f00_0000, 0x4f7f_ffff, 0x4f80_0000, 0x5eff_ffff, 0x5f00_0000, 0x5f7f_ffff,
        0x5f80_0000, 0x7eff_ffff, 0x7f7f_ffff, 0x7f80_0000, 0x7f80_0001, 0x7fc0_0000, 0x7fff_ffff,
    ];

    private static readonly BigInteger[] Integers =
    [
        .. from shift in (int[])[0, 8, 23, 24, 25, 31, 32, 52, 53, 54, 62, 63, 64]
           from offset in (int[])[-3, -2, -1, 0, 1, 2, 3]
           from sign in (int[])[-1, 1]
           select ((BigInteger.One << shift) + offset) * sign,
        (BigInteger.One << 63) + (1 << 10), (BigInteger.One << 63) + (1 << 10) + 1, (BigInteger.One << 64) - (1 << 10),
        (BigInteger.One << 64) - (1L << 39), (BigInteger.One << 62) + (1L << 38), 0x7fff_ffff_ffff_fe00,
    ];

    public static TheoryData<string> Rounded { get; } =
        ["fadd", "fsub", "fmul", "fdiv", "fsqrt", "fmadd"];

    public static TheoryData<string> Conversions { get; } =
    [
        "fcvt.w.d", "fcvt.wu.d", "fcvt.l.d", "fcvt.lu.d", "fcvt.w.s", "fcvt.wu.s", "fcvt.l.s", "fcvt.lu.s",
        "fcvt.d.w", "fcvt.d.wu", "fcvt.d.l", "fcvt.d.lu", "fcvt.s.w", "fcvt.s.wu", "fcvt.s.l", "fcvt.s.lu",
        "fcvt.s.d", "fcvt.d.s",
    ];

    [Theory]
    [MemberData(nameof(Rounded))]
    public void Arithmetic_DoubleCorners_IsExactlyRounded(string operation)
        => CheckAll(operation + ".d", Signed(DoubleCorners, 63));

    [Theory]
    [MemberData(nameof(Rounded))]
    public void Arithmetic_SingleCorners_IsExactlyRounded(string operation)
        => CheckAll(operation + ".s", Signed(SingleCorners, 31));

    [Theory]
    [MemberData(nameof(Rounded))]
    public void Arithmetic_RandomDoubles_IsExactlyRounded(string operation)
        => Gen.Select(Patterns(52, 11), Patterns(52, 11), Patterns(52, 11)).Sample(
            (a, b, c) => CheckWithStatus(operation + ".d", a, b, c), threads: 1, iter: 20_000);

    [Theory]
    [MemberData(nameof(Rounded))]
    public void Arithmetic_RandomSingles_IsExactlyRounded(string operation)
        => Gen.Select(Patterns(23, 8), Patterns(23, 8), Patterns(23, 8)).Sample(
            (a, b, c) => CheckWithStatus(operation + ".s", a, b, c), threads: 1, iter: 20_000);

    [Theory]
    [MemberData(nameof(Conversions))]
    public void Conversion_Corners_IsExactlyRounded(string mnemonic)
    {
        using var status = new FloatStatusScope();
        var operands = mnemonic[^1] switch
        {
            'd' => Signed(DoubleCorners, 63),
            's' => Signed(SingleCorners, 31),
            _ => [.. Integers.Select(value => (ulong)(value & ulong.MaxValue))],
        };
        foreach (var operand in operands.Concat(HalfIntegers(mnemonic[^1])))
            Check(status, mnemonic, operand, 0, 0);
    }

    [Theory]
    [MemberData(nameof(Conversions))]
    public void Conversion_RandomOperands_IsExactlyRounded(string mnemonic)
    {
        var operands = mnemonic[^1] switch { 'd' => Patterns(52, 11), 's' => Patterns(23, 8), _ => Gen.ULong };
        operands.Sample(operand => CheckWithStatus(mnemonic, operand, 0, 0), threads: 1, iter: 20_000);
    }

    /// <summary>Exponents clustered, fractions of few bits or of runs, so that sums and products meet ties and cancel.</summary>
    private static Gen<ulong> Patterns(int fractionBits, int exponentBits)
    {
        var bias = (1 << (exponentBits - 1)) - 1;
        var mask = (1UL << fractionBits) - 1;
        var exponent = Gen.OneOf(
            Gen.Int[bias - 3, bias + 3],
            Gen.Int[bias - fractionBits - 3, bias - fractionBits + 3],
            Gen.Int[bias + 28, bias + 66],
            Gen.Int[0, 3],
            Gen.Int[fractionBits - 2, fractionBits + 2],
            Gen.Int[(2 * bias) - 2, (2 * bias) + 1],
            Gen.Int[bias / 2, (bias / 2) + 2],
            Gen.Int[0, (2 * bias) + 1]);
        var fraction = Gen.OneOf(
            Gen.ULong.Select(bits => bits & mask),
            Gen.Int[0, fractionBits].Select(bit => (1UL << bit) & mask),
            Gen.Int[0, fractionBits].Select(bit => mask ^ ((1UL << bit) - 1)),
            Gen.Int[0, fractionBits].Select(bit => (1UL << bit) - 1),
            Gen.ULong[0, 3]);
        return Gen.Select(Gen.Bool, exponent, fraction).Select((sign, field, bits)
            => (sign ? 1UL << (fractionBits + exponentBits) : 0) | ((ulong)Math.Min(field, (2 * bias) + 1) << fractionBits) | bits);
    }

    /// <summary>Bit patterns of n/4 near zero and near the ends of the 32-bit integers.</summary>
    private static IEnumerable<ulong> HalfIntegers(char format)
        => from middle in (double[])[0, 5, int.MaxValue, int.MinValue, uint.MaxValue, 1 << 22, 1 << 23]
           from quarter in Enumerable.Range(-8, 17)
           let value = middle + (quarter / 4.0)
           where format is 'd' or 's'
           select format == 'd' ? BitConverter.DoubleToUInt64Bits(value) : BitConverter.SingleToUInt32Bits((float)value);

    private static ulong[] Signed(ulong[] magnitudes, int signBit)
        => [.. magnitudes, .. magnitudes.Select(bits => bits | (1UL << signBit))];

    private static void CheckAll(string mnemonic, ulong[] operands)
    {
        using var status = new FloatStatusScope();
        foreach (var a in operands)
        {
            if (mnemonic.StartsWith("fsqrt", StringComparison.Ordinal))
            {
                Check(status, mnemonic, a, 0, 0);
                continue;
            }

            foreach (var b in operands)
            {
                if (!mnemonic.StartsWith("fmadd", StringComparison.Ordinal))
                {
                    Check(status, mnemonic, a, b, 0);
                    continue;
                }

                // Every pair with a third operand that walks through the list, a few at a time.
                for (var index = (int)((a ^ (b * 7)) % 5); index < operands.Length; index += 17)
                    Check(status, mnemonic, a, b, operands[index]);
            }
        }
    }

    private static void CheckWithStatus(string mnemonic, ulong a, ulong b, ulong c)
    {
        using var status = new FloatStatusScope();
        Check(status, mnemonic, a, b, c);
    }

    private static void Check(FloatStatusScope status, string mnemonic, ulong a, ulong b, ulong c)
    {
        for (var mode = 0; mode <= FloatOps.NearestAway; mode++)
        {
            var (expected, expectedFlags) = Expected(mnemonic, mode, a, b, c);
            var (result, flags) = status.Run(0, () => FloatInstruction.Static(mnemonic, mode, a, b, c));
            if (result != expected || flags != expectedFlags)
                Fail("static", result, flags);
            if (mode > FloatStatus.LastHostMode)
                continue;
            (result, flags) = status.Run(mode, () => FloatInstruction.Dynamic(mnemonic, a, b, c));
            if (result != null && (result != expected || flags != expectedFlags))
                Fail("dynamic", result, flags);

            void Fail(string rounding, ulong? got, long gotFlags) => Assert.Fail(
                $"{mnemonic} {rounding} rm {mode} ({a:x}, {b:x}, {c:x}): expected {expected:x} flags {expectedFlags:x}, got {got:x} flags {gotFlags:x}");
        }
    }

    private static (ulong Bits, int Flags) Expected(string mnemonic, int mode, ulong a, ulong b, ulong c)
    {
        var parts = mnemonic.Split('.');
        if (parts[0] != "fcvt")
        {
            var format = Format(parts[1]);
            return parts[0] switch
            {
                "fadd" => format.Add(a, b, mode),
                "fsub" => format.Subtract(a, b, mode),
                "fmul" => format.Multiply(a, b, mode),
                "fdiv" => format.Divide(a, b, mode),
                "fsqrt" => format.SquareRoot(a, mode),
                _ => format.MultiplyAdd(a, b, c, mode),
            };
        }

        if (parts[1] is "d" or "s")
        {
            return parts[2] is "d" or "s"
                ? Format(parts[1]).Convert(a, Format(parts[2]), mode)
                : Format(parts[1]).FromInteger(Integer(parts[2], a), mode);
        }

        var (minimum, maximum) = Range(parts[1]);
        var (value, flags) = Format(parts[2]).ToInteger(a, mode, minimum, maximum);
        return (parts[1] is "w" or "wu" ? (ulong)(int)(uint)(value & uint.MaxValue) : (ulong)(value & ulong.MaxValue), flags);
    }

    private static ExactFloat Format(string name) => name == "d" ? ExactFloat.Double : ExactFloat.Single;

    private static BigInteger Integer(string format, ulong register) => format switch
    {
        "w" => (int)register,
        "wu" => (uint)register,
        "l" => (long)register,
        _ => register,
    };

    private static (BigInteger Minimum, BigInteger Maximum) Range(string format) => format switch
    {
        "w" => (int.MinValue, int.MaxValue),
        "wu" => (0, uint.MaxValue),
        "l" => (long.MinValue, long.MaxValue),
        _ => (0, ulong.MaxValue),
    };
}
