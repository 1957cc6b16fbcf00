using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Linux;

/// <summary>When a reader of a FIFO sees that its writers have gone: who waits for it sleeps until poll says so.</summary>
public sealed class FifoTests
{
    [Theory]
    [InlineData(0, true)]
    [InlineData(0, false)]
    [InlineData(FileAbi.O_NONBLOCK, true)]
    [InlineData(FileAbi.O_NONBLOCK, false)]
    public void Reader_WhoseWriterGoes_IsHungUp(int flags, bool writerIsFirst)
    {
        var fifo = new FifoNode(new FileSystem(() => 0, null, memoryLimit: 1 << 20), 0x180);
        var first = Open(fifo, writerIsFirst ? FileAbi.O_RDWR : FileAbi.O_RDONLY | flags);
        var second = Open(fifo, writerIsFirst ? FileAbi.O_RDONLY | flags : FileAbi.O_WRONLY);
        var (writer, reader) = writerIsFirst ? (first, second) : (second, first);
        Assert.Equal(0, reader.Poll());
        writer.Release();
        Assert.Equal(FileAbi.POLLHUP, reader.Poll());
        reader.Release();
    }

    [Fact]
    public void Reader_ThatNeverHadAWriter_IsNotHungUp()
    {
        var fifo = new FifoNode(new FileSystem(() => 0, null, memoryLimit: 1 << 20), 0x180);
        var reader = Open(fifo, FileAbi.O_RDONLY | FileAbi.O_NONBLOCK);
        Assert.Equal(0, reader.Poll());
        reader.Release();
    }

    private static OpenFile Open(FifoNode fifo, int flags)
    {
        var file = fifo.Open(flags, out var error);
        Assert.Equal(0, error);
        file!.AddReference();
        return file;
    }
}
