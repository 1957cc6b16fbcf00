using System.Buffers.Binary;
using System.Globalization;
using Cheri2IL.Deployment;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;

namespace Cheri2IL.Cli.Bench.Ipc;

/// <summary>What cVMs of this process reach: corpus/ipc/bench.c, translated, in two of them at a time.</summary>
internal sealed class GuestPeers : IDisposable
{
    private const int ResultBytes = 16;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly IntravisorInstance _intravisor = new();
    private readonly byte[] _results = new byte[16 * ResultBytes];
    private readonly CvmProgram _program;
    private readonly Cvm _server;

    /// <summary>Translates the program and starts the cVM that serves.</summary>
    public GuestPeers(string path)
    {
        _program = SharedProgram.Load(path);
        _intravisor.Exchange.PublishFile("results", _results.AsMemory()).Grant(Exchange.Everyone, CpRights.ReadWrite);
        _server = Start("server", "serve");
    }

    /// <summary>CP_File: by memcpy from a mapping, and by pread.</summary>
    public IEnumerable<Throughput> MeasureFile(long bytes, long count)
    {
        Run(Start("user", "file", bytes, count, 0));
        return [Of("cp_file", bytes, 0), Of("cp_file_pread", bytes, 1)];
    }

    /// <summary>CP_Stream, until the last message is in the receiver's memory.</summary>
    public Throughput MeasureStream(long bytes, long count)
    {
        var receiver = Start("receiver", "receive", bytes, count);
        Run(Start("sender", "send", bytes, count, 0));
        Run(receiver);
        return Of("cp_stream", bytes, 0);
    }

    /// <summary>A system call, a hostcall, and CP_Call both ways.</summary>
    public IEnumerable<Latency> MeasureLatency(long count)
    {
        Run(Start("user", "latency", count, 0));
        return [.. ((string[])["syscall", "hostcall", "cp_call", "cp_call_thread"]).Select((name, k) => new Latency(name, NanosecondsOf(k)))];
    }

    /// <inheritdoc/>
    public void Dispose() => _intravisor.Dispose();

    private double NanosecondsOf(int slot)
        => BinaryPrimitives.ReadInt64LittleEndian(_results.AsSpan(slot * ResultBytes)) / (double)BinaryPrimitives.ReadInt64LittleEndian(_results.AsSpan((slot * ResultBytes) + 8));

    private Throughput Of(string primitive, long bytes, int slot) => new(primitive, bytes, bytes * 1000 / NanosecondsOf(slot));

    private void Run(Cvm cvm)
    {
        while (!cvm.Completion.Wait(100))
        {
            if (_server.Completion.IsCompleted)
                throw new ToolException(ExitCode.Failure, "the cVM that serves has ended");
            if (cvm.CpuNanoseconds > Limit.TotalNanoseconds)
                throw new ToolException(ExitCode.Failure, $"cVM {cvm.Name} does not end");
        }

        var status = cvm.Wait().ShellStatus;
        if (status != 0)
            throw new ToolException(ExitCode.Failure, $"cVM {cvm.Name} failed (status {status})");
    }

    private Cvm Start(string name, string role, params long[] numbers)
    {
        var cvm = _intravisor.Create(_program.Options("/bench", ["bench", role, .. numbers.Select(n => n.ToString(CultureInfo.InvariantCulture))]) with
        {
            Name = name,
            Report = text => Console.Error.Write(text),
        });
        cvm.Start(_program.Executable);
        return cvm;
    }
}
