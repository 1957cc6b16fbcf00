using Xunit;

namespace Cheri2IL.Cli.Tests.Cache;

/// <summary>The ReadyToRun compiler, where NuGet keeps it after tools/cheri2il has built the tool.</summary>
internal static class Crossgen2
{
    /// <summary>Its path; skips the test where it is missing.</summary>
    public static string Find()
    {
        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } chosen
            ? chosen
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var package = Path.Combine(packages, "microsoft.netcore.app.crossgen2.linux-x64");
        var found = Directory.Exists(package) ? Directory.GetFiles(package, "crossgen2", SearchOption.AllDirectories) : [];
        if (found.Length == 0)
            Assert.Skip("needs crossgen2 from NuGet: run tools/cheri2il once");
        return found.Order(StringComparer.Ordinal).Last();
    }
}
