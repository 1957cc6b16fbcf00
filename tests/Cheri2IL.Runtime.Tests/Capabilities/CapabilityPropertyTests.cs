using System.Numerics;
using Cheri2IL.Runtime.Capabilities;
using CsCheck;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Capabilities;

/// <summary>What must hold for all capabilities; CsCheck prints the seed of a failure.</summary>
public sealed class CapabilityPropertyTests
{
    private const int Iterations = 200_000;

    /// <summary>Bytes at the end of the address space that windows may leave out.</summary>
    private const ulong MostLeftOut = 100;

    /// <summary>The formulas of the specification (ISAv9, "Compressed capabilities") as they are written there, in big integers.</summary>
    [Fact]
    public void Bounds_AnyPattern_AreThoseOfTheSpecification() =>
        CapabilityGenerators.Pattern.Sample(
            pattern =>
            {
                var raw = (BigInteger)(pattern.Metadata ^ 0x00001ffffc018004);
                BigInteger Bits(int high, int low) => (raw >> low) & ((1 << (high - low + 1)) - 1);
                var ie = (int)Bits(26, 26);
                var e = ie == 0 ? 0 : (int)Math.Min((int)((Bits(16, 14) << 3) | Bits(2, 0)), 52);
                var b = ie == 0 ? Bits(13, 0) : Bits(13, 3) << 3;
                var t = ie == 0 ? Bits(25, 14) : Bits(25, 17) << 3;
                t += (((b >> 12) + ie + (t < b % 4096 ? 1 : 0)) % 4) << 12;

                var a = (BigInteger)pattern.Address;
                var (a3, b3, t3) = ((a >> (e + 11)) % 8, b >> 11, t >> 11);
                var r3 = (b3 + 7) % 8;
                BigInteger Corrected(BigInteger m, BigInteger m3)
                {
                    var value = (((((a >> (e + 14)) + (m3 < r3 ? 1 : 0) - (a3 < r3 ? 1 : 0)) << 14) + m) << e) % (BigInteger.One << 65);
                    return value < 0 ? value + (BigInteger.One << 65) : value;
                }

                var (@base, top) = (Corrected(b, b3), Corrected(t, t3));
                if (e < 51 && (((top >> 63) - ((@base >> 63) % 2) + 4) % 4) > 1)
                    top ^= BigInteger.One << 64;
                Assert.Equal(@base % (BigInteger.One << 64), pattern.Bounds.Base);
                Assert.Equal(top, (BigInteger)pattern.Bounds.Top);
                Assert.Equal((ulong)BigInteger.Min(top, ulong.MaxValue), pattern.Bounds.SaturatedTop);
                var length = (top - (@base % (BigInteger.One << 64)) + (BigInteger.One << 65)) % (BigInteger.One << 65);
                Assert.Equal((ulong)BigInteger.Min(length, ulong.MaxValue), pattern.Bounds.SaturatedLength);
            },
            iter: Iterations);

    [Fact]
    public void Covers_AnyBounds_IsArithmeticWithoutWrapping() =>
        Gen.Select(CapabilityGenerators.Pattern, CapabilityGenerators.Word, CapabilityGenerators.Word).Sample(
            (pattern, address, size) =>
            {
                var bounds = pattern.Bounds;
                foreach (var a in (ulong[])[address, bounds.Base, bounds.Base - 1, bounds.TopLow, bounds.TopLow - size, bounds.TopLow - size + 1])
                    Assert.Equal(a >= bounds.Base && (UInt128)a + size <= bounds.Top, bounds.Covers(a, size));
            },
            iter: Iterations);

    /// <summary>
    /// Also for patterns that nothing derives, with a tag that nothing gave them. The last bytes of the address space may be refused.
    /// </summary>
    [Fact]
    public void AccessWindow_AnyAuthority_IsTagSealPermissionsAndBounds() =>
        Gen.Select(
            Gen.OneOf(CapabilityGenerators.Pattern, CapabilityGenerators.Derived), Gen.Bool, Gen.Int[0, 6], Gen.UInt, CapabilityGenerators.Word).Sample(
            (capability, isTagged, log, permissions, word) =>
            {
                var authority = new Capability(capability.Metadata, capability.Address, isTagged);
                var needed = (CapabilityPermissions)permissions & (CapabilityPermissions)0x78FFF & ((word & 1) == 0 ? authority.Permissions : ~CapabilityPermissions.None);
                var size = 1u << log;
                var window = AccessWindow.Of(authority, needed, size);
                var bounds = authority.Bounds;
                foreach (var a in (ulong[])[word, bounds.Base, bounds.Base - 1, bounds.TopLow, bounds.TopLow - size, bounds.TopLow - size + 1, ulong.MaxValue])
                {
                    var isAllowed = authority.IsTagged && !authority.IsSealed && (authority.Permissions & needed) == needed
                        && a >= bounds.Base && (UInt128)a + size <= bounds.Top;
                    if (a < ulong.MaxValue - MostLeftOut)
                        Assert.Equal(isAllowed, window.Allows(a));
                    else
                        Assert.True(isAllowed || !window.Allows(a));
                }
            },
            iter: Iterations);

    /// <summary>What translated code takes for granted where it changes an address by a compare with this window alone.</summary>
    [Fact]
    public void AccessWindow_OfAddresses_HoldsAddressesThatKeepTheTag() =>
        Gen.Select(CapabilityGenerators.Derived, CapabilityGenerators.Word, CapabilityGenerators.Word).Sample(
            (capability, one, other) =>
            {
                var authority = new Capability(capability.Metadata & ~Capability.TypeMask, capability.Address, isTagged: true);
                var window = AccessWindow.OfAddresses(authority);
                Assert.Equal(AccessWindow.Decode(authority.Metadata, authority.Address, isTagged: true), window);
                Assert.Equal(window.Allows(authority.Address) ? window.Count : 0, window.CountOfDerivation(authority.Address));
                Assert.Equal(0UL, AccessWindow.OfAddresses(authority.ClearTag()).Count);
                Assert.Equal(0UL, AccessWindow.OfAddresses(authority.SealEntry()).Count);
                ulong[] addresses = [window.Base, window.Base + window.Count - 1, window.Base + (one % window.Count), window.Base + (other % window.Count)];
                foreach (var from in addresses)
                {
                    var moved = new Capability(authority.Metadata, from, isTagged: true);
                    Assert.Equal(authority.Bounds, moved.Bounds);
                    foreach (var to in addresses)
                    {
                        Assert.True(moved.IncrementOffset(to - from).IsTagged);
                        Assert.True(moved.SetAddress(to).IsTagged);
                    }
                }
            },
            iter: Iterations);

    [Fact]
    public void IsSameWindow_AnyPattern_IsThatBoundsAreEqual() =>
        (from pattern in CapabilityGenerators.Pattern
         from address in CapabilityGenerators.AddressNear(pattern)
         select (pattern, address)).Sample(
            (pattern, address) => Assert.Equal(
                new Capability(pattern.Metadata, address, isTagged: false).Bounds == pattern.Bounds,
                CompressedBounds.Of(pattern.Metadata).IsSameWindow(pattern.Address, address)),
            iter: Iterations);

    /// <summary>The fast check never lets bounds change, accepts everything in bounds, and errs in the outermost granules only.</summary>
    [Fact]
    public void IncrementOffset_Derived_IsExactExceptInOutermostGranules() =>
        (from capability in CapabilityGenerators.Derived
         from address in CapabilityGenerators.AddressNear(capability)
         select (capability, address)).Sample(
            (capability, address) =>
            {
                var moved = capability.IncrementOffset(address - capability.Address);
                var exact = capability.SetAddress(address);
                var fields = CompressedBounds.Of(capability.Metadata);
                var granule = 1UL << Math.Min(fields.Exponent, CompressedBounds.MaximumExponent);
                var isOutermost = !fields.IsSameWindow(capability.Address, address + granule)
                    || !fields.IsSameWindow(capability.Address, address - granule);
                Assert.Equal(address, moved.Address);
                Assert.Equal(capability.Metadata, moved.Metadata);
                Assert.True(exact.IsTagged || !moved.IsTagged);
                Assert.True(moved.IsTagged || !exact.IsTagged || isOutermost);
                Assert.True(moved.IsTagged || !capability.Bounds.Covers(address, 1));
                if (moved.IsTagged)
                    Assert.Equal(capability.Bounds, moved.Bounds);
                Assert.Equal(moved, capability.SetOffset(address - capability.Bounds.Base));
            },
            iter: Iterations);

    [Fact]
    public void SetBounds_Derived_ContainsTheRequestAndStaysInside() =>
        Gen.Select(CapabilityGenerators.Derived, CapabilityGenerators.Word).Sample(
            (capability, word) =>
            {
                var room = capability.Bounds.Top - capability.Address;
                var length = capability.Bounds.Covers(capability.Address, 0) ? (ulong)(word % (room + 1)) : word;
                var result = capability.SetBounds(length);
                var exact = capability.SetBoundsExact(length);
                var top = (UInt128)capability.Address + length;
                Assert.Equal(capability.Bounds.Covers(capability.Address, length), result.IsTagged);
                Assert.Equal(capability.Address, result.Address);
                Assert.Equal(capability.Metadata & ~CompressedBounds.Mask, result.Metadata & ~CompressedBounds.Mask);
                Assert.Equal(result.Metadata, exact.Metadata);
                var isExact = result.Bounds.Base == capability.Address && result.Bounds.Top == top;
                Assert.Equal(result.IsTagged && isExact, exact.IsTagged);
                if (!result.IsTagged)
                    return;
                Assert.True(result.Bounds.Base <= capability.Address && result.Bounds.Top >= top);
                Assert.True(capability.Bounds.Contains(result.Bounds));
                Assert.True(result.IsSubsetOf(capability));
            },
            iter: Iterations);

    /// <summary>Rounded lengths at aligned bases are exact, and no smaller length than CRRL's is.</summary>
    [Fact]
    public void RepresentableLength_AnyLength_IsTheLeastExactOne() =>
        Gen.Select(CapabilityGenerators.Word, CapabilityGenerators.Word).Sample(
            (length, place) =>
            {
                var mask = Capability.RepresentableAlignmentMask(length);
                var rounded = Capability.RepresentableLength(length);
                Assert.True(rounded >= length || rounded == 0);
                var at = Capability.Omnipotent.SetAddress(place & mask);
                if (at.Bounds.Covers(at.Address, rounded) && rounded >= length)
                    Assert.True(at.SetBoundsExact(rounded).IsTagged);
                if (at.Bounds.Covers(at.Address, length))
                    Assert.Equal(rounded == length, at.SetBoundsExact(length).IsTagged);
            },
            iter: Iterations);

    [Fact]
    public void Build_BitsOfADerivedCapability_RestoresIt() =>
        Gen.Select(CapabilityGenerators.Derived, CapabilityGenerators.Derived).Sample(
            (capability, other) =>
            {
                Assert.Equal(capability, capability.ClearTag().Build(Capability.Omnipotent));
                Assert.Equal(capability, capability.ClearTag().Build(capability));
                var sentry = capability.SealEntry();
                Assert.Equal(sentry, sentry.ClearTag().Build(Capability.Omnipotent));
                var built = capability.ClearTag().Build(other);
                Assert.Equal(capability.IsSubsetOf(other), built.IsTagged);
                Assert.False(capability.Build(other.ClearTag()).IsTagged);
                Assert.False(capability.Build(other.SealEntry()).IsTagged);
            },
            iter: Iterations);

    [Fact]
    public void Build_AnyPattern_GivesNothingThatTheAuthorityLacks() =>
        Gen.Select(CapabilityGenerators.Pattern, CapabilityGenerators.Derived).Sample(
            (pattern, authority) =>
            {
                foreach (var by in (Capability[])[authority, Capability.Omnipotent])
                {
                    var built = pattern.Build(by);
                    if (!built.IsTagged)
                        continue;
                    Assert.True(built.IsSubsetOf(by));
                    Assert.Equal(0, built.Reserved);
                    Assert.True(!built.IsSealed || built.IsSentry);
                }
            },
            iter: Iterations);

    [Fact]
    public void Seal_AndUnseal_RoundTripsWithTheSameTypeOnly() =>
        Gen.Select(CapabilityGenerators.Derived, Gen.UInt[0, ObjectType.Last], Gen.UInt[0, ObjectType.Last]).Sample(
            (capability, type, otherType) =>
            {
                var authority = Capability.Omnipotent.SetAddress(type);
                var @sealed = capability.Seal(authority);
                Assert.True(@sealed.IsTagged && @sealed.IsSealed && !@sealed.IsUsable);
                Assert.Equal(type, @sealed.Type);
                Assert.Equal(capability, @sealed.Unseal(authority));
                Assert.Equal(capability, @sealed.WithoutSeal());
                Assert.Equal(type == otherType, @sealed.Unseal(authority.SetAddress(otherType)).IsTagged);
                Assert.Equal(@sealed, capability.ConditionalSeal(authority));
                Assert.Equal(@sealed, @sealed.ConditionalSeal(authority));

                // Nothing changes what is sealed.
                Assert.False(@sealed.SetAddress(@sealed.Address).IsTagged);
                Assert.False(@sealed.IncrementOffset(0).IsTagged);
                Assert.False(@sealed.SetOffset(@sealed.Offset).IsTagged);
                Assert.False(@sealed.SetBounds(0).IsTagged);
                Assert.False(@sealed.SetBoundsExact(0).IsTagged);
                Assert.False(@sealed.AndPermissions((CapabilityPermissions)uint.MaxValue).IsTagged);
                Assert.False(@sealed.SetFlags(0).IsTagged);
                Assert.False(@sealed.Seal(authority).IsTagged);
                Assert.False(@sealed.SealEntry().IsTagged);
                Assert.False(@sealed.CopyType(@sealed).IsTagged);
            },
            iter: Iterations / 10);

    /// <summary>No operation on an untagged pattern makes a tag, and none touches bits that it is not about.</summary>
    [Fact]
    public void Operations_Untagged_StayUntagged() =>
        Gen.Select(CapabilityGenerators.Pattern, CapabilityGenerators.Derived, CapabilityGenerators.Word).Sample(
            (pattern, authority, word) =>
            {
                Capability[] results =
                [
                    pattern.SetAddress(word), pattern.IncrementOffset(word), pattern.SetOffset(word), pattern.SetBounds(word),
                    pattern.SetBoundsExact(word), pattern.AndPermissions((CapabilityPermissions)word), pattern.SetFlags(word),
                    pattern.ClearTag(), pattern.SetHigh(word), pattern.Seal(authority), pattern.Unseal(authority),
                    pattern.SealEntry(), pattern.ConditionalSeal(authority), pattern.CopyType(authority), pattern.WithoutSeal(),
                    pattern.FromPointer(word), pattern.Link(word),
                ];
                Assert.DoesNotContain(results, result => result.IsTagged);
                Assert.Equal(pattern.Metadata, results[0].Metadata);
                Assert.Equal(pattern.Metadata, results[1].Metadata);
                Assert.Equal(pattern.Metadata, pattern.SetHigh(pattern.Metadata).Metadata);
                Assert.Equal(pattern.Metadata, pattern.AndPermissions(pattern.Permissions).Metadata);
                Assert.Equal(pattern.Metadata, pattern.SetFlags(pattern.IsCapabilityMode ? 1UL : 0).Metadata);
                Assert.Equal(0UL, pattern.ToPointer(authority));
            },
            iter: Iterations / 10);
}
