using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Capabilities;

/// <summary>
/// Decoded bounds: the bytes from <see cref="Base"/> up to, not including, a 65-bit top. The top of a capability that was
/// derived by instructions is at most 2^64 and not below its base; patterns that no instruction derives (they are
/// untagged) may violate both.
/// </summary>
public readonly struct CapabilityBounds : IEquatable<CapabilityBounds>
{
    /// <summary>Makes bounds from the words of base and top; <paramref name="topHigh"/> is bit 64 of the top, 0 or 1.</summary>
    public CapabilityBounds(ulong @base, ulong topLow, ulong topHigh)
    {
        Base = @base;
        TopLow = topLow;
        TopHigh = topHigh;
    }

    /// <summary>Address of the first byte.</summary>
    public ulong Base { get; }

    /// <summary>Bits 63..0 of the top.</summary>
    public ulong TopLow { get; }

    /// <summary>Bit 64 of the top: 0 or 1.</summary>
    public ulong TopHigh { get; }

    /// <summary>The whole top, 0..2^65 - 1.</summary>
    public UInt128 Top => new(TopHigh, TopLow);

    /// <summary>CGetTop: the top, 2^64 - 1 if it is larger.</summary>
    public ulong SaturatedTop => TopLow | (0 - TopHigh);

    /// <summary>CGetLen: (top - base) mod 2^65, 2^64 - 1 if that is larger.</summary>
    public ulong SaturatedLength
    {
        get
        {
            var borrow = TopLow < Base ? 1UL : 0;
            return (TopLow - Base) | (0 - (TopHigh ^ borrow));
        }
    }

    /// <summary>
    /// Whether the bytes [<paramref name="address"/>, <paramref name="address"/> + <paramref name="size"/>) are inside, the sum
    /// taken without wrap-around: the bounds test of every access.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Covers(ulong address, ulong size)
    {
        // top - address as a 65-bit number with sign: its high word is -1, 0 or 1.
        var room = TopLow - address;
        var high = (long)TopHigh - (TopLow < address ? 1 : 0);
        return address >= Base && (high > 0 || (high == 0 && room >= size));
    }

    /// <summary>Whether <paramref name="other"/> lies between base and top: its base is not lower, its top not higher.</summary>
    public bool Contains(in CapabilityBounds other) =>
        other.Base >= Base && (other.TopHigh < TopHigh || (other.TopHigh == TopHigh && other.TopLow <= TopLow));

    /// <inheritdoc/>
    public bool Equals(CapabilityBounds other) => Base == other.Base && TopLow == other.TopLow && TopHigh == other.TopHigh;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is CapabilityBounds other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Base, TopLow, TopHigh);

    /// <summary>Whether both are the same numbers.</summary>
    public static bool operator ==(CapabilityBounds left, CapabilityBounds right) => left.Equals(right);

    /// <summary>Whether a number differs.</summary>
    public static bool operator !=(CapabilityBounds left, CapabilityBounds right) => !left.Equals(right);

    /// <summary>The bounds as <c>0x1000-0x2000</c>.</summary>
    public override string ToString() => TopHigh == 0 ? $"0x{Base:x}-0x{TopLow:x}" : $"0x{Base:x}-0x1{TopLow:x16}";
}
