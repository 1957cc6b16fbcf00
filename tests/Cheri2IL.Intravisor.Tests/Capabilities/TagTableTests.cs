using Cheri2IL.Runtime;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Capabilities;

/// <summary>The table of tags itself: ranges, copies, and the margin around it.</summary>
public sealed unsafe class TagTableTests : IDisposable
{
    private const ulong SlotSize = GuestLayout.MinimumSlotSize;
    private const ulong Granule = 16;

    private readonly TagTable _table = new(SlotSize);

    public void Dispose() => _table.Dispose();

    [Theory]
    [InlineData(0x1000UL, 0UL)]
    [InlineData(0x1000UL, 1UL)]
    [InlineData(0x100fUL, 1UL)]
    [InlineData(0x100fUL, 2UL)]
    [InlineData(0x1008UL, 0x20000UL)] // whole pages of the table
    [InlineData(0x10000UL, 0x10000UL)] // exactly one
    [InlineData(0xfff8UL, 0x10010UL)]
    public void Clear_OfRange_ClearsEveryGranuleItTouchesAndNoOther(ulong address, ulong length)
    {
        const ulong Last = 0x40000;
        new Span<byte>(_table.Base, (int)(Last / Granule)).Fill(1);
        _table.Clear(address, length);
        for (var k = 0UL; k < Last / Granule; k++)
        {
            var isTouched = length > 0 && k * Granule < address + length && (k + 1) * Granule > address;
            Assert.Equal((k, isTouched ? 0 : 1), (k, _table.Base[k]));
        }
    }

    [Fact]
    public void Clear_OfAll_ReachesBothEnds()
    {
        _table.Base[0] = _table.Base[(SlotSize / Granule) - 1] = 1;
        _table.Clear(0, SlotSize);
        Assert.Equal((0, 0), (_table.Base[0], _table.Base[(SlotSize / Granule) - 1]));
    }

    [Fact]
    public void Copy_OfRange_CopiesSetAndClearTags()
    {
        for (var k = 0; k < 64; k++)
            (_table.Base[k], _table.Base[1000 + k]) = ((byte)(k % 3 == 0 ? 1 : 0), 1);
        _table.Copy(0, 1000 * Granule, 64 * Granule);
        for (var k = 0; k < 64; k++)
            Assert.Equal((k, k % 3 == 0 ? 1 : 0), (k, _table.Base[1000 + k]));
    }

    [Fact]
    public void Margin_AsFarAsUncheckedOffsetsReach_IsReadable()
    {
        const long Margin = (long)(GuestLayout.Guard / Granule);
        Assert.Equal(0, _table.Base[-Margin] | _table.Base[-1] | _table.Base[(long)(SlotSize / Granule)] | _table.Base[(long)(SlotSize / Granule) + Margin - 1]);
    }
}
