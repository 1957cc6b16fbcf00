using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Capabilities;

/// <summary>
/// What of the check of an access depends on its address: the addresses at which accesses of one size and kind are allowed through one
/// capability are <see cref="Base"/> and the <see cref="Span"/> addresses after it, or none.
/// </summary>
/// <remarks>
/// Three words for locals: they stay true for as long as tag and metadata do not change and the address keeps its bounds, which is what a
/// tag after CIncOffset or CSetAddr says. An access then costs a subtraction and a compare, and a test of a flag where no earlier access
/// made it. On failure the checks are made in the architecture's order to find the cause.
/// </remarks>
public readonly struct AccessWindow
{
    private AccessWindow(bool isUsable, ulong @base, ulong span)
    {
        IsUsable = isUsable;
        Base = @base;
        Span = span;
    }

    /// <summary>Whether any access is allowed: tagged, not sealed, permitted, and the bounds long enough.</summary>
    public bool IsUsable { get; }

    /// <summary>Lowest address of an access.</summary>
    public ulong Base { get; }

    /// <summary>Distance of the highest address of an access from <see cref="Base"/>.</summary>
    public ulong Span { get; }

    /// <summary>The window of <paramref name="authority"/>.</summary>
    /// <param name="authority">The capability that authorises the accesses.</param>
    /// <param name="needed">Every permission that they need.</param>
    /// <param name="size">Bytes of an access, 1..64.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AccessWindow Of(in Capability authority, CapabilityPermissions needed, uint size)
    {
        var bounds = authority.Bounds;

        // top - base - size as a 65-bit number with sign; negative if no access fits.
        var length = bounds.TopLow - bounds.Base;
        var high = (long)bounds.TopHigh - (bounds.TopLow < bounds.Base ? 1 : 0) - (length < size ? 1 : 0);

        // Only patterns that no instruction derives reach beyond 2^64; accesses never do.
        var span = high > 0 ? ulong.MaxValue : length - size;
        return new AccessWindow(
            authority.IsUsable & authority.Permits(needed) & (high >= 0), bounds.Base, Math.Min(span, ulong.MaxValue - bounds.Base));
    }

    /// <summary>Whether an access at <paramref name="address"/> is allowed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(ulong address) => IsUsable && address - Base <= Span;
}
