using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Linux;

/// <summary>Content of files against an array of bytes, and what it takes from the budget.</summary>
public sealed class FileContentTests(ITestOutputHelper output)
{
    private const int Chunk = 1 << 16;
    private const int Block = 4096;

    private readonly FileSystem _files = new(() => 0, lower: null, memoryLimit: 64 * Chunk);

    [Theory]
    [InlineData(0, false)]
    [InlineData((3 * Chunk) + 5000, false)]
    [InlineData(0, true)]
    [InlineData((3 * Chunk) + 5000, true)]
    public void RandomChanges_AreThoseOfAnArray(int lowerLength, bool isShared)
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < 40; round++)
        {
            var expected = new byte[lowerLength];
            random.NextBytes(expected);
            var content = new FileContent(_files, lowerLength == 0 ? null : new Lower([.. expected]));
            for (var step = 0; step < 30; step++)
            {
                if (isShared && step == 3)
                    Assert.True(content.Share() >= 0);
                Change(random, content, ref expected);
                var read = new byte[expected.Length + 1];
                var to = new IoVector(read.AsSpan());
                Assert.Equal(expected.Length, content.Read(0, ref to));
                Assert.True(expected.AsSpan().SequenceEqual(read.AsSpan(0, expected.Length)));
                Assert.Equal(expected.Length, content.Length);
                var taken = Walk(content, expected);
                if (content.Descriptor >= 0)
                    continue;

                // Besides, there may be chunks behind the end.
                Assert.Equal(0, (content.Allocated - taken) % Chunk);
                Assert.InRange(content.Allocated - taken, 0, _files.MemoryUsed);
            }

            if (!isShared)
            {
                // Which go when it is cut off.
                Assert.Equal(0, content.Truncate(expected.Length + 1));
                Assert.Equal(0, content.Truncate(expected.Length));
                Assert.Equal(Walk(content, expected), content.Allocated);
            }

            content.Discard();
        }

        Assert.True(isShared || _files.MemoryUsed == 0, $"{_files.MemoryUsed} bytes");
    }

    [Fact]
    public void Punching_GivesBackMemory()
    {
        var content = new FileContent(_files, null);
        Assert.Equal(0, content.Allocate(0, 8 * Chunk, keepsSize: false));
        Assert.Equal(8 * Chunk, _files.MemoryUsed);
        Assert.Equal(0, content.Punch(Chunk - 1, (7 * Chunk) + 1));
        Assert.Equal(2 * Chunk, _files.MemoryUsed);
        Assert.Equal(2 * Chunk, content.Allocated);
    }

    [Fact]
    public void Allocated_CountsTheHostsBytesAndChunksOnce()
    {
        var content = new FileContent(_files, new Lower(new byte[(2 * Chunk) + 5000]));
        Assert.Equal((2 * Chunk) + (2 * Block), content.Allocated);
        Write(Chunk);
        Assert.Equal((2 * Chunk) + (2 * Block), content.Allocated);
        Write(2 * Chunk);
        Assert.Equal((2 * Chunk) + (2 * Block), content.Allocated);
        Write(3 * Chunk);
        Assert.Equal((3 * Chunk) + Block, content.Allocated);
        Assert.Equal(0, content.Allocate(5 * Chunk, 6 * Chunk, keepsSize: true));
        Assert.Equal((4 * Chunk) + Block, content.Allocated);
        Assert.Equal(0, content.Punch(2 * Chunk, 3 * Chunk));
        Assert.Equal((3 * Chunk) + Block, content.Allocated);
        Assert.Equal(0, content.Truncate(Chunk + 1));
        Assert.Equal(Chunk + Block, content.Allocated);
        Assert.Equal(0, content.Truncate(0));
        Assert.Equal((0, 0), (content.Allocated, _files.MemoryUsed));

        void Write(long offset)
        {
            var from = new IoVector(new byte[1].AsSpan());
            Assert.Equal(1, content.Write(offset, ref from));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Allocating_BeyondTheBudget_ChangesNothing(bool isShared)
    {
        var content = new FileContent(_files, null);
        Assert.True(!isShared || content.Share() >= 0);
        Assert.Equal(-Errno.ENOSPC, content.Allocate(0, 65 * Chunk, keepsSize: false));
        Assert.Equal(-Errno.ENOSPC, content.Allocate(0, FileContent.MostBytes, keepsSize: true));
        Assert.Equal(0, content.Allocate(0, 8 * Chunk, keepsSize: true));
        Assert.InRange(_files.MemoryUsed, 8 * Chunk, 9 * Chunk);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Shifting_WhatIsNotInTheFile_IsRefusedAndChangesNothing(bool isShared)
    {
        var content = new FileContent(_files, null);
        Assert.Equal(0, content.Allocate(0, 2 * Chunk, keepsSize: false));
        Assert.True(!isShared || content.Share() >= 0);
        var used = _files.MemoryUsed;
        Assert.Equal(-Errno.EINVAL, content.Shift(Chunk, -Chunk));
        Assert.Equal(-Errno.EINVAL, content.Shift(0, -4 * Chunk));
        Assert.Equal(-Errno.EINVAL, content.Shift(2 * Chunk, Block));
        Assert.Equal(-Errno.EFBIG, content.Shift(0, FileContent.MostBytes - (2 * Chunk) + Block));
        Assert.Equal(-Errno.EFBIG, content.Shift(2 * Chunk, FileContent.MostBytes));
        Assert.Equal((2 * Chunk, used), (content.Length, _files.MemoryUsed));
    }

    [Fact]
    public void Budget_IsNotOverrunByASumThatOverflows()
    {
        Assert.True(_files.Charge(1000));
        Assert.False(_files.Charge(long.MaxValue));
        Assert.Equal(1000, _files.MemoryUsed);
        var content = new FileContent(_files, null);
        Assert.True(content.Share() >= 0);
        Assert.Equal(-Errno.ENOSPC, content.Truncate(FileContent.MostBytes));
        Assert.Equal(1000, _files.MemoryUsed);
    }

    private static void Change(Random random, FileContent content, ref byte[] expected)
    {
        var (start, length) = (random.Next(5 * Chunk), 1 + random.Next(2 * Chunk));
        switch (random.Next(6))
        {
            case 0:
                var bytes = new byte[length];
                random.NextBytes(bytes);
                var from = new IoVector(bytes.AsSpan());
                Assert.Equal(length, content.Write(start, ref from));
                Array.Resize(ref expected, Math.Max(expected.Length, start + length));
                bytes.CopyTo(expected, start);
                break;
            case 1:
                Assert.Equal(0, content.Punch(start, start + length));
                expected.AsSpan(Math.Min(start, expected.Length), Math.Clamp(expected.Length - start, 0, length)).Clear();
                break;
            case 2:
                var keepsSize = random.Next(2) == 0;
                Assert.Equal(0, content.Allocate(start, start + length, keepsSize));
                Array.Resize(ref expected, keepsSize ? expected.Length : Math.Max(expected.Length, start + length));
                break;
            case 3:
                Assert.Equal(0, content.Truncate(start));
                Array.Resize(ref expected, start);
                break;
            case 4 when expected.Length is > 2 * Block and < 9 * Chunk:
                (start, length) = (Block * random.Next(expected.Length / Block), Block * (1 + random.Next(40)));
                Assert.Equal(0, content.Shift(start, length));
                expected = [.. expected[..start], .. new byte[length], .. expected[start..]];
                break;
            case 5 when expected.Length > 2 * Block:
                start = Block * random.Next((expected.Length / Block) - 1);
                length = Math.Min(Block * (1 + random.Next(40)), (expected.Length - start - 1) / Block * Block);
                Assert.Equal(0, content.Shift(start, -length));
                expected = [.. expected[..start], .. expected[(start + length)..]];
                break;
            default:
                break;
        }
    }

    /// <summary>Data and holes follow each other to the end, and there are zeros in the holes. Bytes of the data, in whole blocks.</summary>
    private static long Walk(FileContent content, byte[] expected)
    {
        var taken = 0L;
        for (var at = 0L; at < expected.Length;)
        {
            var data = content.Find(at, hole: false) ?? expected.Length;
            Assert.InRange(data, at, expected.Length);
            Assert.False(expected.AsSpan((int)at, (int)(data - at)).ContainsAnyExcept((byte)0));
            if (data == expected.Length)
                break;
            var hole = content.Find(data, hole: true)!.Value;
            Assert.InRange(hole, data + 1, expected.Length);
            taken += ((hole + Block - 1) & -Block) - data;
            at = hole;
        }

        return taken;
    }

    private sealed class Lower(byte[] bytes) : IHostFile
    {
        public long Length => bytes.Length;

        public int Read(long offset, Span<byte> destination)
        {
            var count = (int)Math.Clamp(bytes.Length - offset, 0, destination.Length);
            bytes.AsSpan((int)offset, count).CopyTo(destination);
            return count;
        }
    }
}
