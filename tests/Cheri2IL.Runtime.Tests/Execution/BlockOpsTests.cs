using System.Runtime.InteropServices;
using Cheri2IL.Runtime.Execution;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Execution;

/// <summary>memcpy and memset in vectors: every length around the ones where the way changes, at every alignment, and what is refused.</summary>
public sealed unsafe class BlockOpsTests : IDisposable
{
    private const int Size = 1 << 16;

    private readonly GuestState* _state = (GuestState*)NativeMemory.AllocZeroed((nuint)sizeof(GuestState));
    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(Size, 64);

    /// <summary>A slot of 64 KiB.</summary>
    public BlockOpsTests()
    {
        _state->MemoryBase = _memory;
        _state->Limit = Size - 1;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.Free(_state);
        NativeMemory.AlignedFree(_memory);
    }

    private Span<byte> Memory => new(_memory, Size);

    [Fact]
    public void TryCopy_EveryLength_CopiesThatAndNothingElse()
    {
        var random = new Random(7);
        foreach (var length in Enumerable.Range(0, 700).Concat([1023, 1024, 1025, 4095, 4096, 20_000]))
        {
            for (var alignment = 0; alignment < 4; alignment++)
            {
                random.NextBytes(Memory);
                var (from, to) = (random.Next(64), 32_768 + random.Next(64));
                var expected = Memory.ToArray();
                expected.AsSpan(from, length).CopyTo(expected.AsSpan(to));
                Assert.True(BlockOps.TryCopy(_state, to, from, length, isExact: false));
                Assert.True(Memory.SequenceEqual(expected), $"{length} bytes from {from} to {to}");
                Assert.Equal((from, length), (_state->X11, _state->X12));
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TryMove_EveryLengthAndDistance_MovesThatAndNothingElse(bool isExact)
    {
        var random = new Random(10);
        foreach (var length in Enumerable.Range(0, 300).Concat([511, 512, 513, 4095, 4096, 9000]))
        {
            foreach (var distance in (int[])[0, 1, 7, 31, 32, 33, 127, 128, 129, random.Next(20_000)])
            {
                random.NextBytes(Memory);
                var (low, high) = (20_000 + random.Next(64), 20_000 + distance + random.Next(64));
                foreach (var (from, to) in ((int, int)[])[(low, high), (high, low)])
                {
                    var expected = Memory.ToArray();
                    expected.AsSpan(from, length).CopyTo(expected.AsSpan(to));
                    Assert.True(BlockOps.TryMove(_state, to, from, length, isExact));
                    Assert.True(Memory.SequenceEqual(expected), $"{length} bytes from {from} to {to}");
                    Assert.Equal((from, length), (_state->X11, _state->X12));
                }
            }
        }
    }

    [Theory]
    [InlineData(0, Size - 8, 9)]
    [InlineData(Size - 8, 0, 9)]
    [InlineData(-1, 0, 1)]
    [InlineData(0, -1, 1)]
    [InlineData(0, 100, -1)]
    [InlineData(0, 100, Size)]
    public void TryMove_Outside_LeavesItToTheGuest(long to, long from, long length)
    {
        Memory.Fill(7);
        Assert.False(BlockOps.TryMove(_state, to, from, length, isExact: true));
        Assert.False(Memory.ContainsAnyExcept((byte)7));
    }

    [Fact]
    public void TryFill_EveryLength_FillsThatAndNothingElse()
    {
        var random = new Random(8);
        foreach (var length in Enumerable.Range(0, 700).Concat([4095, 4096, 20_000]))
        {
            random.NextBytes(Memory);
            var to = 1000 + random.Next(64);
            var expected = Memory.ToArray();
            expected.AsSpan(to, length).Fill(0xa5);
            Assert.True(BlockOps.TryFill(_state, to, 0x1a5, length, isExact: false));
            Assert.True(Memory.SequenceEqual(expected), $"{length} bytes to {to}");
        }
    }

    [Theory]
    [InlineData(100, 101, 2)]
    [InlineData(101, 100, 2)]
    [InlineData(100, 100, 1)]
    [InlineData(0, Size - 8, 9)]
    [InlineData(Size - 8, 0, 9)]
    [InlineData(-1, 0, 1)]
    [InlineData(0, -1, 1)]
    [InlineData(0, long.MinValue, 1)]
    [InlineData(0, 100, -1)]
    [InlineData(0, 100, long.MaxValue)]
    [InlineData(0, 100, Size)]
    public void TryCopy_OverlappingOrOutside_LeavesItToTheGuest(long to, long from, long length)
    {
        Memory.Fill(7);
        Assert.False(BlockOps.TryCopy(_state, to, from, length, isExact: false));
        Assert.False(Memory.ContainsAnyExcept((byte)7));
    }

    [Theory]
    [InlineData(Size - 8, 9)]
    [InlineData(-1, 1)]
    [InlineData(long.MinValue, 1)]
    [InlineData(100, -1)]
    [InlineData(100, Size)]
    public void TryFill_Outside_LeavesItToTheGuest(long to, long length)
    {
        Memory.Fill(7);
        Assert.False(BlockOps.TryFill(_state, to, 1, length, isExact: false));
        Assert.False(Memory.ContainsAnyExcept((byte)7));
    }

    [Fact]
    public void TryCopy_ToTheLastByte_IsInside()
        => Assert.True(BlockOps.TryCopy(_state, Size - 9, 0, 8, isExact: false) && BlockOps.TryFill(_state, Size - 9, 0, 8, isExact: true));

    [Fact]
    public void Copy_BeyondTheCaches_CopiesAll()
    {
        var from = GC.AllocateUninitializedArray<byte>((int)BlockOps.BeyondCaches + 12_345, pinned: true);
        var to = GC.AllocateArray<byte>(from.Length + 3, pinned: true);
        new Random(9).NextBytes(from);
        fixed (byte* source = from, target = to)
            BlockOps.Copy(source, target + 3, (nuint)from.Length);
        Assert.True(to.AsSpan(3).SequenceEqual(from));
    }
}
