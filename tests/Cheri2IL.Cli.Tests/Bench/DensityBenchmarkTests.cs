using System.Text.Json.Nodes;
using Xunit;

namespace Cheri2IL.Cli.Tests.Bench;

/// <summary><c>bench density</c> starts what it says and reports each row. Its figures are not looked at.</summary>
public sealed class DensityBenchmarkTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Density_FewCvms_ReportsEachNumber()
    {
        var result = ToolProcess.Run(_directory.Path, "bench", "density", "--cvms", "1", "3", "--json");
        Assert.True(result.ExitCode == 0, result.Error);
        var rows = JsonNode.Parse(result.Output)!["density"]!.AsArray();
        Assert.Equal([1, 3], rows.Select(r => r!["cvms"]!.GetValue<int>()));
        Assert.All(rows, r => Assert.True(r!["startOneMoreMinimumSeconds"]!.GetValue<double>() > 0 && r["mappingsPerCvm"] is not null && r["residentBytesPerCvm"] is not null));
    }

    [Theory]
    [InlineData("3", "1")]
    [InlineData("0", "1")]
    [InlineData("2000", "3000")]
    public void Density_OddNumbers_AreRefused(string first, string second)
    {
        var result = ToolProcess.Run(_directory.Path, "bench", "density", "--cvms", first, second);
        Assert.Equal(64, result.ExitCode);
        Assert.Contains("--cvms wants ascending numbers from 1 to 1020", result.Error, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();
}
