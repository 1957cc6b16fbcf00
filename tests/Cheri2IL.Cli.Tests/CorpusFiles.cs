using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>Files of the repository.</summary>
internal static class CorpusFiles
{
    /// <summary>The smallest guest.</summary>
    public static string Hello { get; } = Path.Combine(Repository.Root(), "corpus", "hello", "bin", "hello.elf");

    /// <summary>Those without capabilities.</summary>
    public static TheoryData<string> Plain() => Where(hasCapabilities: false);

    /// <summary>Those with capabilities.</summary>
    public static TheoryData<string> WithCapabilities() => Where(hasCapabilities: true);

    /// <summary>Every committed ELF file, relative to the repository, with '/' as separator.</summary>
    public static TheoryData<string> All()
    {
        var root = Repository.Root();
        var data = new TheoryData<string>();
        foreach (var path in Directory.GetFiles(Path.Combine(root, "corpus"), "*.elf", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            data.Add(Path.GetRelativePath(root, path).Replace('\\', '/'));
        return data;
    }

    private static TheoryData<string> Where(bool hasCapabilities) => new(All().Select(row => row.Data).Where(path => hasCapabilities
        == (path.StartsWith("corpus/cheri/", StringComparison.Ordinal) && !path.EndsWith("-plain.elf", StringComparison.Ordinal))));
}
