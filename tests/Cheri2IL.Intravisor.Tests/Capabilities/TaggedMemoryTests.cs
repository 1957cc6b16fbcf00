using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Capabilities;
using Xunit;
using static Cheri2IL.Intravisor.LibOs.Abi.MemoryFlags;

namespace Cheri2IL.Intravisor.Tests.Capabilities;

/// <summary>Tags in the memory of a program with capabilities: who clears and moves them, and on whose authority memory is touched.</summary>
public sealed unsafe class TaggedMemoryTests : IDisposable
{
    private const long Page = HostMemory.PageSize;
    private const long Area = 0x2000_0000;
    private const int Private = MAP_PRIVATE | MAP_ANONYMOUS;
    private const int ReadWrite = PROT_READ | PROT_WRITE;

    private static readonly Capability Value = Capability.Omnipotent.SetAddress(0x1234).SetBoundsExact(0x100);

    private readonly TestSpace _test = new();

    public TaggedMemoryTests()
    {
        _test.Space.EnableTags();
        Assert.Equal(Area, _test.Space.Map(Area, 64 * (ulong)Page, ReadWrite, Private | MAP_FIXED, null, 0));
    }

    /// <summary>Ways to write data at an address.</summary>
    public static TheoryData<string, int> Writes => new()
    {
        { "bytes", 1 },
        { "int", 4 },
        { "long", 8 },
        { "structure", 16 },
        { "clear", 3 },
        { "exchange", 4 },
    };

    public void Dispose()
    {
        _test.Space.Tags?.Dispose();
        _test.Dispose();
    }

    [Fact]
    public void Capability_Stored_KeepsAllBitsAndTag()
    {
        foreach (var value in new[] { Value, Value.ClearTag(), Value.SealEntry(), new Capability(ulong.MaxValue, 0x0123456789abcdef, isTagged: false) })
        {
            Assert.True(_test.Memory.TryWrite(Area + 16, value));
            Assert.True(_test.Memory.TryRead(Area + 16, out Capability loaded));
            Assert.Equal(value, loaded);
        }
    }

    [Theory]
    [InlineData(Area + 8)]
    [InlineData(Area + 1)]
    [InlineData(Area - 16)]
    [InlineData(-16)]
    [InlineData(1L << 40)]
    public void Capability_MisalignedOrUnmapped_IsRefused(long address)
    {
        Assert.False(_test.Memory.TryWrite(address, Value));
        Assert.False(_test.Memory.TryRead(address, out Capability _));
    }

    [Fact]
    public void Capability_StoredToReadOnlyPage_SetsNoTag()
    {
        _test.Space.Protect(Area, (ulong)Page, PROT_READ);
        Assert.False(_test.Memory.TryWrite(Area, Value));
        Assert.Equal(0, Tag(Area));
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public void DataWrite_OverCapabilities_ClearsTheTagsItTouches(string kind, int size)
    {
        for (var offset = 0; offset <= 32; offset += kind == "exchange" ? 4 : 1)
        {
            for (var k = 0; k < 4; k++)
                Assert.True(_test.Memory.TryWrite(Area + (16 * k), Value));
            Assert.True(Write(kind, Area + offset));
            for (var k = 0; k < 4; k++)
            {
                var isTouched = offset < 16 * (k + 1) && offset + size > 16 * k;
                Assert.Equal((offset, k, isTouched ? 0 : 1), (offset, k, Tag(Area + (16 * k))));
            }
        }
    }

    [Fact]
    public void DataWrite_OfManyPages_ClearsAllTagsAndNoOther()
    {
        var (start, length) = (Area + Page - 16, 60 * (int)Page);
        for (var at = Area; at < Area + (64 * Page); at += 16)
            Assert.True(_test.Memory.TryWrite(at, Value));
        Assert.True(_test.Memory.TryWrite(start + 1, new byte[length]));
        for (var at = Area; at < Area + (64 * Page); at += 16)
            Assert.Equal((at, at >= start && at < start + length + 1 ? 0 : 1), (at, Tag(at)));
    }

    [Theory]
    [InlineData("munmap")]
    [InlineData("mmap over it")]
    [InlineData("MADV_DONTNEED")]
    [InlineData("MADV_FREE")]
    [InlineData("mremap away")]
    [InlineData("mremap smaller")]
    public void Pages_Replaced_HaveNoTags(string how)
    {
        Assert.True(_test.Memory.TryWrite(Area, Value));
        Assert.True(_test.Memory.TryWrite(Area + Page, Value));
        var result = how switch
        {
            "munmap" => _test.Space.Unmap(Area + Page, (ulong)Page),
            "mmap over it" => _test.Space.Map(Area + Page, (ulong)Page, ReadWrite, Private | MAP_FIXED, null, 0),
            "MADV_DONTNEED" => _test.Space.Advise(Area + Page, (ulong)Page, MADV_DONTNEED),
            "MADV_FREE" => _test.Space.Advise(Area + Page, (ulong)Page, MADV_FREE),
            "mremap away" => _test.Space.Remap(Area + Page, (ulong)Page, (ulong)Page, MREMAP_MAYMOVE | MREMAP_FIXED, Area + (256 * Page)),
            _ => _test.Space.Remap(Area, 64 * (ulong)Page, (ulong)Page, 0, 0),
        };
        Assert.True(result >= 0);
        Assert.Equal((1, 0), (Tag(Area), Tag(Area + Page)));
    }

    [Fact]
    public void Pages_Moved_TakeTheirTagsAlong()
    {
        for (var k = 0; k < 64; k += 3)
            Assert.True(_test.Memory.TryWrite(Area + (k * Page) + (16 * k), Value));
        var target = _test.Space.Remap(Area, 64 * (ulong)Page, 128 * (ulong)Page, MREMAP_MAYMOVE | MREMAP_FIXED, Area + (256 * Page));
        for (var k = 0; k < 64; k++)
        {
            Assert.True(_test.Memory.TryRead(target + (k * Page) + (16 * k), out Capability loaded));
            Assert.Equal(k % 3 == 0 ? Value : Capability.Null, loaded);
        }
    }

    [Fact]
    public void SharedMappingOfFile_WithTags_IsRefused()
    {
        var source = new BytesSource(new byte[Page]);
        Assert.Equal(-LibOs.Abi.Errno.ENODEV, _test.Space.Map(0, (ulong)Page, PROT_READ, MAP_SHARED, source, 0));
    }

    [Theory]
    [InlineData(0, 64, true)]
    [InlineData(0, 65, false)]
    [InlineData(63, 1, true)]
    [InlineData(63, 2, false)]
    [InlineData(64, 1, false)]
    [InlineData(-1, 1, false)]
    [InlineData(64, 0, true)]
    public void Access_WithAuthority_StaysInItsBounds(int offset, int length, bool isAllowed)
    {
        var memory = As(AllOf(64));
        Assert.Equal(isAllowed, memory.TryRead(Area + offset, new byte[length]));
        Assert.Equal(isAllowed, memory.TryWrite(Area + offset, new byte[length]));
        Assert.Equal(isAllowed, memory.TryClear(Area + offset, (ulong)length));
    }

    [Fact]
    public void Access_WithoutTagSealOrPermission_IsRefused()
    {
        var all = AllOf(64);
        foreach (var (authority, mayRead, mayWrite) in new[]
        {
            (all, true, true),
            (all.ClearTag(), false, false),
            (all.SealEntry(), false, false),
            (all.AndPermissions(~CapabilityPermissions.Load), false, true),
            (all.AndPermissions(~CapabilityPermissions.Store), true, false),
        })
        {
            var memory = As(authority);
            Assert.Equal(mayRead, memory.TryRead(Area, out long _));
            Assert.Equal(mayRead, memory.TryLoad32(Area, out _));
            Assert.Equal(mayRead, memory.ReadString(Area, new byte[8]) >= 0);
            Assert.Equal(mayWrite, memory.TryWrite(Area, 1L));
            Assert.Equal(mayRead && mayWrite, memory.TryCompareExchange32(Area, 1, 2, out _));
        }
    }

    [Fact]
    public void CapabilityAccess_WithAuthority_NeedsItsPermissions()
    {
        var all = AllOf(64);
        var local = Value.AndPermissions(~CapabilityPermissions.Global);
        Assert.True(_test.Memory.TryWrite(Area, Value));
        Assert.True(As(all.AndPermissions(~CapabilityPermissions.LoadCapability)).TryRead(Area, out Capability stripped));
        Assert.Equal(Value.ClearTag(), stripped);
        Assert.False(As(all.AndPermissions(~CapabilityPermissions.StoreCapability)).TryWrite(Area, Value));
        Assert.True(As(all.AndPermissions(~CapabilityPermissions.StoreCapability)).TryWrite(Area, Value.ClearTag()));
        Assert.False(As(all.AndPermissions(~CapabilityPermissions.StoreLocalCapability)).TryWrite(Area, local));
        Assert.True(As(all.AndPermissions(~CapabilityPermissions.StoreLocalCapability)).TryWrite(Area, Value));
    }

    [Fact]
    public void String_ThatEndsBehindItsCapability_IsRefused()
    {
        Assert.True(_test.Memory.TryWrite(Area, "name\0"u8));
        Assert.Equal(4, As(AllOf(5)).ReadString(Area, new byte[64]));
        Assert.Equal(-1, As(AllOf(4)).ReadString(Area, new byte[64]));
        Assert.Equal(4, As(AllOf(4)).ReadString(Area, new byte[4]));
        Assert.Equal(-1, As(AllOf(0)).ReadString(Area, new byte[64]));
    }

    [Fact]
    public void NestedPointer_WhileThereIsOne_AloneCounts()
    {
        var authority = new GuestAuthority();
        authority.Set(AllOf(64));
        var memory = _test.Space.MemoryFor(authority);
        authority.Nested = AllOf(8);
        Assert.True(memory.TryRead(Area, new byte[8]));
        Assert.False(memory.TryRead(Area, new byte[9]));
        authority.Nested = Capability.Null;
        Assert.False(memory.TryRead(Area, new byte[1]));
        authority.Nested = null;
        Assert.True(memory.TryRead(Area, new byte[64]));
    }

    [Theory]
    [InlineData(64, 0b10)] // write(fd, buffer, size)
    [InlineData(93, 0)] // exit(status)
    [InlineData(98, 0b11001)] // futex(word, operation, value, timeout, word)
    [InlineData(222, 0b1)] // mmap(address, ...)
    [InlineData(78, 0b110)] // readlinkat(directory, path, buffer, size)
    [InlineData(134, 0b110)] // rt_sigaction(signal, action, action, size)
    public void SystemCall_Pointers_AreThoseOfItsArguments(int number, int pointers)
        => Assert.Equal(pointers, SyscallTable.Find(number)!.PointerArguments);

    private static Capability AllOf(ulong bytes) => Capability.Omnipotent.SetAddress((ulong)Area).SetBoundsExact(bytes);

    private GuestMemory As(in Capability authority)
    {
        var held = new GuestAuthority();
        held.Set(authority);
        return _test.Space.MemoryFor(held);
    }

    private bool Write(string kind, long address) => kind switch
    {
        "bytes" => _test.Memory.TryWrite(address, [1]),
        "int" => _test.Memory.TryWrite(address, 1),
        "long" => _test.Memory.TryWrite(address, 1L),
        "structure" => _test.Memory.TryWrite(address, (1L, 2L)),
        "clear" => _test.Memory.TryClear(address, 3),
        _ => _test.Memory.TryCompareExchange32(address, 1, 0, out _),
    };

    private int Tag(long address) => _test.Space.Tags!.Base[address / 16];
}
