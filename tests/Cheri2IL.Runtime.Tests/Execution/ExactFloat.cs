using System.Numerics;

namespace Cheri2IL.Runtime.Tests.Execution;

/// <summary>
/// IEEE 754 arithmetic by definition: the exact result as a fraction of big integers (or the square root of one), then
/// the neighbouring numbers of the format and the rule of the rounding mode. Shares nothing with the code under test.
/// </summary>
internal sealed class ExactFloat
{
    public const int NX = 1;
    public const int UF = 2;
    public const int OF = 4;
    public const int DZ = 8;
    public const int NV = 16;

    private readonly int _precision;
    private readonly int _minExponent;
    private readonly int _maxExponent;
    private readonly int _signShift;

    private ExactFloat(int precision, int exponentBits)
    {
        _precision = precision;
        _maxExponent = (1 << (exponentBits - 1)) - 1;
        _minExponent = 1 - _maxExponent;
        _signShift = precision - 1 + exponentBits;
    }

    public static ExactFloat Double { get; } = new(53, 11);

    public static ExactFloat Single { get; } = new(24, 8);

    private ulong FractionMask => (1UL << (_precision - 1)) - 1;

    private ulong InfinityBits => (ulong)((2 * _maxExponent) + 1) << (_precision - 1);

    private ulong CanonicalNaN => InfinityBits | (1UL << (_precision - 2));

    public bool IsNaN(ulong bits) => Magnitude(bits) > InfinityBits;

    public bool IsSignalling(ulong bits) => IsNaN(bits) && (bits >> (_precision - 2) & 1) == 0;

    public (ulong Bits, int Flags) Add(ulong a, ulong b, int mode)
    {
        if (IsNaN(a) || IsNaN(b))
            return NaN(IsSignalling(a) || IsSignalling(b));
        if (IsInfinite(a) || IsInfinite(b))
            return IsInfinite(a) && IsInfinite(b) && a != b ? NaN(true) : (IsInfinite(a) ? a : b, 0);
        var sum = Value(a) + Value(b);
        if (sum.IsZero)
        {
            var negative = IsNegative(a) == IsNegative(b) ? IsNegative(a) : mode == 2;
            return (Signed(negative, 0), 0);
        }

        return Round(sum, mode);
    }

    public (ulong Bits, int Flags) Subtract(ulong a, ulong b, int mode) => Add(a, b ^ (1UL << _signShift), mode);

    public (ulong Bits, int Flags) Multiply(ulong a, ulong b, int mode)
    {
        if (IsNaN(a) || IsNaN(b))
            return NaN(IsSignalling(a) || IsSignalling(b));
        var negative = IsNegative(a) != IsNegative(b);
        if (IsInfinite(a) || IsInfinite(b))
            return IsZero(a) || IsZero(b) ? NaN(true) : (Signed(negative, InfinityBits), 0);
        var product = Value(a) * Value(b);
        return product.IsZero ? (Signed(negative, 0), 0) : Round(product, mode);
    }

    public (ulong Bits, int Flags) Divide(ulong a, ulong b, int mode)
    {
        if (IsNaN(a) || IsNaN(b))
            return NaN(IsSignalling(a) || IsSignalling(b));
        var negative = IsNegative(a) != IsNegative(b);
        if ((IsInfinite(a) && IsInfinite(b)) || (IsZero(a) && IsZero(b)))
            return NaN(true);
        if (IsInfinite(a))
            return (Signed(negative, InfinityBits), 0);
        if (IsInfinite(b) || IsZero(a))
            return (Signed(negative, 0), 0);
        return IsZero(b) ? (Signed(negative, InfinityBits), DZ) : Round(Value(a) / Value(b), mode);
    }

    public (ulong Bits, int Flags) SquareRoot(ulong a, int mode)
    {
        if (IsNaN(a))
            return NaN(IsSignalling(a));
        if (IsZero(a))
            return (a, 0);
        if (IsNegative(a))
            return NaN(true);
        return IsInfinite(a) ? (a, 0) : Round(Value(a), mode, root: true);
    }

    public (ulong Bits, int Flags) MultiplyAdd(ulong a, ulong b, ulong c, int mode)
    {
        var undefined = (IsInfinite(a) && IsZero(b)) || (IsZero(a) && IsInfinite(b));
        if (IsNaN(a) || IsNaN(b) || IsNaN(c) || undefined)
            return NaN(undefined || IsSignalling(a) || IsSignalling(b) || IsSignalling(c));
        var negative = IsNegative(a) != IsNegative(b);
        if (IsInfinite(a) || IsInfinite(b))
            return IsInfinite(c) && IsNegative(c) != negative ? NaN(true) : (Signed(negative, InfinityBits), 0);
        if (IsInfinite(c))
            return (c, 0);
        var product = Value(a) * Value(b);
        var sum = product + Value(c);
        if (!sum.IsZero)
            return Round(sum, mode);
        var zeroIsNegative = negative == IsNegative(c) ? negative : mode == 2;
        return (Signed(zeroIsNegative, 0), 0);
    }

    /// <summary>A value of another format.</summary>
    public (ulong Bits, int Flags) Convert(ulong a, ExactFloat source, int mode)
    {
        if (source.IsNaN(a))
            return NaN(source.IsSignalling(a));
        if (source.IsInfinite(a))
            return (Signed(source.IsNegative(a), InfinityBits), 0);
        return source.IsZero(a) ? (Signed(source.IsNegative(a), 0), 0) : Round(source.Value(a), mode);
    }

    public (ulong Bits, int Flags) FromInteger(BigInteger value, int mode)
        => value.IsZero ? (0, 0) : Round(new Fraction(value, 1), mode);

    public (BigInteger Value, int Flags) ToInteger(ulong a, int mode, BigInteger minimum, BigInteger maximum)
    {
        if (IsNaN(a))
            return (maximum, NV);
        if (IsInfinite(a))
            return (IsNegative(a) ? minimum : maximum, NV);
        var value = Value(a);
        var (floor, remainder) = FloorDivide(value.Numerator, value.Denominator);
        var up = !remainder.IsZero
            && RoundsUp(mode, floor.Sign < 0, floor, (2 * remainder).CompareTo(value.Denominator));
        var result = up ? floor + 1 : floor;
        if (result < minimum)
            return (minimum, NV);
        return result > maximum ? (maximum, NV) : (result, remainder.IsZero ? 0 : NX);
    }

    /// <summary>For an inexact value between floor and floor + 1, both of the one sign that is given.</summary>
    private static bool RoundsUp(int mode, bool negative, BigInteger floor, int fractionComparedWithHalf) => mode switch
    {
        0 => fractionComparedWithHalf > 0 || (fractionComparedWithHalf == 0 && !floor.IsEven),
        1 => negative,
        2 => false,
        3 => true,
        _ => fractionComparedWithHalf > 0 || (fractionComparedWithHalf == 0 && !negative),
    };

    private (ulong Bits, int Flags) Round(Fraction value, int mode, bool root = false)
    {
        var negative = value.Numerator.Sign < 0;
        var magnitude = new Fraction(BigInteger.Abs(value.Numerator), value.Denominator);

        // Rounding the magnitude: the directed modes swap for negative values.
        var magnitudeMode = negative && mode is 2 or 3 ? 5 - mode : mode;
        var exponent = Exponent(magnitude, root);
        var last = Math.Max(exponent, _minExponent) - _precision + 1;
        var (significand, inexact) = RoundToMultiple(magnitude, last, magnitudeMode, root);
        var flags = inexact ? NX : 0;

        // Tiny after rounding: below the smallest normal number even when rounded with an unbounded exponent.
        if (inexact && exponent < _minExponent)
        {
            var (unbounded, _) = RoundToMultiple(magnitude, exponent - _precision + 1, magnitudeMode, root);
            if (exponent < _minExponent - 1 || unbounded < BigInteger.One << _precision)
                flags |= UF;
        }

        var largest = (BigInteger.One << _precision) - 1 << _maxExponent - _precision + 1 - Math.Min(last, 0);
        if (significand << last - Math.Min(last, 0) > largest)
        {
            flags |= OF | NX;
            return (Signed(negative, magnitudeMode is 1 or 2 ? InfinityBits - 1 : InfinityBits), flags);
        }

        if (significand == BigInteger.One << _precision)
        {
            significand >>= 1;
            last++;
        }

        var subnormal = significand < BigInteger.One << (_precision - 1);
        var field = subnormal ? 0UL : (ulong)(last + _precision - 1 + _maxExponent);
        return (Signed(negative, (field << (_precision - 1)) | ((ulong)significand & FractionMask)), flags);
    }

    /// <summary>The multiple of 2^last that the value (or its root) rounds to, in units of it.</summary>
    private static (BigInteger Multiple, bool Inexact) RoundToMultiple(Fraction value, int last, int mode, bool root)
    {
        var scaled = value.Scale(root ? -2 * last : -last);
        var floor = BigInteger.Divide(scaled.Numerator, scaled.Denominator);
        if (root)
            floor = IntegerRoot(floor);
        var exact = Power(floor, root) * scaled.Denominator == scaled.Numerator;
        var half = (4 * scaled.Numerator).CompareTo(Power((2 * floor) + 1, root) * scaled.Denominator * (root ? 1 : 2));
        return (!exact && RoundsUp(mode, false, floor, half) ? floor + 1 : floor, !exact);
    }

    private static BigInteger Power(BigInteger value, bool root) => root ? value * value : value;

    /// <summary>The e with 2^e &lt;= value &lt; 2^(e+1), of the value or its root.</summary>
    private static int Exponent(Fraction value, bool root)
    {
        var exponent = (int)(value.Numerator.GetBitLength() - value.Denominator.GetBitLength());
        var scaled = value.Scale(-exponent);
        if (scaled.Numerator < scaled.Denominator)
            exponent--;
        return root ? exponent >> 1 : exponent;
    }

    private static BigInteger IntegerRoot(BigInteger value)
    {
        if (value.IsZero)
            return value;
        var estimate = BigInteger.One << ((int)(value.GetBitLength() + 1) / 2);
        while (true)
        {
            var next = (estimate + (value / estimate)) >> 1;
            if (next >= estimate)
                return estimate;
            estimate = next;
        }
    }

    private static (BigInteger Quotient, BigInteger Remainder) FloorDivide(BigInteger a, BigInteger b)
    {
        var (quotient, remainder) = BigInteger.DivRem(a, b);
        return remainder.Sign < 0 ? (quotient - 1, remainder + b) : (quotient, remainder);
    }

    private Fraction Value(ulong bits)
    {
        var field = (int)(Magnitude(bits) >> (_precision - 1));
        var significand = (BigInteger)(bits & FractionMask);
        if (field != 0)
            significand += BigInteger.One << (_precision - 1);
        if (IsNegative(bits))
            significand = -significand;
        return new Fraction(significand, 1).Scale(Math.Max(field, 1) - _maxExponent - _precision + 1);
    }

    private ulong Magnitude(ulong bits) => bits & ((1UL << _signShift) - 1);

    private bool IsNegative(ulong bits) => (bits >> _signShift & 1) != 0;

    private bool IsInfinite(ulong bits) => Magnitude(bits) == InfinityBits;

    private bool IsZero(ulong bits) => Magnitude(bits) == 0;

    private ulong Signed(bool negative, ulong magnitude) => magnitude | (negative ? 1UL << _signShift : 0);

    private (ulong Bits, int Flags) NaN(bool invalid) => (CanonicalNaN, invalid ? NV : 0);

    /// <summary>A fraction, not reduced, with a positive denominator.</summary>
    private readonly record struct Fraction(BigInteger Numerator, BigInteger Denominator)
    {
        public bool IsZero => Numerator.IsZero;

        public static Fraction operator +(Fraction a, Fraction b)
            => new((a.Numerator * b.Denominator) + (b.Numerator * a.Denominator), a.Denominator * b.Denominator);

        public static Fraction operator *(Fraction a, Fraction b)
            => new(a.Numerator * b.Numerator, a.Denominator * b.Denominator);

        public static Fraction operator /(Fraction a, Fraction b)
            => new(a.Numerator * b.Denominator * b.Numerator.Sign, a.Denominator * BigInteger.Abs(b.Numerator));

        /// <summary>This times 2^exponent.</summary>
        public Fraction Scale(int exponent) => exponent >= 0
            ? new(Numerator << exponent, Denominator)
            : new(Numerator, Denominator << -exponent);
    }
}
