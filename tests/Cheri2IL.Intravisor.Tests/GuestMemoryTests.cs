using Cheri2IL.Runtime;
using Xunit;
using static Cheri2IL.Intravisor.LibOs.Abi.MemoryFlags;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>Guest pointers are hostile: every bad one gives false.</summary>
public sealed class GuestMemoryTests
{
    private const long Area = 0x3000_0000;
    private const long End = Area + (2 * HostMemory.PageSize);

    [Theory]
    [InlineData(0L, 1)]
    [InlineData(-1L, 1)]
    [InlineData(-8L, 16)]
    [InlineData(long.MinValue, 1)]
    [InlineData(long.MaxValue, 1)]
    [InlineData(Area - 1, 1)]
    [InlineData(Area - 1, 100)]
    [InlineData(End, 1)]
    [InlineData(End - 1, 2)]
    [InlineData(End - 100, 5000)]
    [InlineData((4L << 30) - 1, 2)]
    [InlineData(4L << 30, 1)]
    [InlineData((4L << 30) - 4096, 4096)]
    public void ReadAndWrite_OutsideMappedPages_Fail(long address, int length)
    {
        using var test = Mapped();
        Assert.False(test.Memory.TryRead(address, new byte[length]));
        Assert.False(test.Memory.TryWrite(address, new byte[length]));
        Assert.False(test.Memory.TryClear(address, (ulong)length));
    }

    [Fact]
    public void ReadAndWrite_EveryLengthUpToTheEnd_RoundTrip()
    {
        using var test = Mapped();
        var random = new Random(3);
        for (var length = 0; length < 200; length++)
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            Assert.True(test.Memory.TryWrite(End - length, bytes));
            var back = new byte[length];
            Assert.True(test.Memory.TryRead(End - length, back));
            Assert.Equal(bytes, back);
        }
    }

    [Fact]
    public void Write_ReadOnlyPage_Fails()
    {
        using var test = Mapped();
        test.Space.Protect(Area, HostMemory.PageSize, PROT_READ);
        Assert.False(test.Memory.TryWrite(Area, 1L));
        Assert.True(test.Memory.TryRead(Area, out long _));
        Assert.False(test.Memory.TryCompareExchange32(Area, 1, 0, out _));
        test.Space.Protect(Area, HostMemory.PageSize, 0);
        Assert.False(test.Memory.TryRead(Area, out long _));
        Assert.False(test.Memory.TryLoad32(Area, out _));
    }

    [Fact]
    public void ReadString_EndsAtZeroAtBufferOrAtHole()
    {
        using var test = Mapped();
        Assert.True(test.Memory.TryWrite(End - 4, "abc\0"u8));
        var buffer = new byte[16];
        Assert.Equal(3, test.Memory.ReadString(End - 4, buffer));
        Assert.Equal("abc"u8, buffer.AsSpan(0, 3));
        Assert.Equal(2, test.Memory.ReadString(End - 4, buffer.AsSpan(0, 2)));
        Assert.True(test.Memory.TryWrite(End - 1, "x"u8));
        Assert.Equal(-1, test.Memory.ReadString(End - 4, buffer));
        Assert.Equal(-1, test.Memory.ReadString(-5, buffer));
        Assert.Equal(-1, test.Memory.ReadString(long.MaxValue, buffer));
    }

    [Fact]
    public void Read_WhileAnotherThreadUnmaps_NeverEndsTheProcess()
    {
        using var test = Mapped();
        const int rounds = 3000;
        var stop = false;
        var reader = new Thread(() =>
        {
            FaultTrap.EnterThread();
            var buffer = new byte[2 * HostMemory.PageSize];
            while (!Volatile.Read(ref stop))
                _ = test.Memory.TryRead(Area, buffer);
            FaultTrap.LeaveThread();
        });
        reader.Start();
        for (var k = 0; k < rounds; k++)
        {
            Assert.Equal(0, test.Space.Unmap(Area, HostMemory.PageSize));
            Assert.Equal(Area, test.Space.Map(Area, HostMemory.PageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, null, 0));
        }

        Volatile.Write(ref stop, true);
        reader.Join();
        Assert.True(test.Memory.TryRead(Area, out byte value));
        Assert.Equal(0, value);
    }

    private static TestSpace Mapped()
    {
        var test = new TestSpace();
        Assert.Equal(
            Area,
            test.Space.Map(Area, 2 * HostMemory.PageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, null, 0));
        return test;
    }
}
