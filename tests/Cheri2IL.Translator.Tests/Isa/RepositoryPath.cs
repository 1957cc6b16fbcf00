namespace Cheri2IL.Translator.Tests.Isa;

/// <summary>Finds files of the repository from the test's output folder.</summary>
internal static class RepositoryPath
{
    /// <summary>The repository's root: the nearest folder above the tests that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A path below the root.</summary>
    public static string Combine(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Cheri2IL.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("the tests run outside the repository");
        return folder.FullName;
    }
}
