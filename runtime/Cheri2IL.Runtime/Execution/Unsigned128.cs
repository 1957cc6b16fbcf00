using System.Numerics;

namespace Cheri2IL.Runtime.Execution;

/// <summary>An unsigned integer of 128 bits, with what <see cref="SoftFloat"/> needs of arithmetic; it wraps around.</summary>
/// <remarks>
/// Not <see cref="UInt128"/>, which is never compiled ahead of time (its calling convention is not settled): a guest that writes fcsr, as
/// Python does at its start, would wait for the JIT compiler to compile all of <see cref="SoftFloat"/>.
/// </remarks>
internal readonly struct Unsigned128(ulong high, ulong low) : IEquatable<Unsigned128>
{
    /// <summary>Bits 64 to 127.</summary>
    public ulong High { get; } = high;

    /// <summary>Bits 0 to 63.</summary>
    public ulong Low { get; } = low;

    /// <summary>Whether it is 0.</summary>
    public bool IsZero => (High | Low) == 0;

    /// <summary>Whether bit 0 is set.</summary>
    public bool IsOdd => (Low & 1) != 0;

    /// <summary>Zeros above the highest bit that is set; 128 for 0.</summary>
    public int LeadingZeros => High != 0 ? BitOperations.LeadingZeroCount(High) : 64 + BitOperations.LeadingZeroCount(Low);

    public static implicit operator Unsigned128(ulong value) => new(0, value);

    public static Unsigned128 operator +(Unsigned128 a, Unsigned128 b)
    {
        var low = a.Low + b.Low;
        return new(a.High + b.High + (low < a.Low ? 1UL : 0), low);
    }

    public static Unsigned128 operator -(Unsigned128 a, Unsigned128 b) => new(a.High - b.High - (a.Low < b.Low ? 1UL : 0), a.Low - b.Low);

    public static Unsigned128 operator |(Unsigned128 a, Unsigned128 b) => new(a.High | b.High, a.Low | b.Low);

    /// <summary>By 0 to 127.</summary>
    public static Unsigned128 operator <<(Unsigned128 value, int shift)
        => shift == 0 ? value : shift < 64 ? new((value.High << shift) | (value.Low >> (64 - shift)), value.Low << shift) : new(value.Low << (shift - 64), 0);

    /// <summary>By 0 to 127.</summary>
    public static Unsigned128 operator >>(Unsigned128 value, int shift)
        => shift == 0 ? value : shift < 64 ? new(value.High >> shift, (value.Low >> shift) | (value.High << (64 - shift))) : new(0, value.High >> (shift - 64));

    public static bool operator ==(Unsigned128 a, Unsigned128 b) => a.High == b.High && a.Low == b.Low;

    public static bool operator !=(Unsigned128 a, Unsigned128 b) => !(a == b);

    public static bool operator <(Unsigned128 a, Unsigned128 b) => a.High != b.High ? a.High < b.High : a.Low < b.Low;

    public static bool operator >(Unsigned128 a, Unsigned128 b) => b < a;

    public static bool operator >=(Unsigned128 a, Unsigned128 b) => !(a < b);

    public static bool operator <=(Unsigned128 a, Unsigned128 b) => !(b < a);

    /// <summary>a * b.</summary>
    public static Unsigned128 Product(ulong a, ulong b)
    {
        // By halves: none of the partial sums exceeds 64 bits.
        var (aHigh, aLow, bHigh, bLow) = (a >> 32, a & uint.MaxValue, b >> 32, b & uint.MaxValue);
        var low = aLow * bLow;
        var middle = (aHigh * bLow) + (low >> 32);
        var other = (aLow * bHigh) + (middle & uint.MaxValue);
        return new((aHigh * bHigh) + (middle >> 32) + (other >> 32), (other << 32) | (low & uint.MaxValue));
    }

    /// <summary>Quotient, and remainder, of a division whose quotient has 64 bits at most: the divisor is greater than <see cref="High"/>.</summary>
    public ulong DividedBy(ulong divisor, out ulong remainder)
    {
        // Bit by bit; the remainder has one bit more than the divisor before it is compared.
        var quotient = 0UL;
        remainder = High;
        for (var bit = 63; bit >= 0; bit--)
        {
            var carry = remainder >> 63 != 0;
            remainder = (remainder << 1) | ((Low >> bit) & 1);
            quotient <<= 1;
            if (carry || remainder >= divisor)
            {
                remainder -= divisor;
                quotient |= 1;
            }
        }

        return quotient;
    }

    /// <inheritdoc/>
    public bool Equals(Unsigned128 other) => this == other;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Unsigned128 other && this == other;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(High, Low);
}
