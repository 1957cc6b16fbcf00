using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// RISC-V floating-point operations that are not one host instruction. Exceptions accrue in the host's sticky flags,
/// where <see cref="FloatStatus"/> finds them; arithmetic results that are NaN are the canonical NaN.
/// </summary>
/// <remarks>
/// Source: RISC-V unprivileged specification, "F" and "D" extensions. Dynamic arithmetic needs no method: it is the
/// host's instruction under the rounding mode that <see cref="FloatStatus"/> has set, then <see cref="CanonicalNaN(double)"/>.
/// Operations with an <c>int roundingMode</c> take the rm encodings 0 to 4, never 7: a dynamic operation passes
/// <see cref="GuestState.RoundingMode"/>, and 5 and 6 are illegal instructions that never get here.
/// Register images travel as <see cref="double"/>; moves between float types are bit moves, never conversions. Hosts are
/// x86-64: where the host instruction matters, it is an intrinsic.
/// </remarks>
public static partial class FloatOps
{
    /// <summary>rm: to nearest, ties to even (RNE).</summary>
    public const int NearestEven = 0;

    /// <summary>rm: towards zero (RTZ).</summary>
    public const int TowardsZero = 1;

    /// <summary>rm: towards negative infinity (RDN).</summary>
    public const int Down = 2;

    /// <summary>rm: towards positive infinity (RUP).</summary>
    public const int Up = 3;

    /// <summary>rm: to nearest, ties away from zero (RMM); no host mode does it.</summary>
    public const int NearestAway = 4;

    internal const long CanonicalBits64 = 0x7ff8_0000_0000_0000;
    internal const int CanonicalBits32 = 0x7fc0_0000;

    /// <summary>
    /// Table of vfixupimm, a digit per class of the source, quiet and signalling NaN lowest: 0 keeps the destination, 1 takes
    /// the source (Intel SDM, VFIXUPIMMSD).
    /// </summary>
    private const long KeepNumbers = 0x1111_1100;

    private const long SignBit64 = long.MinValue;
    private const int SignBit32 = int.MinValue;
    private const long QuietBit64 = 1L << 51;
    private const int QuietBit32 = 1 << 22;
    private const long Infinity64 = 0x7ff0_0000_0000_0000;
    private const int Infinity32 = 0x7f80_0000;

    /// <summary>
    /// <paramref name="value"/>, or the canonical NaN when it is a NaN. Raises nothing for a quiet NaN. Without a branch: around
    /// one the JIT keeps registers badly.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double CanonicalNaN(double value)
    {
        var canonical = Vector128.CreateScalarUnsafe(CanonicalBits64).AsDouble();
        var vector = Vector128.CreateScalarUnsafe(value);
        if (Avx512F.IsSupported)
            return Avx512F.FixupScalar(canonical, vector, Vector128.CreateScalarUnsafe(KeepNumbers), 0).ToScalar();
        return Sse41.BlendVariable(vector, canonical, Sse2.CompareScalarUnordered(vector, vector)).ToScalar();
    }

    /// <inheritdoc cref="CanonicalNaN(double)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float CanonicalNaN(float value)
    {
        var canonical = Vector128.CreateScalarUnsafe(CanonicalBits32).AsSingle();
        var vector = Vector128.CreateScalarUnsafe(value);
        if (Avx512F.IsSupported)
            return Avx512F.FixupScalar(canonical, vector, Vector128.CreateScalarUnsafe((int)KeepNumbers), 0).ToScalar();
        return Sse41.BlendVariable(vector, canonical, Sse.CompareScalarUnordered(vector, vector)).ToScalar();
    }

    /// <summary>
    /// <paramref name="value"/>, unknown to the JIT, which folds operations on constants without raising a flag and drops
    /// x * 1.0 although it quiets a NaN. For every constant operand of arithmetic.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Opaque(double value)
    {
        var copy = value;
        return Volatile.Read(ref copy);
    }

    /// <inheritdoc cref="Opaque(double)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Opaque(float value)
    {
        var copy = value;
        return Volatile.Read(ref copy);
    }

    /// <summary>
    /// Uses <paramref name="value"/> for nothing: an operation whose result the guest drops is still performed, for its flags.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Keep(double value)
    {
    }

    /// <inheritdoc cref="Keep(double)"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Keep(float value)
    {
    }

    /// <inheritdoc cref="Keep(double)"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Keep(long value)
    {
    }

    /// <summary>Register image of a single: its bits below 32 ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Box(float value)
        => (Vector128.CreateScalarUnsafe(value).AsUInt64() | Vector128.CreateScalar(0xffff_ffff_0000_0000UL)).AsDouble().ToScalar();

    /// <summary>The single in a register image: the canonical NaN unless the upper 32 bits are ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Unbox(double register)
        => Bits(register) >> 32 == -1 ? LowSingle(register) : SingleFromBits(CanonicalBits32);

    /// <summary>The low 32 bits of a register image as a single, whatever is above: for images known to be boxed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LowSingle(double register) => Vector128.CreateScalarUnsafe(register).AsSingle().ToScalar();

    /// <summary>Bit pattern (<c>fmv.x.d</c>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Bits(double value) => BitConverter.DoubleToInt64Bits(value);

    /// <summary>Bit pattern, sign-extended (<c>fmv.x.w</c> of an unboxed value).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Bits(float value) => BitConverter.SingleToInt32Bits(value);

    /// <summary>Value of a bit pattern (<c>fmv.d.x</c>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double FromBits(long bits) => BitConverter.Int64BitsToDouble(bits);

    /// <summary>Value of the low 32 bits of <paramref name="bits"/> (<c>fmv.w.x</c> before boxing).</summary>
    /// <remarks>
    /// Not for a constant that is a signalling NaN: the JIT keeps constant singles as doubles, which makes it quiet. The
    /// register image, by <see cref="FromBits(long)"/>, has no such trouble.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SingleFromBits(long bits) => BitConverter.Int32BitsToSingle((int)bits);

    /// <summary>Inverted sign bit; any bit pattern, no flags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Negate(double value) => FromBits(Bits(value) ^ SignBit64);

    /// <inheritdoc cref="Negate(double)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Negate(float value) => SingleFromBits(Bits(value) ^ SignBit32);

    /// <summary>Cleared sign bit; any bit pattern, no flags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Absolute(double value) => FromBits(Bits(value) & ~SignBit64);

    /// <inheritdoc cref="Absolute(double)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Absolute(float value) => SingleFromBits(Bits(value) & ~SignBit32);

    /// <summary><paramref name="value"/> with the sign bit of <paramref name="sign"/>; any bit pattern, no flags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double CopySign(double value, double sign)
        => FromBits((Bits(value) & ~SignBit64) | (Bits(sign) & SignBit64));

    /// <inheritdoc cref="CopySign(double, double)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float CopySign(float value, float sign)
        => SingleFromBits((Bits(value) & ~SignBit32) | (Bits(sign) & SignBit32));

    /// <summary><c>feq.d</c>: quiet comparison; invalid on a signalling NaN only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Eq(double a, double b) => a == b;

    /// <summary><c>feq.s</c>: quiet comparison; invalid on a signalling NaN only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Eq(float a, float b) => a == b;

    /// <summary><c>flt.d</c>: signalling comparison; invalid on any NaN.</summary>
    /// <remarks>comisd signals on quiet NaNs too; the JIT compiles a C# comparison to ucomisd, which does not.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Lt(double a, double b)
        => Sse2.CompareScalarOrderedLessThan(Vector128.CreateScalarUnsafe(a), Vector128.CreateScalarUnsafe(b));

    /// <summary><c>flt.s</c>: signalling comparison; invalid on any NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Lt(float a, float b)
        => Sse.CompareScalarOrderedLessThan(Vector128.CreateScalarUnsafe(a), Vector128.CreateScalarUnsafe(b));

    /// <summary><c>fle.d</c>: signalling comparison; invalid on any NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Le(double a, double b)
        => Sse2.CompareScalarOrderedLessThanOrEqual(Vector128.CreateScalarUnsafe(a), Vector128.CreateScalarUnsafe(b));

    /// <summary><c>fle.s</c>: signalling comparison; invalid on any NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Le(float a, float b)
        => Sse.CompareScalarOrderedLessThanOrEqual(Vector128.CreateScalarUnsafe(a), Vector128.CreateScalarUnsafe(b));

    /// <summary><c>fmin.d</c>: IEEE 754-2019 minimumNumber; -0 is below +0, one NaN gives the other operand. Invalid on a signalling NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Min(double a, double b)
    {
        // minsd signals on quiet NaNs, so it gets none; of equal operands it yields the second, and only zeros differ then.
        // No branch here depends on which operand is the smaller.
        if (double.IsNaN(a) || double.IsNaN(b))
            return NumberOf(a, b);
        var (x, y) = (Vector128.CreateScalarUnsafe(a), Vector128.CreateScalarUnsafe(b));
        return (Sse2.MinScalar(x, y) | Sse2.MinScalar(y, x)).ToScalar();
    }

    /// <summary><c>fmin.s</c>, as <see cref="Min(double, double)"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Min(float a, float b)
    {
        if (float.IsNaN(a) || float.IsNaN(b))
            return NumberOf(a, b);
        var (x, y) = (Vector128.CreateScalarUnsafe(a), Vector128.CreateScalarUnsafe(b));
        return (Sse.MinScalar(x, y) | Sse.MinScalar(y, x)).ToScalar();
    }

    /// <summary><c>fmax.d</c>: IEEE 754-2019 maximumNumber; +0 is above -0, one NaN gives the other operand. Invalid on a signalling NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Max(double a, double b)
    {
        if (double.IsNaN(a) || double.IsNaN(b))
            return NumberOf(a, b);
        var (x, y) = (Vector128.CreateScalarUnsafe(a), Vector128.CreateScalarUnsafe(b));
        return (Sse2.MaxScalar(x, y) & Sse2.MaxScalar(y, x)).ToScalar();
    }

    /// <summary><c>fmax.s</c>, as <see cref="Max(double, double)"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(float a, float b)
    {
        if (float.IsNaN(a) || float.IsNaN(b))
            return NumberOf(a, b);
        var (x, y) = (Vector128.CreateScalarUnsafe(a), Vector128.CreateScalarUnsafe(b));
        return (Sse.MaxScalar(x, y) & Sse.MaxScalar(y, x)).ToScalar();
    }

    /// <summary><c>fclass.d</c>: one bit of 0..9 set. No flags.</summary>
    public static long Classify(double value)
    {
        var bits = Bits(value);
        var magnitude = bits & ~SignBit64;
        if (magnitude > Infinity64)
            return (bits & QuietBit64) != 0 ? 1 << 9 : 1 << 8;
        return ClassOfNumber(bits < 0, magnitude == Infinity64, magnitude >> 52 != 0, magnitude != 0);
    }

    /// <summary><c>fclass.s</c>: one bit of 0..9 set. No flags.</summary>
    public static long Classify(float value)
    {
        var bits = BitConverter.SingleToInt32Bits(value);
        var magnitude = bits & ~SignBit32;
        if (magnitude > Infinity32)
            return (bits & QuietBit32) != 0 ? 1 << 9 : 1 << 8;
        return ClassOfNumber(bits < 0, magnitude == Infinity32, magnitude >> 23 != 0, magnitude != 0);
    }

    /// <summary><c>fcvt.d.s</c>: exact; invalid on a signalling NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Convert(float value) => CanonicalNaN((double)value);

    /// <summary><c>fcvt.s.d</c> in the dynamic rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Convert(double value) => CanonicalNaN((float)value);

    private static long ClassOfNumber(bool negative, bool infinite, bool normal, bool nonZero)
    {
        // Bits 0..3 are the negative classes from -inf to -0, bits 4..7 the positive ones from +0 to +inf.
        var magnitude = infinite ? 3 : normal ? 2 : nonZero ? 1 : 0;
        return 1 << (negative ? 3 - magnitude : 4 + magnitude);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double NumberOf(double a, double b)
    {
        // A comparison with a signalling NaN raises invalid; the caller's may have stopped at the first operand.
        var number = double.IsNaN(b) ? a : b;
        return CanonicalNaN(number);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float NumberOf(float a, float b)
    {
        var number = float.IsNaN(b) ? a : b;
        return CanonicalNaN(number);
    }
}
