using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>Files of the repository.</summary>
internal static class CorpusFiles
{
    /// <summary>The smallest guest.</summary>
    public static string Hello { get; } = Path.Combine(Repository.Root(), "corpus", "hello", "bin", "hello.elf");

    /// <summary>Those without capabilities.</summary>
    public static TheoryData<string> Plain() => new(All().Select(row => row.Data).Where(path => !path.StartsWith("corpus/cheri/", StringComparison.Ordinal)));

    /// <summary>Every committed ELF file, relative to the repository, with '/' as separator.</summary>
    public static TheoryData<string> All()
    {
        var root = Repository.Root();
        var data = new TheoryData<string>();
        foreach (var path in Directory.GetFiles(Path.Combine(root, "corpus"), "*.elf", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            data.Add(Path.GetRelativePath(root, path).Replace('\\', '/'));
        return data;
    }
}
