using System.Text.Json;
using Cheri2IL.Cli.Tests.Guests;
using Xunit;

namespace Cheri2IL.Cli.Tests.Bench;

/// <summary>What <c>bench apps</c> reports; how long anything takes is not tested.</summary>
public sealed class AppBenchmarkTests(Workloads workloads)
{
    [Trait("Category", "Workload")]
    [Fact]
    public void Apps_Json_HasEveryEngineWithTheSameOutput()
    {
        Workloads.Prepare("workloads/apps.sh");
        if (!Environment.IsPrivilegedProcess)
            Assert.Skip("needs root: native programs run in a chroot");
        var result = workloads.RunWithStore("bench", "apps", "--rounds", "1", "--case", "dash", "--case", "lua", "--json");
        Assert.True(result.ExitCode == 0, result.Error);
        using var json = JsonDocument.Parse(result.Output);
        Assert.Equal(0, json.RootElement.GetProperty("problems").GetArrayLength());
        Assert.True(json.RootElement.GetProperty("emptyDotnetWallSeconds").GetDouble() > 0);
        var engines = json.RootElement.GetProperty("engines").EnumerateObject().Select(e => e.Name).ToArray();
        Assert.Equal(("native", "cheri2il"), (engines[0], engines[^1]));
        foreach (var (name, kind) in (ReadOnlySpan<(string, string)>)[("dash", "start"), ("lua", "run")])
        {
            var one = json.RootElement.GetProperty("cases").GetProperty(name);
            Assert.Equal(kind, one.GetProperty("kind").GetString());
            Assert.All(engines, e => Assert.True(one.GetProperty(e).GetProperty("cpuSeconds").GetDouble() > 0, e));
        }

        Assert.False(json.RootElement.TryGetProperty("redis", out _));
    }

    [Fact]
    public void Apps_UnknownCase_IsAUsageErrorThatListsThem()
    {
        Workloads.Prepare("workloads/apps.sh");
        var result = workloads.RunWithStore("bench", "apps", "--case", "cobol");
        Assert.Equal((ExitCode.Usage, 0), (result.ExitCode, result.Output.Length));
        Assert.Contains("no 'cobol' in corpus/workloads/apps.tsv (there are busybox, dash,", result.Error, StringComparison.Ordinal);
        Assert.Contains("redis)", result.Error, StringComparison.Ordinal);
    }
}
