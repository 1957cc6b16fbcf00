using Cheri2IL.Runtime.Capabilities;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Capabilities;

/// <summary>Capability instructions run between any two others, so none may allocate.</summary>
public sealed class CapabilityAllocationTests
{
    [Fact]
    public void Operations_All_AllocateNothing()
    {
        var sum = RunAll();
        var again = 0UL;
        Assert.Equal(0, Allocations.Of(1, _ => again = RunAll()));
        Assert.Equal(sum, again);
    }

    private static ulong RunAll()
    {
        ReadOnlySpan<ulong> words = [0, 1, 0x1000, 0x12345, 0x40000123, 0xffff_0000_0493_8010, ulong.MaxValue];
        var sum = 0UL;
        foreach (var metadata in words)
        {
            foreach (var word in words)
            {
                var c = new Capability(metadata, word, isTagged: true);
                var other = Capability.Omnipotent.SetAddress(word);
                sum = Fold(sum, c.SetAddress(word));
                sum = Fold(sum, c.IncrementOffset(word));
                sum = Fold(sum, c.SetOffset(word));
                sum = Fold(sum, c.SetBounds(word));
                sum = Fold(sum, c.SetBoundsExact(word));
                sum = Fold(sum, c.AndPermissions((CapabilityPermissions)word));
                sum = Fold(sum, c.SetFlags(word));
                sum = Fold(sum, c.ClearTag());
                sum = Fold(sum, c.SetHigh(word));
                sum = Fold(sum, c.Build(other));
                sum = Fold(sum, c.Seal(other));
                sum = Fold(sum, c.Unseal(other));
                sum = Fold(sum, c.SealEntry());
                sum = Fold(sum, c.ConditionalSeal(other));
                sum = Fold(sum, c.CopyType(other));
                sum = Fold(sum, c.FromPointer(word));
                sum = Fold(sum, c.WithoutSeal());
                sum = Fold(sum, c.Link(word));
                sum = Fold(sum, Capability.FromInteger(c.ToPointer(other)));
                sum += Capability.RepresentableLength(word) + Capability.RepresentableAlignmentMask(word);
                sum += c.IsSubsetOf(other) || c == other || c.IsUsable ? 1UL : 0;
            }
        }

        return sum;
    }

    private static ulong Fold(ulong sum, Capability c)
    {
        var bounds = c.Bounds;
        return (sum * 31) + c.Metadata + c.Address + c.Offset + c.TypeValue + (ulong)c.Permissions + (ulong)c.Reserved
            + (c.IsTagged ? 1UL : 0) + (c.IsCapabilityMode ? 1UL : 0) + bounds.Base + bounds.SaturatedTop + bounds.SaturatedLength
            + (ulong)bounds.Top + (bounds.Covers(c.Address, 8) ? 1UL : 0)
            + (AccessWindow.Of(c, CapabilityPermissions.Load, 8).Allows(c.Address) ? 1UL : 0);
    }
}
