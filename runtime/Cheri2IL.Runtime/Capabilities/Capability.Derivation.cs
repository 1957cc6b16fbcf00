using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Capabilities;

/// <content>Instructions that change address, bounds, permissions and flags.</content>
public readonly partial struct Capability
{
    /// <summary>CSetAddr; also AUIPCC on PCC. The tag goes if sealed or if the bounds would change (exact check).</summary>
    /// <remarks>Not in line, to keep translated methods small: they have a faster way where it matters.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public Capability SetAddress(ulong address) =>
        At(address, !IsSealed & CompressedBounds.Of(Metadata).IsSameWindow(Address, address));

    /// <summary>
    /// CIncOffset and CIncOffsetImm: address + <paramref name="increment"/> modulo 2^64. The tag goes if sealed or if the fast
    /// check fails.
    /// </summary>
    /// <remarks>Not in line, either.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public Capability IncrementOffset(ulong increment) =>
        At(Address + increment, !IsSealed & CompressedBounds.Of(Metadata).IsIncrementRepresentable(Address, increment));

    /// <summary>
    /// CSetOffset: base + <paramref name="offset"/> modulo 2^64. The tag goes if sealed or if the fast check fails.
    /// </summary>
    public Capability SetOffset(ulong offset) => IncrementOffset(Bounds.Base + offset - Address);

    /// <summary>
    /// CSetBounds and CSetBoundsImm: bounds [address, address + <paramref name="length"/>), rounded outward where they cannot be
    /// encoded. The tag goes if sealed or if the bounds asked for, before rounding, are not within those of this capability.
    /// </summary>
    public Capability SetBounds(ulong length) => Narrow(length, out _);

    /// <summary>CSetBoundsExact: as <see cref="SetBounds"/>, and the tag goes if the bounds had to be rounded.</summary>
    public Capability SetBoundsExact(ulong length)
    {
        var result = Narrow(length, out var isExact);
        return result.With(result.Metadata, isExact);
    }

    /// <summary>CAndPerm: removes what <paramref name="permissions"/> lacks. The tag goes if sealed.</summary>
    public Capability AndPermissions(CapabilityPermissions permissions) =>
        With(Metadata & (PermissionField(permissions) | ~PermissionsMask), !IsSealed);

    /// <summary>CSetFlags: sets the flags field to bit 0 of <paramref name="flags"/>. The tag goes if sealed.</summary>
    public Capability SetFlags(ulong flags) => With((Metadata & ~FlagBit) | ((flags & 1) << 45), !IsSealed);

    /// <summary>CClearTag.</summary>
    public Capability ClearTag() => With(Metadata, keepTag: false);

    /// <summary>CSetHigh: the upper 64 bits as they are in memory, never tagged.</summary>
    public Capability SetHigh(ulong metadata) => With(metadata, keepTag: false);

    /// <summary>
    /// CBuildCap cd, <paramref name="authority"/>, this: gives the bits of this capability, whose own tag does not matter, a tag
    /// if the authority could have derived them: its bounds and permissions contain these, and the encoding is the one that
    /// CSetBounds makes. Types other than sentry become unsealed first, also where no tag is given.
    /// </summary>
    public Capability Build(in Capability authority)
    {
        var metadata = IsSentry ? Metadata : Metadata & ~TypeMask;
        var bounds = Bounds;
        var isOrdered = bounds.TopHigh != 0 || bounds.Base <= bounds.TopLow;
        var canonical = CompressedBounds.Encode(bounds, out _) | (authority.Metadata & ReservedMask);
        var isDerivable = authority.IsUsable
            && isOrdered
            && authority.Bounds.Contains(bounds)
            && authority.Permits(Permissions)
            && (metadata & (CompressedBounds.Mask | ReservedMask)) == canonical;
        return new Capability(metadata, Address, isDerivable);
    }

    /// <summary>CToPtr rd, this, <paramref name="authority"/>: address relative to the authority's base; 0 if untagged.</summary>
    public ulong ToPointer(in Capability authority) => IsTagged ? Address - authority.Bounds.Base : 0;

    /// <summary>CFromPtr cd, this, <paramref name="pointer"/>: NULL for 0, otherwise <see cref="SetOffset"/>.</summary>
    public Capability FromPointer(ulong pointer) => pointer == 0 ? Null : SetOffset(pointer);

    /// <summary>
    /// CRAM: the mask of address bits that bounds of <paramref name="length"/> bytes must have clear to be exact.
    /// </summary>
    public static ulong RepresentableAlignmentMask(ulong length) => CompressedBounds.AlignmentMask(length);

    /// <summary>
    /// CRRL: <paramref name="length"/> rounded up to one that can be exact, modulo 2^64 (0 stands for 2^64).
    /// </summary>
    public static ulong RepresentableLength(ulong length)
    {
        var mask = CompressedBounds.AlignmentMask(length);
        return (length + ~mask) & mask;
    }

    private Capability Narrow(ulong length, out bool isExact)
    {
        var top = Address + length;
        var wanted = new CapabilityBounds(Address, top, top < Address ? 1UL : 0);
        var metadata = (Metadata & ~CompressedBounds.Mask) | CompressedBounds.Encode(wanted, out isExact);
        return With(metadata, !IsSealed & Bounds.Covers(Address, length));
    }
}
