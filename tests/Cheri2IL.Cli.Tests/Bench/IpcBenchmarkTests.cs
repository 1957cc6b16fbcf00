using System.Text.Json;
using Xunit;

namespace Cheri2IL.Cli.Tests.Bench;

/// <summary><c>bench ipc</c> measures what it says it does (acceptance (g) and (h) are its figures); how fast it is, no test says.</summary>
public sealed class IpcBenchmarkTests : IDisposable
{
    private static readonly string[] Throughputs = ["memcpy", "mmap_memcpy", "cp_file", "cp_file_pread", "cp_stream", "pipe", "unix", "tcp", "shm_ring"];
    private static readonly string[] Latencies = ["hostcall", "cp_call", "cp_call_thread", "syscall", "pipe", "unix", "tcp", "futex", "native_getppid"];

    private readonly TemporaryDirectory _directory = new();

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Quick_Json_HasEveryPrimitiveAtEverySizeAndPlots()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/gcc") || File.Exists("/usr/bin/cc") || File.Exists("/usr/bin/clang"), "no C compiler: apt-get install gcc");
        var result = ToolProcess.Run(_directory.Path, "bench", "ipc", "--quick", "--json", "--plot", Path.Combine(_directory.Path, "plot"));
        Assert.True(result.ExitCode == 0, result.Error);
        using var json = JsonDocument.Parse(result.Output);
        foreach (var primitive in Throughputs)
        {
            var rows = json.RootElement.GetProperty("throughput").EnumerateArray().Where(r => r.GetProperty("primitive").GetString() == primitive).ToArray();
            Assert.Equal(Enumerable.Range(0, 10).Select(k => 64L << (2 * k)), rows.Select(r => r.GetProperty("bytes").GetInt64()).Order());
            Assert.All(rows, r => Assert.True(r.GetProperty("mbPerS").GetDouble() > 0));
        }

        foreach (var primitive in Latencies)
        {
            var row = Assert.Single(json.RootElement.GetProperty("latency").EnumerateArray(), r => r.GetProperty("primitive").GetString() == primitive);
            Assert.True(row.GetProperty("ns").GetDouble() > 0);
        }

        Assert.True(new FileInfo(Path.Combine(_directory.Path, "plot.png")).Length > 1000);
        Assert.Contains("<svg", File.ReadAllText(Path.Combine(_directory.Path, "plot.svg")), StringComparison.Ordinal);
    }

    [Fact]
    public void NoCompiler_SaysWhatToInstall()
    {
        var result = ToolProcess.RunWith(_directory.Path, [("PATH", _directory.Path)], "bench", "ipc", "--quick");
        Assert.Equal(69, result.ExitCode);
        Assert.Contains("apt-get install gcc", result.Error, StringComparison.Ordinal);
    }
}
