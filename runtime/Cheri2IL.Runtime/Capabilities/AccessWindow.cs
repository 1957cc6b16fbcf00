using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Capabilities;

/// <summary>
/// What of the check of an access depends on its address: the addresses at which accesses of one size and kind are allowed through one
/// capability are <see cref="Count"/> from <see cref="Base"/> on.
/// </summary>
/// <remarks>
/// Two words for locals: they stay true for as long as tag and metadata do not change and the address keeps its bounds, which is what a
/// tag after CIncOffset or CSetAddr says. An access then costs a subtraction and a compare. On failure the checks are made in the
/// architecture's order to find the cause (<see cref="CapabilityChecks"/>). Of bounds up to the end of the address space some of the last
/// bytes may be left out, fewer than a hundred: no slot has them, so an access there fails one way or the other.
/// </remarks>
public readonly struct AccessWindow
{
    private AccessWindow(ulong @base, ulong count)
    {
        Base = @base;
        Count = count;
    }

    /// <summary>Lowest address of an access.</summary>
    public ulong Base { get; }

    /// <summary>Number of addresses: 0 without tag, if sealed, not permitted, or the bounds too short.</summary>
    public ulong Count { get; }

    /// <summary>The window of <paramref name="authority"/>.</summary>
    /// <param name="authority">The capability that authorises the accesses.</param>
    /// <param name="needed">Every permission that they need.</param>
    /// <param name="size">Bytes of an access, 1..64.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AccessWindow Of(in Capability authority, CapabilityPermissions needed, uint size)
    {
        var whole = OfAddresses(authority);
        return new AccessWindow(whole.Base, Narrow(whole.Count, authority.Metadata, needed, size));
    }

    /// <summary>
    /// The window of all addresses from base to top, whatever is permitted there; empty without tag or if sealed. It is what the windows of
    /// all kinds of accesses are narrowed from, and between its ends CIncOffset and CSetAddr always keep the tag.
    /// </summary>
    /// <remarks>
    /// Base and top of what instructions derive are units of 2^E away from both ends of the addresses with the same bounds, so that between
    /// them the fast representability check passes, too.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AccessWindow OfAddresses(in Capability capability) => OfAddresses(capability.Metadata, capability.Address, capability.IsTagged);

    /// <summary>The same of the parts of a capability: a struct would be put into memory for it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AccessWindow OfAddresses(ulong metadata, ulong address, bool isTagged)
    {
        if (!isTagged || (metadata & Capability.TypeMask) != 0)
            return default;
        return CompressedBounds.TryExpandShort(metadata, address, out var @base, out var length)
            ? new AccessWindow(@base, length + 1)
            : OfLongBounds(metadata, address);
    }

    /// <summary>The same, by call.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static AccessWindow Decode(ulong metadata, ulong address, bool isTagged) => OfAddresses(metadata, address, isTagged);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static AccessWindow OfLongBounds(ulong metadata, ulong address)
    {
        var bounds = CompressedBounds.Of(metadata).Expand(address);

        // Where the top is the end of the address space or, in patterns that no instruction derives, beyond, the last address is the last one.
        var top = bounds.SaturatedTop;
        var length = top - bounds.Base;
        return new AccessWindow(bounds.Base, top < bounds.Base ? 0 : length + (length != ulong.MaxValue ? 1UL : 0));
    }

    /// <summary>The count of a window for accesses of one kind.</summary>
    /// <param name="count">Count of the window of all addresses.</param>
    /// <param name="metadata">Metadata of the capability.</param>
    /// <param name="needed">Every permission that they need.</param>
    /// <param name="size">Bytes of an access, 1..64.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Narrow(ulong count, ulong metadata, CapabilityPermissions needed, uint size) =>
        new Capability(metadata, 0, false).Permits(needed) && count > size ? count - size : 0;

    /// <summary>
    /// The count of the window in which the address can be changed: that of all addresses, if it is one of them; else 0.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong CountOfDerivation(ulong address) => Allows(address) ? Count : 0;

    /// <summary>Whether an access at <paramref name="address"/> is allowed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(ulong address) => address - Base < Count;
}
