using System.Text.Json;
using Xunit;

namespace Cheri2IL.Cli.Tests.Bench;

/// <summary>What <c>bench start</c> reports; how long anything takes is not tested.</summary>
public sealed class StartBenchmarkTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Start_Json_HasTheReferenceAndTheCommittedGuest()
    {
        var result = ToolProcess.Run(_directory.Path, "bench", "start", "--runs", "2", "--json");
        Assert.True(result.ExitCode == 0, result.Error);
        using var json = JsonDocument.Parse(result.Output);
        Assert.Equal("empty", json.RootElement.GetProperty("reference").GetString());
        Assert.Equal(2, json.RootElement.GetProperty("runs").GetInt32());
        Assert.Equal(0, json.RootElement.GetProperty("problems").GetArrayLength());

        // The cache of this test has no busybox, and the tool beside the tests no crossgen2.
        var programs = json.RootElement.GetProperty("programs").EnumerateObject().ToDictionary(p => p.Name, p => p.Value);
        Assert.Equal(["console", "empty", "hello-jit"], programs.Keys.Except(["hello", "hello-qemu"]).Order(StringComparer.Ordinal));
        foreach (var program in programs.Values)
        {
            Assert.NotEmpty(program.GetProperty("description").GetString()!);
            Assert.True(program.GetProperty("minimumSeconds").GetDouble() > 0);
            Assert.True(program.GetProperty("medianSeconds").GetDouble() >= program.GetProperty("minimumSeconds").GetDouble());
        }

        Assert.Equal(1, programs["empty"].GetProperty("ratio").GetDouble());
        Assert.Contains("round 2/2", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Start_NoRuns_IsAUsageError()
    {
        var result = ToolProcess.Run(_directory.Path, "bench", "start", "--runs", "0");
        Assert.Equal((64, ""), (result.ExitCode, result.Output));
        Assert.Contains("--runs is 1 to 1000", result.Error, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();
}
