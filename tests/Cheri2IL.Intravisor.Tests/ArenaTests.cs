using Cheri2IL.Runtime;
using Xunit;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>Slots are disjoint, come back, and come back empty.</summary>
public sealed unsafe class ArenaTests
{
    [Fact]
    public void Allocate_RandomSizes_NeverOverlapAndAllComeBack()
    {
        var random = new Random(9);
        var live = new List<Slot>();
        for (var step = 0; step < 400; step++)
        {
            if (live.Count > 0 && random.Next(2) == 0)
            {
                var index = random.Next(live.Count);
                live[index].Dispose();
                live.RemoveAt(index);
                continue;
            }

            var slot = Arena.OfProcess.Allocate((ulong)random.Next(4, 80) << 30);
            Assert.All(live, other => Assert.True(
                slot.VirtualAddress + slot.Size <= other.VirtualAddress || other.VirtualAddress + other.Size <= slot.VirtualAddress));
            Assert.Equal(0UL, slot.VirtualAddress % GuestLayout.SlotGranularity);
            live.Add(slot);
        }

        foreach (var slot in live)
            slot.Dispose();
    }

    [Fact]
    public void Dispose_WrittenSlot_ComesBackUnmapped()
    {
        // Slots of other tests may be taken meanwhile: look at the same range only if it is given out again.
        ulong address;
        using (var first = Arena.OfProcess.Allocate(GuestLayout.MinimumSlotSize))
        {
            address = first.VirtualAddress;
            HostMemory.MapFixedZero(first.Base + 0x100000, 4096, HostMemory.Read | HostMemory.Write);
            first.Base[0x100000] = 42;
        }

        var entered = FaultTrap.EnterThread();
        Assert.Throws<NullReferenceException>(() => Volatile.Read(ref Arena.OfProcess.Base[address + 0x100000]));
        if (entered)
            FaultTrap.LeaveThread();
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(1UL << 30)]
    [InlineData((4UL << 30) + 4096)]
    public void Allocate_OddSize_IsRefused(ulong size)
        => Assert.Throws<ArgumentOutOfRangeException>(() => Arena.OfProcess.Allocate(size));

    [Fact]
    public void Allocate_MoreThanTheArena_IsRefused()
        => Assert.Throws<InsufficientMemoryException>(() => Arena.OfProcess.Allocate(Arena.OfProcess.Size + GuestLayout.SlotGranularity));
}
