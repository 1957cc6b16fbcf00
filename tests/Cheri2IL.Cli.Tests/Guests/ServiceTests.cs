using System.Diagnostics;
using Xunit;

namespace Cheri2IL.Cli.Tests.Guests;

/// <summary>Debian's servers in cVMs of one manifest, with clients on the host: scripts of corpus/workloads print what they shall.</summary>
[Trait("Category", "Workload")]
public sealed class ServiceTests(Workloads workloads)
{
    [Theory]
    [InlineData("redis")]
    [InlineData("microservice")]
    public void Script_OutputAndStatus_AreAsExpected(string name)
    {
        Workloads.Prepare("workloads/debian.sh", "--prepare");
        var folder = Path.Combine(Repository.Root(), "corpus", "workloads");
        var start = new ProcessStartInfo("bash", [Path.Combine(folder, name + ".sh"), .. workloads.Tool]);
        var (exitCode, output, error) = ToolProcess.Run(start, limit: TimeSpan.FromMinutes(10)); // the first run translates
        if (exitCode == ExitCode.Unavailable)
            Assert.Skip(error.TrimEnd().Split('\n')[^1]);
        Assert.True(exitCode == 0, error);
        Assert.Equal(File.ReadAllText(Path.Combine(folder, name + ".out")), System.Text.Encoding.UTF8.GetString(output));
    }
}
