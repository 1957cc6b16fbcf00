using BenchmarkDotNet.Attributes;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.Tests;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Benchmarks;

/// <summary>
/// What hosts share with cVMs; the bytes are the host's own, and the function that is called is a script, so that there is no translated code in the numbers.
/// `cheri2il bench ipc` measures guests, and the tests of Cheri2IL.Intravisor.Tests/Ipc that their operations do not allocate.
/// </summary>
[BenchmarkCategory(Category.Ipc)]
public unsafe class IpcBenchmarks : IDisposable
{
    private const long Function = ScriptedGuest.Entry + 0x100;

    private const int Capacity = 1 << 16;

    private readonly byte[] _buffer = new byte[4096];
    private readonly CpFile _file;
    private readonly CpFile _pages;
    private readonly CpStream _messages;
    private readonly CpStream _bytes;
    private readonly IntravisorInstance _intravisor = new();
    private CpCall _call = null!;

    /// <summary>Publishes what is used.</summary>
    public IpcBenchmarks()
    {
        var exchange = _intravisor.Exchange;
        _file = exchange.PublishFile("file", new byte[Capacity]);
        _pages = exchange.PublishFile("pages", Capacity);
        _messages = exchange.PublishStream("messages", Capacity, isMessages: true);
        _bytes = exchange.PublishStream("bytes", Capacity, isMessages: false);
    }

    /// <summary>Starts a cVM that publishes a function, which adds one, and serves it.</summary>
    [GlobalSetup]
    public void Setup()
    {
        const long publish = 0x4200 + 4;
        const long serve = 0x4200 + 5;
        var guest = new ScriptedGuest();
        guest[Function] = state =>
        {
            state->X10++;
            state->Pc = state->X1;
        };
        guest[ScriptedGuest.Entry] = state =>
        {
            "next\0"u8.CopyTo(new Span<byte>(state->MemoryBase + ScriptedGuest.Data, 5));
            ScriptedGuest.Call(state, publish, ScriptedGuest.Data, Function);
            ScriptedGuest.Call(state, serve, state->X10);
        };
        guest.StartIn(_intravisor, "callee");
        SpinWait.SpinUntil(() => _intravisor.Exchange.Find("next") is not null);
        _call = (CpCall)_intravisor.Exchange.Find("next")!;
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _intravisor.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>CP_Call, on the caller's thread.</summary>
    [Benchmark]
    public long Call() => _call.Invoke(41);

    /// <summary>CP_Call that lends 4 KiB.</summary>
    [Benchmark]
    public long CallWithBuffer() => _call.Invoke(41, buffer: _buffer);

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
