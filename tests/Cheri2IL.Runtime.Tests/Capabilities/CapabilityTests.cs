using Cheri2IL.Runtime.Capabilities;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Capabilities;

/// <summary>Constants and examples of the specification, and cases that no vector names.</summary>
public sealed class CapabilityTests
{
    private static readonly CapabilityPermissions All = (CapabilityPermissions)0x78FFF;

    [Fact]
    public void Null_AllZero_IsUnsealedWithoutPermissionsOverEverything()
    {
        var c = Capability.Null;
        Assert.Equal((0UL, 0UL, false), (c.Metadata, c.Address, c.IsTagged));
        Assert.Equal((CapabilityPermissions.None, ulong.MaxValue, false), (c.Permissions, c.TypeValue, c.IsSealed));
        Assert.Equal(new CapabilityBounds(0, 0, 1), c.Bounds);
        Assert.Equal((ulong.MaxValue, ulong.MaxValue), (c.Bounds.SaturatedLength, c.Bounds.SaturatedTop));
        Assert.Equal(7UL, Capability.FromInteger(7).Offset);
    }

    [Fact]
    public void Omnipotent_HasEverything()
    {
        var c = Capability.Omnipotent;
        Assert.Equal((0xffff000000000000UL, 0UL, true), (c.Metadata, c.Address, c.IsTagged));
        Assert.Equal(All, c.Permissions);
        Assert.Equal(new CapabilityBounds(0, 0, 1), c.Bounds);
        Assert.Equal(0xffff200000000000UL, c.SetFlags(1).Metadata);
        Assert.True(c.SetFlags(1).IsCapabilityMode);
    }

    [Theory]
    [InlineData(0x1000, 0x123, 0xffff000004495004, 0x1000, 0x1123)]
    [InlineData(0x10000, 0x1000, 0xffff000000018004, 0x10000, 0x11000)]
    [InlineData(0x10008, 0x1001, 0xffff00000005800c, 0x10008, 0x11010)]
    [InlineData(0x40000123, 0x12345, 0xffff000000938010, 0x40000100, 0x40012480)]
    public void SetBounds_ExamplesOfTheSpecification(ulong at, ulong length, ulong metadata, ulong @base, ulong top)
    {
        var c = Capability.Omnipotent.SetAddress(at).SetBounds(length);
        Assert.Equal(new Capability(metadata, at, isTagged: true), c);
        Assert.Equal(new CapabilityBounds(@base, top, 0), c.Bounds);
    }

    [Fact]
    public void SetBounds_WholeAddressSpaceLessAByte_ReachesTheTop()
    {
        var c = Capability.Omnipotent.SetBounds(ulong.MaxValue);
        Assert.True(c.IsTagged);
        Assert.Equal(new CapabilityBounds(0, 0, 1), c.Bounds);
        Assert.False(Capability.Omnipotent.SetBoundsExact(ulong.MaxValue).IsTagged);
    }

    [Theory]
    [InlineData(0x7ff, false, false)]
    [InlineData(0x800, true, true)]
    [InlineData(0x47fe, true, true)]
    [InlineData(0x47ff, true, false)]
    [InlineData(0x4800, false, false)]
    public void IncrementOffset_EdgesOfTheWindow_IsStricterThanSetAddressAtTheUpper(ulong address, bool isExact, bool isFast)
    {
        var c = Capability.Omnipotent.SetAddress(0x1000).SetBounds(0xFFF);
        Assert.Equal((isExact, isFast), (c.SetAddress(address).IsTagged, c.IncrementOffset(address - c.Address).IsTagged));
    }

    [Theory]
    [InlineData(0xfff, 1, false)]
    [InlineData(0x1000, 1, true)]
    [InlineData(0x1fff, 1, true)]
    [InlineData(0x1fff, 2, false)]
    [InlineData(0x2000, 0, true)]
    [InlineData(0x2001, 0, false)]
    [InlineData(0x1000, 0x1000, true)]
    [InlineData(0x1000, 0x1001, false)]
    [InlineData(0xffffffffffffffff, 1, false)]
    [InlineData(0xffffffffffffffff, 2, false)]
    public void Covers_ToTheByte(ulong address, ulong size, bool expected) =>
        Assert.Equal(expected, new CapabilityBounds(0x1000, 0x2000, 0).Covers(address, size));

    [Theory]
    [InlineData(0x1000)]
    [InlineData(0xfff)]
    public void Covers_NoLength_CoversNoByte(ulong address)
    {
        Assert.False(new CapabilityBounds(0x1000, 0x1000, 0).Covers(address, 1));
        Assert.Equal(address == 0x1000, new CapabilityBounds(0x1000, 0x1000, 0).Covers(address, 0));
    }

    [Fact]
    public void Covers_TopAtTheEndOfTheAddressSpace_DoesNotWrap()
    {
        var bounds = Capability.Omnipotent.SetAddress(0xffffffffffffff00).SetBounds(0x100).Bounds;
        Assert.Equal(1UL, bounds.TopHigh);
        Assert.True(bounds.Covers(ulong.MaxValue, 1));
        Assert.False(bounds.Covers(ulong.MaxValue, 2));
        Assert.True(bounds.Covers(0xffffffffffffff00, 0x100));
        Assert.False(bounds.Covers(0xffffffffffffff00, 0x101));
        Assert.False(bounds.Covers(0, 1));
        Assert.False(bounds.Covers(0xfffffffffffffeff, 1));
    }

    [Fact]
    public void Permissions_EveryBit_HasItsPlaceAndCanBeRemovedAlone()
    {
        foreach (var permission in Enum.GetValues<CapabilityPermissions>().Where(p => p != CapabilityPermissions.None))
        {
            var c = Capability.Omnipotent.AndPermissions(~permission);
            Assert.Equal(All & ~permission, c.Permissions);
            Assert.False(c.Permits(permission));
            Assert.True(c.Permits(All & ~permission));
            Assert.False(c.Permits(All));
        }
    }

    [Fact]
    public void Unseal_AuthorityLacksGlobal_LosesGlobal()
    {
        var authority = Capability.Omnipotent.SetAddress(5).AndPermissions(~CapabilityPermissions.Global);
        var c = Capability.Omnipotent.SetAddress(0x1000).Seal(Capability.Omnipotent.SetAddress(5)).Unseal(authority);
        Assert.True(c.IsTagged);
        Assert.Equal(All & ~CapabilityPermissions.Global, c.Permissions);
    }

    [Theory]
    [InlineData(ObjectType.Last, true)]
    [InlineData(ObjectType.Last + 1, false)]
    [InlineData(ObjectType.Sentry, false)]
    [InlineData(ObjectType.Unsealed, false)]
    public void Seal_ReservedType_LosesTheTag(uint type, bool expected)
    {
        var c = Capability.Omnipotent.Seal(Capability.Omnipotent.SetAddress(type));
        Assert.Equal((expected, type), (c.IsTagged, c.Type));
    }

    [Fact]
    public void Seal_AuthorityNotFit_LosesTheTag()
    {
        var fit = Capability.Omnipotent.SetAddress(16).SetBounds(1);
        var c = Capability.Omnipotent;
        Assert.True(c.Seal(fit).IsTagged);
        Assert.False(c.Seal(fit.ClearTag()).IsTagged);
        Assert.False(c.Seal(fit.SealEntry()).IsTagged);
        Assert.False(c.Seal(fit.IncrementOffset(1)).IsTagged);
        Assert.False(c.Seal(fit.AndPermissions(~CapabilityPermissions.Seal)).IsTagged);
        Assert.False(c.ClearTag().Seal(fit).IsTagged);
    }

    [Fact]
    public void Link_IsASentryAtTheNextInstruction()
    {
        var pcc = Capability.Omnipotent.SetAddress(0x1000).SetBounds(0x100).SetFlags(1);
        var link = pcc.Link(0x1004);
        Assert.True(link.IsTagged && link.IsSentry && link.IsCapabilityMode);
        Assert.Equal((0x1004UL, pcc.Bounds), (link.Address, link.Bounds));
    }

    [Fact]
    public void ToString_NamesAddressPermissionsBoundsAndState()
    {
        var c = Capability.Omnipotent.SetAddress(0x1000).SetBounds(0x1000).SetOffset(8);
        Assert.Equal("0x1008 [rwxRW,0x1000-0x2000]", c.ToString());
        Assert.Equal("0x1008 [rR,0x1000-0x2000]", c.AndPermissions(CapabilityPermissions.Load | CapabilityPermissions.LoadCapability).ToString());
        Assert.Equal("0x1008 [rwxRW,0x1000-0x2000] (sentry)", c.SealEntry().ToString());
        Assert.Equal(
            "0x1008 [rwxRW,0x1000-0x2000] (invalid,sealed 0x4)", c.Seal(Capability.Omnipotent.SetAddress(4)).ClearTag().ToString());
        Assert.Equal("0x0 [,0x0-0x10000000000000000] (invalid)", Capability.Null.ToString());
    }
}
