using System.Diagnostics;
using System.Runtime.InteropServices;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Capabilities;

/// <summary>
/// Threads that store data and capabilities to one granule, each with a state block of its own, as threads of a guest do: whatever is loaded
/// with a tag was stored with it.
/// </summary>
public sealed unsafe class RacingStoresTests : IDisposable
{
    private const ulong SlotSize = GuestLayout.MinimumSlotSize;

    private const long Address = 64;

    private const int Loads = 2_000_000;

    private readonly byte* _memory = HostMemory.MapZero(HostMemory.PageSize);
    private readonly TagTable _tags = new(SlotSize);
    private readonly Capability _one = Capability.Omnipotent.SetAddress(0x1000).SetBounds(0x123);
    private readonly Capability _other = Capability.Omnipotent.SetAddress(0x77770000).SetBounds(0x40).AndPermissions(CapabilityPermissions.Load);
    private volatile bool _isOver;

    public RacingStoresTests() => _tags.Share();

    public void Dispose()
    {
        _tags.Dispose();
        HostMemory.Unmap(_memory, HostMemory.PageSize);
    }

    /// <summary>A word of one capability with that of the other would be wider, or more, than either.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(15)]
    public void Load_WhileDataIsStored_YieldsNoCapabilityThatWasNotStored(int offset)
    {
        var storing = new Thread(() => Repeat(state => CapabilityMemory.Store(state, Address, _one)));
        var destroying = new Thread(() => Repeat(state => StoreData(state, offset)));
        storing.Start();
        destroying.Start();
        var (tagged, untagged) = (0, 0);
        try
        {
            var state = NewState();
            // On a busy machine one of the threads may be late.
            var clock = Stopwatch.StartNew();
            while (tagged + untagged < Loads || ((tagged == 0 || untagged == 0) && clock.Elapsed < TimeSpan.FromMinutes(2)))
            {
                var loaded = CapabilityMemory.Load(state, Address, keepsTag: true);
                if (loaded.IsTagged)
                    Assert.True(loaded == _one, $"{loaded.Metadata:x16}{loaded.Address:x16} was never stored");
                _ = loaded.IsTagged ? tagged++ : untagged++;
            }

            NativeMemory.AlignedFree(state);
        }
        finally
        {
            _isOver = true;
            storing.Join();
            destroying.Join();
        }

        Assert.True(tagged > 0 && untagged > 0, $"{tagged} tagged, {untagged} untagged: there was no race");
    }

    [Fact]
    public void Copies_OfTagsSetBefore_AreMadeWhereTheyStand()
    {
        using var alone = new TagTable(SlotSize);
        for (var k = 0; k < 4; k++)
            CapabilityMemory.Store(alone.At(_memory, k * CapabilityState.Granule), k == 2 ? _other.ClearTag() : _one);
        alone.Share();
        alone.MakeCopies(_memory, 0, HostMemory.PageSize);
        for (var k = 0; k < 4; k++)
            Assert.Equal(k == 2 ? _other.ClearTag() : _one, CapabilityMemory.Load(alone.At(_memory, k * CapabilityState.Granule), keepsTag: true));
    }

    /// <summary>A load that meets a data store ends what that would have: the same bytes stored again are no capability.</summary>
    [Fact]
    public void Load_OfOtherBytesThanTheTags_ClearsItForGood()
    {
        var granule = _tags.At(_memory, Address);
        CapabilityMemory.Store(granule, _one);
        ((ulong*)granule.Bytes)[0]++;
        Assert.False(CapabilityMemory.Load(granule, keepsTag: true).IsTagged);
        ((ulong*)granule.Bytes)[0]--;
        Assert.Equal(_one.ClearTag(), CapabilityMemory.Load(granule, keepsTag: true));
    }

    [Fact]
    public void LoadTags_OfOtherBytes_AreClear()
    {
        var state = NewState();
        for (var k = 0; k < 4; k++)
            CapabilityMemory.Store(state, Address + (k * CapabilityState.Granule), _one);
        *(state->MemoryBase + Address + (2 * CapabilityState.Granule) + 3) ^= 1;
        Assert.Equal(0b1011, CapabilityMemory.LoadTags(state, Address));
        NativeMemory.AlignedFree(state);
    }

    [Fact]
    public void Copy_OfTags_TakesWhatTheyStandForAlong()
    {
        const ulong Distance = 1024;
        CapabilityMemory.Store(_tags.At(_memory, Address), _one);
        CapabilityMemory.Store(_tags.At(_memory, Address + (long)Distance + 16), _other);
        new Span<byte>(_memory + Address, 32).CopyTo(new Span<byte>(_memory + Address + Distance, 32));
        _tags.Copy(Address, Address + Distance, 32);
        Assert.Equal(_one, CapabilityMemory.Load(_tags.At(_memory, Address + (long)Distance), keepsTag: true));
        Assert.False(CapabilityMemory.Load(_tags.At(_memory, Address + (long)Distance + 16), keepsTag: true).IsTagged);
    }

    /// <summary>What translated code does for a data store of a byte or of a word.</summary>
    private static void StoreData(GuestState* state, int offset)
    {
        var at = state->MemoryBase + Address + offset;
        if (offset % 8 == 0)
            Volatile.Write(ref *(ulong*)at, 0xffff_1fff_fc01_8004);
        else
            Volatile.Write(ref *at, (byte)(*at + 1));
        ref var tag = ref CapabilityState.TagOf(state, Address + offset);
        if (Volatile.Read(ref tag) != 0)
            Volatile.Write(ref tag, 0);
    }

    private void Repeat(StateAction act)
    {
        var state = NewState();
        while (!_isOver)
            act(state);
        NativeMemory.AlignedFree(state);
    }

    private GuestState* NewState()
    {
        var state = (GuestState*)NativeMemory.AlignedAlloc((nuint)sizeof(GuestState), 64);
        *state = default;
        state->MemoryBase = _memory;
        state->Limit = SlotSize - 1;
        state->Capabilities.MemoryTags = _tags.Base;
        state->Capabilities.MemoryCopies = _tags.Copies;
        return state;
    }

    private delegate void StateAction(GuestState* state);
}
