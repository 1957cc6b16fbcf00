using System.Numerics;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// IEEE 754 arithmetic in integers, rounded once in any of the five RISC-V modes: what the host's rounding modes do
/// not cover. Flags are raised on the host when a result is complete.
/// </summary>
/// <remarks>
/// Finite values are a significand times a power of two. Each operation brings its exact result into 128 bits, of which
/// bit 0 also stands for everything below it ("sticky"): with two or more bits below the rounding position that is enough.
/// Tininess is detected after rounding (unprivileged specification, 22.2).
/// </remarks>
internal static class SoftFloat
{
    private static readonly Format Double = new(53, -1022, 1023, FloatOps.CanonicalBits64);
    private static readonly Format Single = new(24, -126, 127, FloatOps.CanonicalBits32);

    private enum Kind
    {
        Zero,
        Finite,
        Infinite,
        QuietNaN,
        SignallingNaN,
    }

    /// <summary>a + b.</summary>
    public static double Add(double a, double b, int roundingMode)
        => ToDouble(Add(Unpack(a), Unpack(b), Double, roundingMode));

    /// <inheritdoc cref="Add(double, double, int)"/>
    public static float Add(float a, float b, int roundingMode)
        => ToSingle(Add(Unpack(a), Unpack(b), Single, roundingMode));

    /// <summary>a * b.</summary>
    public static double Multiply(double a, double b, int roundingMode)
        => ToDouble(Multiply(Unpack(a), Unpack(b), Double, roundingMode));

    /// <inheritdoc cref="Multiply(double, double, int)"/>
    public static float Multiply(float a, float b, int roundingMode)
        => ToSingle(Multiply(Unpack(a), Unpack(b), Single, roundingMode));

    /// <summary>a / b.</summary>
    public static double Divide(double a, double b, int roundingMode)
        => ToDouble(Divide(Unpack(a), Unpack(b), Double, roundingMode));

    /// <inheritdoc cref="Divide(double, double, int)"/>
    public static float Divide(float a, float b, int roundingMode)
        => ToSingle(Divide(Unpack(a), Unpack(b), Single, roundingMode));

    /// <summary>Square root.</summary>
    public static double SquareRoot(double value, int roundingMode)
        => ToDouble(SquareRoot(Unpack(value), Double, roundingMode));

    /// <inheritdoc cref="SquareRoot(double, int)"/>
    public static float SquareRoot(float value, int roundingMode)
        => ToSingle(SquareRoot(Unpack(value), Single, roundingMode));

    /// <summary>a * b + c, rounded once.</summary>
    public static double MultiplyAdd(double a, double b, double c, int roundingMode)
        => ToDouble(MultiplyAdd(Unpack(a), Unpack(b), Unpack(c), Double, roundingMode));

    /// <inheritdoc cref="MultiplyAdd(double, double, double, int)"/>
    public static float MultiplyAdd(float a, float b, float c, int roundingMode)
        => ToSingle(MultiplyAdd(Unpack(a), Unpack(b), Unpack(c), Single, roundingMode));

    /// <summary>binary64 to binary32.</summary>
    public static float Narrow(double value, int roundingMode)
    {
        var a = Unpack(value);
        return ToSingle(a.Kind == Kind.Finite
            ? Round(a.Negative, a.Significand, a.Exponent, Single, roundingMode)
            : Special(a, Single));
    }

    /// <summary>An integer of which <paramref name="negative"/> tells the sign and the magnitude is given.</summary>
    public static double DoubleOf(bool negative, ulong magnitude, int roundingMode)
        => ToDouble(Round(negative, magnitude, 0, Double, roundingMode));

    /// <inheritdoc cref="DoubleOf(bool, ulong, int)"/>
    public static float SingleOf(bool negative, ulong magnitude, int roundingMode)
        => ToSingle(Round(negative, magnitude, 0, Single, roundingMode));

    /// <summary>
    /// <paramref name="value"/> rounded to an integer of [<paramref name="minimum"/>, <paramref name="maximum"/>]; outside it,
    /// the nearer end and NV alone; NaN gives the maximum. The bits of it: unsigned where the minimum is 0.
    /// </summary>
    public static long ToInteger(double value, int roundingMode, long minimum, ulong maximum)
    {
        var a = Unpack(value);
        if (a.Kind == Kind.Zero)
            return 0;

        if (a.Kind == Kind.Finite && a.Exponent + Length(a.Significand) <= 64)
        {
            var shift = Math.Min(-a.Exponent, 64);
            var magnitude = shift <= 0 ? a.Significand << -shift : shift < 64 ? a.Significand >> shift : 0;
            var inexact = false;
            if (shift > 0)
            {
                // A significand has at most 53 bits, so one shifted out altogether (by 64) is below a half.
                var rest = shift < 64 ? a.Significand & ((1UL << shift) - 1) : a.Significand;
                var half = 1UL << (shift - 1);
                inexact = rest != 0;
                if (RoundsAway(roundingMode, a.Negative, (magnitude & 1) != 0, inexact, rest.CompareTo(half)))
                    magnitude++;
            }

            if (magnitude <= (a.Negative ? 0 - (ulong)minimum : maximum))
            {
                if (inexact)
                    FloatFlags.Raise(FloatFlags.Inexact);
                return a.Negative ? -(long)magnitude : (long)magnitude;
            }
        }

        FloatFlags.Raise(FloatFlags.Invalid);
        return a.Negative && !a.IsNaN ? minimum : (long)maximum;
    }

    private static Packed Add(Unpacked a, Unpacked b, Format format, int roundingMode)
    {
        if (a.IsNaN || b.IsNaN)
            return NaN(format, a.Kind == Kind.SignallingNaN || b.Kind == Kind.SignallingNaN);
        if (a.Kind == Kind.Infinite || b.Kind == Kind.Infinite)
        {
            var opposite = a.Kind == b.Kind && a.Negative != b.Negative;
            return opposite ? NaN(format, true) : Special(a.Kind == Kind.Infinite ? a : b, format);
        }

        return Sum(a.Wide(), b.Wide(), format, roundingMode);
    }

    private static Packed Multiply(Unpacked a, Unpacked b, Format format, int roundingMode)
    {
        if (a.IsNaN || b.IsNaN)
            return NaN(format, a.Kind == Kind.SignallingNaN || b.Kind == Kind.SignallingNaN);
        var negative = a.Negative != b.Negative;
        if (a.Kind == Kind.Infinite || b.Kind == Kind.Infinite)
        {
            return a.Kind == Kind.Zero || b.Kind == Kind.Zero
                ? NaN(format, true)
                : new Packed(format.Infinity(negative), 0);
        }

        return Round(negative, Unsigned128.Product(a.Significand, b.Significand), a.Exponent + b.Exponent, format, roundingMode);
    }

    private static Packed Divide(Unpacked a, Unpacked b, Format format, int roundingMode)
    {
        if (a.IsNaN || b.IsNaN)
            return NaN(format, a.Kind == Kind.SignallingNaN || b.Kind == Kind.SignallingNaN);
        var negative = a.Negative != b.Negative;
        if (a.Kind == b.Kind && a.Kind != Kind.Finite)
            return NaN(format, true);
        if (a.Kind == Kind.Infinite)
            return new Packed(format.Infinity(negative), 0);
        if (b.Kind == Kind.Infinite || a.Kind == Kind.Zero)
            return new Packed(format.Zero(negative), 0);
        if (b.Kind == Kind.Zero)
            return new Packed(format.Infinity(negative), FloatFlags.DivideByZero);

        // Both significands with their top bit at 63 make a quotient of 63 or 64 bits.
        var (dividend, divisor) = (a.Normalized(), b.Normalized());
        var quotient = ((Unsigned128)dividend.Significand << 63).DividedBy(divisor.Significand, out var remainder);
        return Round(
            negative,
            ((Unsigned128)quotient << 1) | (remainder != 0 ? 1UL : 0),
            dividend.Exponent - divisor.Exponent - 64,
            format,
            roundingMode);
    }

    private static Packed SquareRoot(Unpacked a, Format format, int roundingMode)
    {
        if (a.IsNaN)
            return NaN(format, a.Kind == Kind.SignallingNaN);
        if (a.Kind == Kind.Zero)
            return Special(a, format);
        if (a.Negative)
            return NaN(format, true);
        if (a.Kind == Kind.Infinite)
            return Special(a, format);

        // The radicand has 126 or 127 bits and an even exponent; its root has 63 or 64 bits.
        var operand = a.Normalized();
        var shift = (operand.Exponent & 1) == 0 ? 62 : 63;
        var rest = (Unsigned128)operand.Significand << shift;
        Unsigned128 root = 0;
        for (var bit = (Unsigned128)1 << 126; !bit.IsZero; bit >>= 2)
        {
            var trial = root + bit;
            root >>= 1;
            if (rest >= trial)
            {
                rest -= trial;
                root += bit;
            }
        }

        return Round(
            false,
            (root << 1) | (rest.IsZero ? 0UL : 1),
            ((operand.Exponent - shift) / 2) - 1,
            format,
            roundingMode);
    }

    private static Packed MultiplyAdd(Unpacked a, Unpacked b, Unpacked c, Format format, int roundingMode)
    {
        var infinite = a.Kind == Kind.Infinite || b.Kind == Kind.Infinite;
        var zero = a.Kind == Kind.Zero || b.Kind == Kind.Zero;
        var signalling = a.Kind == Kind.SignallingNaN || b.Kind == Kind.SignallingNaN || c.Kind == Kind.SignallingNaN;

        // Infinity times zero is invalid even when the addend is a quiet NaN (unprivileged specification, 22.7).
        if (a.IsNaN || b.IsNaN || c.IsNaN || (infinite && zero))
            return NaN(format, signalling || (infinite && zero));
        var negative = a.Negative != b.Negative;
        if (infinite)
        {
            return c.Kind == Kind.Infinite && c.Negative != negative
                ? NaN(format, true)
                : new Packed(format.Infinity(negative), 0);
        }

        if (c.Kind == Kind.Infinite)
            return Special(c, format);
        var product = new Wide(negative, Unsigned128.Product(a.Significand, b.Significand), a.Exponent + b.Exponent);
        return Sum(product, c.Wide(), format, roundingMode);
    }

    private static Packed Sum(Wide a, Wide b, Format format, int roundingMode)
    {
        if (a.Significand.IsZero && b.Significand.IsZero)
        {
            var negative = a.Negative == b.Negative ? a.Negative : roundingMode == FloatOps.Down;
            return new Packed(format.Zero(negative), 0);
        }

        if (a.Significand.IsZero)
            return Round(b.Negative, b.Significand, b.Exponent, format, roundingMode);
        if (b.Significand.IsZero)
            return Round(a.Negative, a.Significand, a.Exponent, format, roundingMode);

        // Top bits at 126 leave room for the carry. A product's 106 bits then end at bit 21: what the alignment shifts
        // out of the smaller operand lies at least 75 places down, where no cancellation can bring it up.
        a = a.Normalized();
        b = b.Normalized();
        if (b.Exponent > a.Exponent || (b.Exponent == a.Exponent && b.Significand > a.Significand))
            (a, b) = (b, a);
        var aligned = ShiftRightSticky(b.Significand, a.Exponent - b.Exponent);
        if (a.Negative == b.Negative)
            return Round(a.Negative, a.Significand + aligned, a.Exponent, format, roundingMode);
        var difference = a.Significand - aligned;
        return difference.IsZero
            ? new Packed(format.Zero(roundingMode == FloatOps.Down), 0)
            : Round(a.Negative, difference, a.Exponent, format, roundingMode);
    }

    /// <summary>Rounds significand * 2^exponent, of which bit 0 may be sticky, to the format.</summary>
    private static Packed Round(bool negative, Unsigned128 significand, int exponent, Format format, int roundingMode)
    {
        if (significand.IsZero)
            return new Packed(format.Zero(negative), 0);
        var length = 128 - significand.LeadingZeros;
        var top = exponent + length - 1;
        var last = Math.Max(top, format.MinExponent) - format.Precision + 1;
        var kept = RoundAt(negative, significand, last - exponent, roundingMode, out var inexact);
        if (kept == (Unsigned128)1 << format.Precision)
        {
            kept >>= 1;
            last++;
        }

        var flags = inexact ? FloatFlags.Inexact : 0;
        if (inexact && top < format.MinExponent)
        {
            // Tiny unless rounding to full precision, as if the exponent had no lower bound, reaches the smallest normal.
            var unbounded = RoundAt(negative, significand, length - format.Precision, roundingMode, out _);
            if (top < format.MinExponent - 1 || unbounded != (Unsigned128)1 << format.Precision)
                flags |= FloatFlags.Underflow;
        }

        if (last > format.MaxExponent - format.Precision + 1)
        {
            flags |= FloatFlags.Overflow | FloatFlags.Inexact;
            var infinite = roundingMode switch
            {
                FloatOps.TowardsZero => false,
                FloatOps.Down => negative,
                FloatOps.Up => !negative,
                _ => true,
            };
            return new Packed(infinite ? format.Infinity(negative) : format.Infinity(negative) - 1, flags);
        }

        // The hidden bit of a normal number adds one to the exponent field by itself.
        var field = (long)(last - (format.MinExponent - format.Precision + 1)) << (format.Precision - 1);
        return new Packed(format.Zero(negative) | (field + (long)kept.Low), flags);
    }

    /// <summary>significand / 2^shift rounded to an integer, and whether that lost anything.</summary>
    private static Unsigned128 RoundAt(bool negative, Unsigned128 significand, int shift, int roundingMode, out bool inexact)
    {
        inexact = shift > 128;
        if (shift <= 0)
            return significand << -shift;
        if (shift > 128)
            return RoundsAway(roundingMode, negative, false, true, -1) ? 1UL : 0;
        var kept = shift == 128 ? 0 : significand >> shift;
        var rest = significand - (shift == 128 ? 0 : kept << shift);
        var half = (Unsigned128)1 << (shift - 1);
        var away = RoundsAway(roundingMode, negative, kept.IsOdd, !rest.IsZero, rest < half ? -1 : rest == half ? 0 : 1);
        inexact = !rest.IsZero;
        return away ? kept + 1 : kept;
    }

    private static bool RoundsAway(int roundingMode, bool negative, bool odd, bool inexact, int comparedWithHalf)
        => roundingMode switch
        {
            FloatOps.NearestEven => comparedWithHalf > 0 || (comparedWithHalf == 0 && odd),
            FloatOps.TowardsZero => false,
            FloatOps.Down => negative && inexact,
            FloatOps.Up => !negative && inexact,
            FloatOps.NearestAway => comparedWithHalf >= 0,
            _ => throw new ArgumentOutOfRangeException(nameof(roundingMode), roundingMode, "not a rounding mode"),
        };

    private static Unsigned128 ShiftRightSticky(Unsigned128 value, int shift)
    {
        if (shift == 0)
            return value;
        if (shift > 127)
            return 1;
        var kept = value >> shift;
        return kept << shift == value ? kept : kept | 1;
    }

    private static int Length(ulong value) => 64 - BitOperations.LeadingZeroCount(value);

    private static Packed NaN(Format format, bool invalid) => new(format.CanonicalNaN, invalid ? FloatFlags.Invalid : 0);

    private static Packed Special(Unpacked a, Format format) => a.Kind switch
    {
        Kind.Zero => new Packed(format.Zero(a.Negative), 0),
        Kind.Infinite => new Packed(format.Infinity(a.Negative), 0),
        _ => NaN(format, a.Kind == Kind.SignallingNaN),
    };

    private static Unpacked Unpack(double value) => Unpack(BitConverter.DoubleToUInt64Bits(value), Double);

    private static Unpacked Unpack(float value) => Unpack(BitConverter.SingleToUInt32Bits(value), Single);

    private static Unpacked Unpack(ulong bits, Format format)
    {
        var fractionBits = format.Precision - 1;
        var fraction = bits & ((1UL << fractionBits) - 1);
        var field = (int)(bits >> fractionBits) & ((format.MaxExponent << 1) | 1);
        var negative = bits >> (fractionBits + BitOperations.PopCount((uint)format.MaxExponent) + 1) != 0;
        var lowest = format.MinExponent - fractionBits;
        if (field == ((format.MaxExponent << 1) | 1))
        {
            var quiet = fraction >> (fractionBits - 1) != 0;
            return new Unpacked(fraction == 0 ? Kind.Infinite : quiet ? Kind.QuietNaN : Kind.SignallingNaN, negative, 0, 0);
        }

        if (field != 0)
            return new Unpacked(Kind.Finite, negative, fraction | (1UL << fractionBits), lowest + field - 1);
        return new Unpacked(fraction != 0 ? Kind.Finite : Kind.Zero, negative, fraction, lowest);
    }

    private static double ToDouble(Packed result)
    {
        FloatFlags.Raise(result.Flags);
        return BitConverter.Int64BitsToDouble(result.Bits);
    }

    private static float ToSingle(Packed result)
    {
        FloatFlags.Raise(result.Flags);
        return BitConverter.Int32BitsToSingle((int)result.Bits);
    }

    /// <summary>A binary interchange format; exponents are those of the leading significand bit.</summary>
    private sealed record Format(int Precision, int MinExponent, int MaxExponent, long CanonicalNaN)
    {
        public long Zero(bool negative) => negative ? 1L << (Precision == 53 ? 63 : 31) : 0;

        public long Infinity(bool negative) => Zero(negative) | ((long)((MaxExponent << 1) | 1) << (Precision - 1));
    }

    private readonly record struct Packed(long Bits, int Flags);

    private readonly record struct Unpacked(Kind Kind, bool Negative, ulong Significand, int Exponent)
    {
        public bool IsNaN => Kind >= Kind.QuietNaN;

        public Wide Wide() => new(Negative, Significand, Exponent);

        /// <summary>The same value with the significand's top bit at 63; not for zero.</summary>
        public Unpacked Normalized()
        {
            var shift = BitOperations.LeadingZeroCount(Significand);
            return this with { Significand = Significand << shift, Exponent = Exponent - shift };
        }
    }

    private readonly record struct Wide(bool Negative, Unsigned128 Significand, int Exponent)
    {
        /// <summary>The same value with the significand's top bit at 126; not for zero.</summary>
        public Wide Normalized()
        {
            var shift = Significand.LeadingZeros - 1;
            return new(Negative, Significand << shift, Exponent - shift);
        }
    }
}
