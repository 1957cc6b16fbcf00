using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Runtime;
using Xunit;
using static Cheri2IL.Intravisor.LibOs.Abi.MemoryFlags;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>mmap and its family: what they return, and what the hardware then allows.</summary>
public sealed class AddressSpaceTests
{
    private const long Page = HostMemory.PageSize;
    private const long Area = 0x2000_0000;
    private const int AreaPages = 24;
    private const int Private = MAP_PRIVATE | MAP_ANONYMOUS;
    private const int ReadWrite = PROT_READ | PROT_WRITE;

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    public void AddressSpace_RandomCalls_MatchPageModel(int seed)
    {
        using var test = new TestSpace();
        var random = new Random(seed);
        var model = new PageModel[AreaPages];
        for (var step = 0; step < 1500; step++)
        {
            var first = random.Next(AreaPages);
            var count = Math.Min(random.Next(1, 8), AreaPages - first);
            var (address, length) = (Area + (first * Page), (ulong)(count * Page));
            var range = model.AsSpan(first, count);
            var protection = random.Next(4) switch { 0 => 0, 1 => PROT_READ, 2 => PROT_READ | PROT_EXEC, _ => ReadWrite };
            switch (random.Next(6))
            {
                case 0:
                    Assert.Equal(address, test.Space.Map(address, length, protection, Private | MAP_FIXED, null, 0));
                    range.Fill(new PageModel(true, protection, 0));
                    break;
                case 1:
                    Assert.Equal(0, test.Space.Unmap(address, length));
                    range.Clear();
                    break;
                case 2:
                    var hole = range.ToArray().TakeWhile(p => p.Mapped).Count();
                    Assert.Equal(hole == count ? 0 : -Errno.ENOMEM, test.Space.Protect(address, length, protection));
                    for (var k = 0; k < hole; k++)
                        range[k] = range[k] with { Protection = protection };
                    break;
                case 3:
                    var value = (byte)random.Next(1, 256);
                    for (var k = 0; k < count; k++)
                    {
                        var writable = range[k].Mapped && (range[k].Protection & PROT_WRITE) != 0;
                        Assert.Equal(writable, test.Memory.TryWrite(address + (k * Page), [value]));
                        if (writable)
                            range[k] = range[k] with { Value = value };
                    }

                    break;
                case 4:
                    var covered = range.ToArray().All(p => p.Mapped);
                    Assert.Equal(covered ? 0 : -Errno.ENOMEM, test.Space.Advise(address, length, MADV_DONTNEED));
                    for (var k = 0; k < count; k++)
                        range[k] = range[k] with { Value = 0 };
                    break;
                default:
                    Remap(test.Space, random, model, first);
                    break;
            }

            AssertSame(test, model);
        }
    }

    [Fact]
    public void Map_WithoutAddress_GoesDownwardFromTheTop()
    {
        using var test = new TestSpace();
        var first = test.Space.Map(0, 100, ReadWrite, Private, null, 0);
        var second = test.Space.Map(0, 5000, ReadWrite, Private, null, 0);
        Assert.Equal(GuestLayout.MapTop(test.Space.Size) - Page, first);
        Assert.Equal(first - (2 * Page), second);
    }

    [Theory]
    [InlineData(0L)]
    [InlineData(0xf000L)]
    [InlineData((4L << 30) - 0x10000)]
    [InlineData(4L << 30)]
    [InlineData(long.MinValue)]
    [InlineData(-4096L)]
    public void Map_FixedInGuardOrBeyondSlot_IsRefused(long address)
    {
        using var test = new TestSpace();
        Assert.InRange(test.Space.Map(address, 4096, ReadWrite, Private | MAP_FIXED, null, 0), -4095, -1);
        Assert.InRange(test.Space.Map(address, ulong.MaxValue, ReadWrite, Private | MAP_FIXED, null, 0), -4095, -1);
        Assert.Empty(test.Space.Snapshot());
    }

    [Fact]
    public void Map_PrivateFile_HasContentAndZeroTail()
    {
        using var test = new TestSpace();
        var bytes = new byte[6000];
        new Random(5).NextBytes(bytes);
        var address = test.Space.Map(0, 6000, PROT_READ, MAP_PRIVATE, new BytesSource(bytes), 0);
        var actual = new byte[8192];
        Assert.True(test.Memory.TryRead(address, actual));
        Assert.Equal(bytes, actual[..6000]);
        Assert.All(actual[6000..], b => Assert.Equal(0, b));
        Assert.False(test.Memory.TryWrite(address, [1]));
    }

    [Fact]
    public void Map_SharedFileWithoutHostPages_IsRefused()
    {
        using var test = new TestSpace();
        Assert.Equal(-Errno.ENODEV, test.Space.Map(0, 4096, PROT_READ, MAP_SHARED, new BytesSource([1]), 0));
        Assert.Equal(-Errno.EACCES, test.Space.Map(0, 4096, ReadWrite, MAP_SHARED, new BytesSource([1]), 0));
    }

    [Fact]
    public void Map_BeyondMemoryLimit_IsRefusedAndNothingChanges()
    {
        using var test = new TestSpace(memoryLimit: 8 * (ulong)Page);
        Assert.Equal(Area, test.Space.Map(Area, 8 * (ulong)Page, ReadWrite, Private, null, 0));
        Assert.Equal(-Errno.ENOMEM, test.Space.Map(0, 1, ReadWrite, Private, null, 0));

        // Reservations without access are free, until they get access.
        var reserved = test.Space.Map(0, 1 << 20, 0, Private, null, 0);
        Assert.True(reserved > 0);
        Assert.Equal(-Errno.ENOMEM, test.Space.Protect(reserved, 4096, ReadWrite));
        Assert.Equal(0, test.Space.Unmap(Area, 4096));
        Assert.Equal(0, test.Space.Protect(reserved, 4096, ReadWrite));
        Assert.Equal(8 * (ulong)Page, test.Space.AccessibleBytes);
    }

    [Fact]
    public void Protect_EveryOtherPage_StopsAtMappingLimit()
    {
        using var test = new TestSpace(mappingLimit: 50);
        Assert.Equal(Area, test.Space.Map(Area, 400 * (ulong)Page, ReadWrite, Private, null, 0));
        var refused = 0;
        for (var k = 0; k < 400; k += 2)
            refused += test.Space.Protect(Area + (k * Page), (ulong)Page, PROT_READ) == -Errno.ENOMEM ? 1 : 0;
        Assert.InRange(refused, 170, 199);
        Assert.InRange(test.Space.Snapshot().Count, 40, 50);
    }

    [Fact]
    public void Break_GrowAndShrink_MapsAndClearsPages()
    {
        using var test = new TestSpace();
        test.Space.SetBreakStart(Area + 5);
        var start = test.Space.Break(0);
        Assert.Equal(Area + Page, start);
        Assert.Equal(start + 10000, test.Space.Break(start + 10000));
        Assert.True(test.Memory.TryWrite(start + 9999, [7]));
        Assert.Equal(start + 1, test.Space.Break(start + 1));
        Assert.False(test.Memory.TryWrite(start + 9999, [7]));
        Assert.Equal(start + 10000, test.Space.Break(start + 10000));
        Assert.True(test.Memory.TryRead(start + 9999, out byte value));
        Assert.Equal(0, value);

        // Not into another mapping, not below the start, not beyond the slot.
        Assert.Equal(start + 0x10000, test.Space.Map(start + 0x10000, 1, PROT_READ, Private | MAP_FIXED, null, 0));
        Assert.Equal(start + 10000, test.Space.Break(start + 0x10001));
        Assert.Equal(start + 10000, test.Space.Break(start - 1));
        Assert.Equal(start + 10000, test.Space.Break(-1));
    }

    [Fact]
    public void CodeChanged_ExecutablePages_AreReported()
    {
        using var test = new TestSpace();
        var changes = new List<(long, long, bool)>();
        test.Space.CodeChanged = (start, length, isCode) => changes.Add((start, length, isCode));
        test.Space.Map(Area, 2 * (ulong)Page, ReadWrite, Private, null, 0);
        Assert.Empty(changes);
        test.Space.Protect(Area, (ulong)Page, PROT_READ | PROT_EXEC);
        Assert.True(test.Space.IsExecutable(Area + Page - 2));
        Assert.False(test.Space.IsExecutable(Area + Page));
        test.Space.Unmap(Area, 2 * (ulong)Page);
        Assert.Equal([(Area, Page, true), (Area, 2 * Page, true)], changes);
    }

    [Fact]
    public void CodeChanged_ConstantPages_AreReported()
    {
        using var test = new TestSpace();
        var changes = new List<(long, long, bool)>();
        test.Space.Map(Area, 4 * (ulong)Page, ReadWrite, Private, null, 0);
        test.Space.Protect(Area, (ulong)Page, PROT_READ);
        test.Space.CodeChanged = (start, length, isCode) => changes.Add((start, length, isCode));
        Assert.True(test.Space.IsConstant(Area, Area + Page));
        Assert.False(test.Space.IsConstant(Area, Area + Page + 1));
        Assert.False(test.Space.IsConstant(Area - 1, Area + 1));

        test.Space.Protect(Area + (2 * Page), (ulong)Page, 0);
        Assert.Empty(changes);
        test.Space.Protect(Area, (ulong)Page, ReadWrite);
        Assert.False(test.Space.IsConstant(Area, Area + Page));
        test.Space.Protect(Area, (ulong)Page, PROT_READ);
        test.Space.Map(Area, (ulong)Page, ReadWrite, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, null, 0);
        test.Space.Protect(Area, (ulong)Page, PROT_READ);
        test.Space.Remap(Area + Page, (ulong)Page, (ulong)Page, MREMAP_MAYMOVE | MREMAP_FIXED, Area);
        test.Space.Protect(Area, (ulong)Page, PROT_READ);
        test.Space.Unmap(Area, (ulong)Page);
        Assert.All(changes, change => Assert.Equal((Area, Page, false), change));
        Assert.Equal(4, changes.Count);
    }

    private static void Remap(AddressSpace space, Random random, PageModel[] model, int first)
    {
        if (!model[first].Mapped)
            return;

        // Only a range that is one mapping may be moved; larger ones are refused (the model has one value per page).
        var length = 1;
        var protection = model[first].Protection;
        while (first + length < AreaPages && length < 4 && model[first + length].Mapped && model[first + length].Protection == protection)
            length++;
        var target = random.Next(AreaPages - 4);
        var grown = random.Next(1, 5);
        var overlaps = target < first + length && first < target + grown;
        var result = space.Remap(
            Area + (first * Page), (ulong)(length * Page), (ulong)(grown * Page), MREMAP_MAYMOVE | MREMAP_FIXED, Area + (target * Page));
        if (overlaps)
        {
            Assert.Equal(-Errno.EINVAL, result);
            return;
        }

        Assert.Equal(Area + (target * Page), result);
        var source = model.AsSpan(first, length).ToArray();
        model.AsSpan(first, length).Clear();
        for (var k = 0; k < grown; k++)
            model[target + k] = new PageModel(true, protection, k < length ? source[k].Value : (byte)0);
    }

    private static void AssertSame(TestSpace test, PageModel[] model)
    {
        for (var k = 0; k < AreaPages; k++)
        {
            var address = Area + (k * Page);
            var readable = model[k].Mapped && model[k].Protection != 0;
            Assert.Equal(readable, test.Memory.TryRead(address, out byte value));
            if (readable)
                Assert.Equal(model[k].Value, value);
            Assert.Equal(model[k].Mapped, test.Space.TryFind(address, out var mapping));
            if (mapping is not null)
                Assert.Equal(model[k].Protection, mapping.Protection);
        }

        var accessible = model.Count(p => p.Mapped && p.Protection != 0) * Page;
        Assert.Equal((ulong)accessible, test.Space.AccessibleBytes);
    }

    private readonly record struct PageModel(bool Mapped, int Protection, byte Value);
}
