using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>Committed files that are generated: compared, or rewritten when CHERI2IL_BLESS is set.</summary>
internal static class GeneratedDocument
{
    /// <summary>Fails if <paramref name="path"/>, relative to the repository, does not hold <paramref name="text"/>.</summary>
    public static void AssertCurrent(string path, string text)
    {
        var file = Path.Combine(Repository.Root(), path);
        if (Environment.GetEnvironmentVariable("CHERI2IL_BLESS") is "1")
            File.WriteAllText(file, text);
        Assert.True(File.Exists(file) && File.ReadAllText(file) == text, $"{path} is stale: run tools/dev gen");
    }
}
