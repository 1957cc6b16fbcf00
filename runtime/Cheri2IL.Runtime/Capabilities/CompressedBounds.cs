using System.Numerics;
using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Capabilities;

/// <summary>
/// The bounds fields of the metadata word: CHERI Concentrate with a 14-bit mantissa. CHERI ISAv9, "Compressed capabilities";
/// the functions of the Sail model that a member stands for are named there.
/// </summary>
/// <remarks>
/// Bounds are relative to a window of 2^(E+14) bytes that holds the address and starts where the address is R modulo the
/// window's size. Every address in the window gives the same bounds; all members work on distances from the window's start,
/// which needs neither the corrections nor the branches of the specification's formulas.
/// </remarks>
public readonly struct CompressedBounds
{
    /// <summary>The largest exponent with a meaning: greater ones are decoded as this one.</summary>
    public const int MaximumExponent = 52;

    /// <summary>The bits of the metadata word that hold bounds.</summary>
    public const ulong Mask = (1UL << 27) - 1;

    private const int MantissaBits = 14;
    private const uint MantissaMask = (1 << MantissaBits) - 1;

    /// <summary>From this exponent on the window is the whole address space.</summary>
    private const int UnboundedExponent = 64 - MantissaBits;

    /// <summary>The largest exponent of <see cref="TryExpandShort"/>: a length of 2^62 is behind a base below 2^63 still no wrap.</summary>
    private const int ShortExponent = UnboundedExponent - 1;

    /// <summary>
    /// The bounds field of NULL. It is inverted in memory and registers, so that NULL is all zeroes: IE and E = 52 are set.
    /// </summary>
    private const ulong NullBits = 0x4018004;

    private const ulong InternalExponentBit = 1UL << 26;

    private CompressedBounds(bool hasInternalExponent, int exponent, uint bottom, uint top)
    {
        HasInternalExponent = hasInternalExponent;
        Exponent = exponent;
        Bottom = bottom;
        Top = top;
    }

    /// <summary>IE: the low three bits of both mantissas hold the exponent.</summary>
    public bool HasInternalExponent { get; }

    /// <summary>E as encoded, 0..63; 0 without internal exponent.</summary>
    public int Exponent { get; }

    /// <summary>B: 14 bits.</summary>
    public uint Bottom { get; }

    /// <summary>T: 14 bits, the upper two of which are implied by B and the least possible length.</summary>
    public uint Top { get; }

    /// <summary>Log2 of the granularity of the bounds: <see cref="Exponent"/> limited to <see cref="MaximumExponent"/>.</summary>
    private int Scale => Math.Min(Exponent, MaximumExponent);

    /// <summary>R in units of 2^E: the window starts an eighth of its size below B's upper three bits.</summary>
    private ulong WindowStart => (Bottom - (1u << (MantissaBits - 3))) & (7u << (MantissaBits - 3));

    /// <summary>Reads the fields of a metadata word as it is in memory and registers (<c>capBitsToCapability</c>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CompressedBounds Of(ulong metadata)
    {
        var bits = (uint)(metadata ^ NullBits);
        var internalExponent = (bits >> 26) & 1;
        var exponentField = 7 & (0 - internalExponent);
        var exponent = ((bits >> 11) & (exponentField << 3)) | (bits & exponentField);
        var bottom = bits & MantissaMask & ~exponentField;
        var top = (bits >> MantissaBits) & 0xFFF & ~exponentField;
        var carry = top < (bottom & 0xFFF) ? 1u : 0;
        top |= (((bottom >> 12) + internalExponent + carry) & 3) << 12;
        return new CompressedBounds(internalExponent != 0, (int)exponent, bottom, top);
    }

    /// <summary>Base and top for a capability with this address (<c>getCapBoundsBits</c>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public CapabilityBounds Expand(ulong address)
    {
        var scale = Scale;
        var start = WindowStart;
        var window = address - (start << scale);
        window = ((window >> scale) & ~(ulong)MantissaMask) + start;
        var @base = (window + ((Bottom - start) & MantissaMask)) << scale;
        var top = (window + ((Top - start) & MantissaMask)) << scale;

        // Bit 64 of the top. Below the two largest exponents a length is less than 2^64, so that base and top differ by at
        // most one in units of 2^63; with them, T itself reaches bit 64 and the address has no influence.
        var topHigh = scale < MaximumExponent - 1 ? (@base & ~top) >> 63 : (Top >> (64 - scale)) & 1UL;
        return new CapabilityBounds(@base, top, topHigh);
    }

    /// <summary>
    /// Base and length where they are what almost all capabilities have: a base in the lower half of the address space, and bounds so
    /// short that neither they nor the window reach its ends. False: <see cref="Expand"/> says what they are.
    /// </summary>
    /// <remarks>
    /// T is implied by its lower bits, B and the least possible length (<see cref="Of"/>), so the length is their difference modulo 2^12, and
    /// 2^12 more with an internal exponent. The window starts 2^11 and what B has below that before the base (<see cref="WindowStart"/>).
    /// </remarks>
    /// <param name="metadata">The metadata word.</param>
    /// <param name="address">The address.</param>
    /// <param name="base">The base.</param>
    /// <param name="length">Bytes from base to top.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryExpandShort(ulong metadata, ulong address, out ulong @base, out ulong length)
    {
        const uint WindowStep = 1 << (MantissaBits - 3);
        var bits = (uint)(metadata ^ NullBits);
        var internalExponent = (bits >> 26) & 1;
        var exponentField = 7 & (0 - internalExponent);
        var exponent = (int)(((bits >> 11) & (exponentField << 3)) | (bits & exponentField));
        var bottom = bits & MantissaMask & ~exponentField;
        var top = (bits >> MantissaBits) & ~exponentField;
        length = (ulong)(((top - bottom) & 0xFFF) | (internalExponent << 12)) << exponent;
        var start = (bottom - WindowStep) & (7 * WindowStep);
        var window = address >> exponent;
        window -= (window - start) & MantissaMask;
        @base = (window + WindowStep + (bottom & (WindowStep - 1))) << exponent;
        return exponent <= ShortExponent && (long)@base >= 0;
    }

    /// <summary>
    /// Whether two addresses have the same bounds: the exact check of CSetAddr, AUIPCC and CCopyType.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsSameWindow(ulong address, ulong other)
    {
        var scale = Scale;
        var start = WindowStart << scale;
        return ((address - start) ^ (other - start)) >> scale >> MantissaBits == 0;
    }

    /// <summary>
    /// Whether <paramref name="address"/> + <paramref name="increment"/> passes the fast check of CIncOffset, CSetOffset and
    /// CFromPtr (<c>fastRepCheck</c>). It compares in units of 2^E bytes and is stricter than <see cref="IsSameWindow"/>: it rejects
    /// the last unit of the window, and in the first one addresses whose low bits are below those it started from.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsIncrementRepresentable(ulong address, ulong increment)
    {
        var scale = Scale;
        if (scale >= UnboundedExponent)
            return true;
        var whole = (long)increment >> scale >> MantissaBits;
        var distance = (increment >> scale) & MantissaMask;
        var room = (WindowStart - (address >> scale)) & MantissaMask;
        return whole == 0 ? distance < ((room - 1) & MantissaMask) : whole == -1 && distance >= room && room != 0;
    }

    /// <summary>
    /// The least bounds that can be encoded and contain those given (<c>setCapBounds</c>).
    /// </summary>
    /// <param name="bounds">The bounds wanted; the base is not above the top, which is at most 2^64.</param>
    /// <param name="isExact">Whether they were encoded without rounding.</param>
    /// <returns>The bounds bits of a metadata word as it is in memory and registers; all bits outside <see cref="Mask"/> are 0.</returns>
    public static ulong Encode(in CapabilityBounds bounds, out bool isExact)
    {
        var length = bounds.TopLow - bounds.Base;
        var lengthHigh = bounds.TopHigh - (bounds.TopLow < bounds.Base ? 1UL : 0);
        var exponent = ExponentOf(length, lengthHigh);
        if (exponent == 0 && (length & 0x1000) == 0)
        {
            isExact = true;
            return (((bounds.TopLow & 0xFFF) << MantissaBits) | (bounds.Base & MantissaMask)) ^ NullBits;
        }

        // Three bits of each mantissa hold the exponent: bounds are multiples of 2^(E+3), the base rounded down, the top up.
        var rounded = Round(bounds, exponent + 3);
        if ((((rounded.Top - rounded.Bottom) >> 10) & 1) != 0)
        {
            // Rounding made the length one bit longer than the mantissa.
            exponent++;
            rounded = Round(bounds, exponent + 3);
        }

        isExact = rounded.IsExact;
        var exponentBits = (ulong)(uint)exponent;
        var bits = InternalExponentBit | ((rounded.Top & 0x1FF) << 17) | ((exponentBits >> 3) << 14)
            | ((rounded.Bottom & 0x7FF) << 3) | (exponentBits & 7);
        return bits ^ NullBits;
    }

    /// <summary>
    /// CRAM: the mask of the address bits that must be 0 for bounds of this length to be exact.
    /// </summary>
    public static ulong AlignmentMask(ulong length)
    {
        var encoded = Of(Encode(new CapabilityBounds(0, length, 0), out _));
        return encoded.HasInternalExponent ? ~0UL << (encoded.Scale + 3) : ~0UL;
    }

    /// <summary>Number of significant bits of length / 2^13.</summary>
    private static int ExponentOf(ulong length, ulong lengthHigh) =>
        lengthHigh != 0 ? MaximumExponent : 64 - BitOperations.LeadingZeroCount(length >> (MantissaBits - 1));

    /// <summary>Bounds in units of 2^<paramref name="shift"/>, 3..56, of which the low 11 bits count.</summary>
    private static (ulong Bottom, ulong Top, bool IsExact) Round(in CapabilityBounds bounds, int shift)
    {
        var lost = (1UL << shift) - 1;
        var isTopInside = (bounds.TopLow & lost) != 0;
        var top = ((bounds.TopLow >> shift) | (bounds.TopHigh << (64 - shift))) + (isTopInside ? 1UL : 0);
        return (bounds.Base >> shift, top, !isTopInside && (bounds.Base & lost) == 0);
    }
}
