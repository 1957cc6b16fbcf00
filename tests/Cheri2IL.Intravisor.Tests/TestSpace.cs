using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>An address space in a slot of its own, usable on the calling thread.</summary>
internal sealed class TestSpace : IDisposable
{
    private readonly bool _entered;

    public TestSpace(ulong memoryLimit = 1UL << 30, int mappingLimit = 1000)
    {
        Slot = Arena.OfProcess.Allocate(GuestLayout.MinimumSlotSize);
        Space = new AddressSpace(Slot, new MemoryBudget(memoryLimit), mappingLimit);
        _entered = FaultTrap.EnterThread();
    }

    public Slot Slot { get; }

    public AddressSpace Space { get; }

    public GuestMemory Memory => Space.Memory;

    public void Dispose()
    {
        if (_entered)
            FaultTrap.LeaveThread();
        Slot.Dispose();
    }
}
