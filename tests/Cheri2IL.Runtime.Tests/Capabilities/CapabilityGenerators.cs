using Cheri2IL.Runtime.Capabilities;
using CsCheck;

namespace Cheri2IL.Runtime.Tests.Capabilities;

/// <summary>Random words, patterns and derivable capabilities whose interesting cases are likely.</summary>
internal static class CapabilityGenerators
{
    /// <summary>Words of every magnitude, near powers of two and their complements.</summary>
    public static Gen<ulong> Word { get; } =
        from bits in Gen.ULong
        from shift in Gen.Int[0, 64]
        from delta in Gen.Int[-2, 2]
        from kind in Gen.Int[0, 3]
        let magnitude = shift == 64 ? 0 : 1UL << shift
        select kind switch
        {
            0 => bits,
            1 => shift == 64 ? 0 : bits >> shift,
            2 => magnitude + (ulong)delta,
            _ => ~magnitude + (ulong)delta,
        };

    /// <summary>Any 128 bits, untagged.</summary>
    public static Gen<Capability> Pattern { get; } =
        from metadata in Gen.ULong
        from address in Word
        select new Capability(metadata, address, isTagged: false);

    /// <summary>Tagged and unsealed, derived from the omnipotent capability: any place, length, permissions and address.</summary>
    public static Gen<Capability> Derived { get; } =
        from at in Word
        from length in Word
        from permissions in Gen.UInt
        from flags in Gen.ULong
        from offset in Word
        let bounded = Capability.Omnipotent.SetAddress(at).SetBounds(Math.Min(length, 0 - at - 1))
        let moved = bounded.SetOffset(offset % (bounded.Bounds.SaturatedLength | 1))
        select (moved.IsTagged ? moved : bounded).AndPermissions((CapabilityPermissions)permissions).SetFlags(flags);

    /// <summary>An address that is in or near the window in which the bounds of a capability can be represented.</summary>
    public static Gen<ulong> AddressNear(Capability capability)
    {
        var scale = Math.Min(CompressedBounds.Of(capability.Metadata).Exponent, CompressedBounds.MaximumExponent);
        return from granules in Gen.Long[-20000, 20000]
               from delta in Gen.Long[-2, 2]
               from word in Word
               from kind in Gen.Int[0, 4]
               select kind == 0 ? word : capability.Bounds.Base + ((ulong)granules << scale) + (ulong)delta;
    }
}
