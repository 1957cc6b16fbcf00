using Xunit;

namespace Cheri2IL.Cli.Tests.Cache;

/// <summary>The ReadyToRun compiler, where NuGet keeps it after tools/cheri2il has built the tool.</summary>
internal static class Crossgen2
{
    /// <summary>Its path; null where it is missing.</summary>
    public static string? Path { get; } = Locate();

    /// <summary>Its path; skips the test where it is missing.</summary>
    public static string Find()
    {
        if (Path is null)
            Assert.Skip("needs crossgen2 from NuGet: run tools/cheri2il once");
        return Path;
    }

    private static string? Locate()
    {
        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } chosen
            ? chosen
            : System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var package = System.IO.Path.Combine(packages, "microsoft.netcore.app.crossgen2.linux-x64");
        var found = Directory.Exists(package) ? Directory.GetFiles(package, "crossgen2", SearchOption.AllDirectories) : [];
        return found.Order(StringComparer.Ordinal).LastOrDefault();
    }
}
