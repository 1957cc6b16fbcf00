using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cheri2IL.Runtime.Execution;

/// <content>
/// Conversions between floats and integers. Out of range saturates and raises NV alone; NaN counts as the largest value;
/// otherwise NX tells a rounded result. The host's own conversions differ in range and result, so only their in-range part serves.
/// </content>
public static partial class FloatOps
{
    private const double TwoTo32 = 4294967296.0;
    private const double TwoTo63 = 9223372036854775808.0;

    /// <summary>Integers up to this magnitude are exact in binary64.</summary>
    private const long ExactInDouble = 1L << 53;

    /// <summary>Integers up to this magnitude are exact in binary32.</summary>
    private const long ExactInSingle = 1L << 24;

    /// <summary><c>fcvt.w.d</c>: register image of the signed 32-bit result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long ToW(double value, int roundingMode)
    {
        if (roundingMode == TowardsZero)
        {
            // Out of range, cvttsd2si yields the smallest integer and raises NV alone, exactly as the guest is to see.
            var result = Sse2.ConvertToInt32WithTruncation(Vector128.CreateScalarUnsafe(value));
            return result != int.MinValue ? result : SaturateW(value);
        }

        return RoundToW(value, roundingMode);
    }

    /// <summary><c>fcvt.w.s</c>: register image of the signed 32-bit result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long ToW(float value, int roundingMode)
    {
        if (roundingMode == TowardsZero)
        {
            var result = Sse.ConvertToInt32WithTruncation(Vector128.CreateScalarUnsafe(value));
            return result != int.MinValue ? result : SaturateW(value);
        }

        return RoundToW(value, roundingMode);
    }

    /// <summary><c>fcvt.wu.d</c>: register image (sign-extended) of the unsigned 32-bit result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long ToWU(double value, int roundingMode)
    {
        if (roundingMode == TowardsZero && value > -1.0 && value < TwoTo32)
            return (int)Truncate(value);
        return RoundToWU(value, roundingMode);
    }

    /// <summary><c>fcvt.wu.s</c>: register image (sign-extended) of the unsigned 32-bit result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long ToWU(float value, int roundingMode) => ToWU((double)value, roundingMode);

    /// <summary><c>fcvt.l.d</c>: the signed 64-bit result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long ToL(double value, int roundingMode)
    {
        if (roundingMode == TowardsZero)
        {
            var result = Truncate(value);
            return result != long.MinValue ? result : SaturateL(value);
        }

        return RoundToL(value, roundingMode);
    }

    /// <summary><c>fcvt.l.s</c>: the signed 64-bit result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long ToL(float value, int roundingMode)
    {
        if (roundingMode == TowardsZero)
        {
            var result = Sse.X64.ConvertToInt64WithTruncation(Vector128.CreateScalarUnsafe(value));
            return result != long.MinValue ? result : SaturateL(value);
        }

        return RoundToL(value, roundingMode);
    }

    /// <summary><c>fcvt.lu.d</c>: the unsigned 64-bit result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long ToLU(double value, int roundingMode)
    {
        if (roundingMode == TowardsZero && value > -1.0 && value < TwoTo63)
            return Truncate(value);
        return RoundToLU(value, roundingMode);
    }

    /// <summary><c>fcvt.lu.s</c>: the unsigned 64-bit result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long ToLU(float value, int roundingMode) => ToLU((double)value, roundingMode);

    /// <summary><c>fcvt.d.w</c>: exact in every rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double DoubleFromW(long register) => (int)register;

    /// <summary><c>fcvt.d.wu</c>: exact in every rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double DoubleFromWU(long register) => (long)(uint)register;

    /// <summary><c>fcvt.d.l</c> in the dynamic rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double DoubleFromL(long register)
    {
        // RyuJIT folds a C# conversion of a constant, to nearest and without a flag; it leaves the instruction alone.
        if (Sse2.X64.IsSupported)
            return Sse2.X64.ConvertScalarToVector128Double(Vector128<double>.Zero, register).ToScalar();
        return register;
    }

    /// <summary><c>fcvt.d.lu</c> in the dynamic rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double DoubleFromLU(long register)
    {
        if (register >= 0)
            return DoubleFromL(register);

        // Halved with the lost bit kept as a sticky one, the value rounds the same; doubling is exact.
        var half = DoubleFromL((long)(((ulong)register >> 1) | ((ulong)register & 1)));
        return half + half;
    }

    /// <summary><c>fcvt.s.w</c> in the dynamic rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SingleFromW(long register) => SingleFromL((int)register);

    /// <summary><c>fcvt.s.wu</c> in the dynamic rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SingleFromWU(long register) => SingleFromL((uint)register);

    /// <summary><c>fcvt.s.l</c> in the dynamic rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SingleFromL(long register)
    {
        // cvtsi2ss rounds once; a C# conversion may go through binary64 and round twice.
        return Sse.X64.ConvertScalarToVector128Single(Vector128<float>.Zero, register).ToScalar();
    }

    /// <summary><c>fcvt.s.lu</c> in the dynamic rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SingleFromLU(long register)
    {
        if (register >= 0)
            return SingleFromL(register);
        var half = SingleFromL((long)(((ulong)register >> 1) | ((ulong)register & 1)));
        return half + half;
    }

    /// <summary><c>fcvt.d.l</c> with a static rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double DoubleFromL(long register, int roundingMode)
        => (ulong)(register + ExactInDouble) <= 2 * ExactInDouble ? register : RoundDouble(register < 0, register, roundingMode);

    /// <summary><c>fcvt.d.lu</c> with a static rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double DoubleFromLU(long register, int roundingMode)
        => (ulong)register <= ExactInDouble ? register : RoundDouble(false, register, roundingMode);

    /// <summary><c>fcvt.s.w</c> with a static rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SingleFromW(long register, int roundingMode) => SingleFromL((int)register, roundingMode);

    /// <summary><c>fcvt.s.wu</c> with a static rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SingleFromWU(long register, int roundingMode) => SingleFromL((uint)register, roundingMode);

    /// <summary><c>fcvt.s.l</c> with a static rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SingleFromL(long register, int roundingMode)
        => (ulong)(register + ExactInSingle) <= 2 * ExactInSingle
            ? SingleFromL(register)
            : RoundSingle(register < 0, register, roundingMode);

    /// <summary><c>fcvt.s.lu</c> with a static rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SingleFromLU(long register, int roundingMode)
        => (ulong)register <= ExactInSingle ? SingleFromL(register) : RoundSingle(false, register, roundingMode);

    /// <summary>cvttsd2si: NX when a fraction was dropped; the smallest integer and NV when out of range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Truncate(double value)
        => Sse2.X64.ConvertToInt64WithTruncation(Vector128.CreateScalarUnsafe(value));

    // Out of range or NaN, or exactly the smallest integer; the flags are raised.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long SaturateW(double value) => value < 0 ? int.MinValue : int.MaxValue;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long SaturateL(double value) => value < 0 ? long.MinValue : long.MaxValue;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long RoundToW(double value, int roundingMode)
        => value > int.MinValue && value < int.MaxValue
            ? RoundInRange(value, roundingMode)
            : SoftFloat.ToInteger(value, roundingMode, int.MinValue, int.MaxValue);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long RoundToWU(double value, int roundingMode)
        => value >= 0 && value <= uint.MaxValue
            ? (int)RoundInRange(value, roundingMode)
            : (int)SoftFloat.ToInteger(value, roundingMode, 0, uint.MaxValue);

    // From 2^52 upward every double is an integer: none is rounded out of range.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long RoundToL(double value, int roundingMode)
        => value >= -TwoTo63 && value < TwoTo63
            ? RoundInRange(value, roundingMode)
            : SoftFloat.ToInteger(value, roundingMode, long.MinValue, long.MaxValue);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long RoundToLU(double value, int roundingMode)
        => value >= 0 && value < TwoTo63
            ? RoundInRange(value, roundingMode)
            : SoftFloat.ToInteger(value, roundingMode, 0, ulong.MaxValue);

    /// <summary>Rounds a value of magnitude at most 2^63; the truncation raises NX just when the value has a fraction.</summary>
    private static long RoundInRange(double value, int roundingMode)
    {
        var integer = Truncate(value);
        var fraction = value - integer;
        switch (roundingMode)
        {
            case TowardsZero:
                return integer;
            case Down:
                return fraction < 0 ? integer - 1 : integer;
            case Up:
                return fraction > 0 ? integer + 1 : integer;
        }

        var distance = Math.Abs(fraction);
        var away = distance > 0.5 || (distance == 0.5 && (roundingMode == NearestAway || (integer & 1) != 0));
        return away ? integer + (fraction < 0 ? -1 : 1) : integer;
    }
}
