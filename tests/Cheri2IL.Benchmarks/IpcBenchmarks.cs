using BenchmarkDotNet.Attributes;
using Cheri2IL.Intravisor.Ipc;

namespace Cheri2IL.Benchmarks;

/// <summary>
/// What hosts share with cVMs; the bytes are the host's own, so that there is no guest in the numbers. `cheri2il bench ipc` measures guests, and
/// the tests of Cheri2IL.Intravisor.Tests/Ipc that their operations do not allocate.
/// </summary>
[BenchmarkCategory(Category.Ipc)]
public class IpcBenchmarks
{
    private const int Capacity = 1 << 16;

    private readonly byte[] _buffer = new byte[4096];
    private readonly CpFile _file;
    private readonly CpFile _pages;
    private readonly CpStream _messages;
    private readonly CpStream _bytes;

    /// <summary>Publishes what is used.</summary>
    public IpcBenchmarks()
    {
        var exchange = new Exchange();
        _file = exchange.PublishFile("file", new byte[Capacity]);
        _pages = exchange.PublishFile("pages", Capacity);
        _messages = exchange.PublishStream("messages", Capacity, isMessages: true);
        _bytes = exchange.PublishStream("bytes", Capacity, isMessages: false);
    }

    /// <summary>CP_File, 4 KiB out.</summary>
    [Benchmark]
    public int FileRead() => _file.Read(64, _buffer);

    /// <summary>CP_File, 4 KiB in.</summary>
    [Benchmark]
    public int FileWrite() => _file.Write(64, _buffer);

    /// <summary>CP_File with pages of its own, 4 KiB out.</summary>
    [Benchmark]
    public int PagesRead() => _pages.Read(64, _buffer);

    /// <summary>CP_Stream, a message of 256 bytes there and out.</summary>
    [Benchmark]
    public int Message()
    {
        _messages.Send(_buffer.AsSpan(0, 256), TimeSpan.FromSeconds(1));
        return _messages.Receive(_buffer, TimeSpan.FromSeconds(1));
    }

    /// <summary>CP_Stream, 256 bytes there and out.</summary>
    [Benchmark]
    public int Bytes()
    {
        _bytes.Send(_buffer.AsSpan(0, 256), TimeSpan.FromSeconds(1));
        return _bytes.Receive(_buffer, TimeSpan.FromSeconds(1));
    }
}
