using System.Runtime.InteropServices;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Capabilities;

/// <summary>Capabilities, tags and reservations in guest memory.</summary>
public sealed unsafe class CapabilityMemoryTests : IDisposable
{
    private const int Bytes = 256;

    private readonly GuestState* _state = (GuestState*)NativeMemory.AllocZeroed((nuint)sizeof(GuestState));
    private readonly Capability _value = Capability.Omnipotent.SetAddress(0x1000).SetBounds(0x123);

    public CapabilityMemoryTests()
    {
        _state->MemoryBase = (byte*)NativeMemory.AlignedAlloc(Bytes, CapabilityState.Granule);
        new Span<byte>(_state->MemoryBase, Bytes).Clear();
        _state->Capabilities.MemoryTags = (byte*)NativeMemory.AllocZeroed(Bytes / CapabilityState.Granule);
        _state->Limit = Bytes - 1;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_state->MemoryBase);
        NativeMemory.Free(_state->Capabilities.MemoryTags);
        NativeMemory.Free(_state);
    }

    [Fact]
    public void Store_AndLoad_KeepEveryBitAndTheTag()
    {
        CapabilityMemory.Store(_state, 32, _value);
        Assert.Equal(_value, CapabilityMemory.Load(_state, 32, keepsTag: true));
        Assert.Equal(_value.ClearTag(), CapabilityMemory.Load(_state, 32, keepsTag: false));
        Assert.Equal((_value.Address, _value.Metadata), (*(ulong*)(_state->MemoryBase + 32), *(ulong*)(_state->MemoryBase + 40)));
        CapabilityMemory.Store(_state, 32, _value.ClearTag());
        Assert.Equal(_value.ClearTag(), CapabilityMemory.Load(_state, 32, keepsTag: true));
    }

    [Theory]
    [InlineData(32, 16, 0b1011)]
    [InlineData(32, 1, 0b1011)]
    [InlineData(47, 1, 0b1011)]
    [InlineData(47, 2, 0b0011)]
    [InlineData(28, 8, 0b1001)]
    [InlineData(31, 1, 0b1101)]
    public void ClearTags_OfAnAccess_ClearsEveryGranuleItTouches(long address, int size, long left)
    {
        for (var granule = 0; granule < 4; granule++)
            CapabilityMemory.Store(_state, granule * CapabilityState.Granule, _value);
        CapabilityState.ClearTags(_state, address, size);
        Assert.Equal(left, CapabilityMemory.LoadTags(_state, 0));
    }

    [Fact]
    public void Swap_YieldsTheOldValue()
    {
        CapabilityMemory.Store(_state, 16, _value);
        Assert.Equal(_value, CapabilityMemory.Swap(_state, 16, Capability.FromInteger(5), keepsTag: true));
        Assert.Equal(Capability.FromInteger(5), CapabilityMemory.Swap(_state, 16, _value, keepsTag: true));
        Assert.Equal(_value.ClearTag(), CapabilityMemory.Swap(_state, 16, _value, keepsTag: false));
        Assert.Equal(_value, CapabilityMemory.Load(_state, 16, keepsTag: true));
    }

    /// <summary>The reservation is of bits and tag in memory, whatever tag the load let through.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void StoreConditional_AfterLoadReserved_Succeeds(bool keepsTag)
    {
        CapabilityMemory.Store(_state, 16, _value);
        Assert.Equal(keepsTag, CapabilityMemory.LoadReserved(_state, 16, keepsTag).IsTagged);
        Assert.Equal(0, CapabilityMemory.StoreConditional(_state, 16, Capability.FromInteger(1)));
        Assert.Equal(Capability.FromInteger(1), CapabilityMemory.Load(_state, 16, keepsTag: true));
        Assert.Equal(1, CapabilityMemory.StoreConditional(_state, 16, _value));
    }

    [Fact]
    public void StoreConditional_SomethingChanged_Fails()
    {
        foreach (var other in (Capability[])[_value.ClearTag(), _value.SetAddress(0x1001), _value.SetFlags(1)])
        {
            CapabilityMemory.Store(_state, 16, _value);
            CapabilityMemory.LoadReserved(_state, 16, keepsTag: true);
            CapabilityMemory.Store(_state, 16, other);
            Assert.Equal(1, CapabilityMemory.StoreConditional(_state, 16, _value));
            Assert.Equal(other, CapabilityMemory.Load(_state, 16, keepsTag: true));
        }
    }

    [Fact]
    public void StoreConditional_OfAnotherPlaceOrSize_Fails()
    {
        CapabilityMemory.LoadReserved(_state, 16, keepsTag: true);
        Assert.Equal(1, CapabilityMemory.StoreConditional(_state, 32, _value));
        Atomics.LoadReserved64(_state, _state->MemoryBase + 16);
        Assert.Equal(1, CapabilityMemory.StoreConditional(_state, 16, _value));
        CapabilityMemory.LoadReserved(_state, 16, keepsTag: true);
        Assert.Equal(1, Atomics.StoreConditional64(_state, _state->MemoryBase + 16, 3));
        Assert.Equal(Capability.Null, CapabilityMemory.Load(_state, 16, keepsTag: true));
    }

    [Theory]
    [InlineData(1, 0x85, -0x7b)]
    [InlineData(1, 0x05, 5)]
    [InlineData(2, 0x8005, -0x7ffb)]
    [InlineData(2, 0x1234, 0x1234)]
    public void NarrowReservation_LoadsSignExtendedAndStoresOnce(int size, int content, long loaded)
    {
        var address = _state->MemoryBase + 18;
        *(uint*)(address - 2) = 0xffffffff;
        if (size == 1)
            *address = (byte)content;
        else
            *(ushort*)address = (ushort)content;
        var neighbour = address[size];
        Assert.Equal(loaded, Atomics.LoadReservedNarrow(_state, address, size));
        Assert.Equal(0, Atomics.StoreConditionalNarrow(_state, address, size, 0x123456));
        Assert.Equal(0x56, *address);
        Assert.Equal(size == 2 ? 0x34 : 0xff, address[1]);
        Assert.Equal(neighbour, address[size]);
        Assert.Equal(1, Atomics.StoreConditionalNarrow(_state, address, size, 0));
        Assert.Equal(0x56, *address);
    }

    [Fact]
    public void Registers_AreOneWithIntegerRegisters()
    {
        CapabilityState.Write(_state, 5, _value);
        Assert.Equal((long)_value.Address, GuestState.X(_state, 5));
        Assert.Equal(_value, CapabilityState.Read(_state, 5));
        GuestState.X(_state, 5) = 7;
        CapabilityState.ClearMetadata(_state, 5);
        Assert.Equal(Capability.FromInteger(7), CapabilityState.Read(_state, 5));
        CapabilityState.Write(_state, CapabilityState.Ddc, _value);
        Assert.Equal(_value, CapabilityState.Read(_state, CapabilityState.Ddc));
        CapabilityState.Write(_state, CapabilityState.Pcc, _value);
        _state->Pc = 0x1010;
        Assert.Equal(_value.SetAddress(0x1010), CapabilityState.Read(_state, CapabilityState.Pcc));
        Assert.Equal(Capability.Null, CapabilityState.Read(_state, 0));
    }

    [Fact]
    public void Operations_All_AllocateNothing() => Assert.Equal(0, Allocations.Of(100, _ => RunAll()));

    private void RunAll()
    {
        CapabilityMemory.Store(_state, 16, _value);
        CapabilityMemory.LoadReserved(_state, 16, keepsTag: true);
        CapabilityMemory.StoreConditional(_state, 16, CapabilityMemory.Swap(_state, 32, _value, keepsTag: true));
        CapabilityState.Write(_state, 5, CapabilityMemory.Load(_state, 16, keepsTag: true));
        CapabilityState.ClearTags(_state, 16, (int)CapabilityMemory.LoadTags(_state, 0) | 1);
    }
}
