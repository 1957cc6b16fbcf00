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
    /// <remarks>
    /// The many programs of corpus/linux have the same library in them, and little else that other files have not: what takes minutes for all of them is a
    /// command of its own (<c>tools/dev exhaustive</c>).
    /// </remarks>
    public static TheoryData<string> All() => Where(_ => true);

    private static TheoryData<string> Where(bool hasCapabilities) => Where(path => hasCapabilities
        == (path.StartsWith("corpus/cheri/", StringComparison.Ordinal) && !path.EndsWith("-plain.elf", StringComparison.Ordinal)));

    private static TheoryData<string> Where(Func<string, bool> isWanted)
    {
        var root = Repository.Root();
        var data = new TheoryData<string>();
        foreach (var path in Directory.GetFiles(Path.Combine(root, "corpus"), "*.elf", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var file = Path.GetRelativePath(root, path).Replace('\\', '/');
            if (!isWanted(file))
                continue;
            var row = new TheoryDataRow<string>(file);
            data.Add(file.StartsWith("corpus/linux/", StringComparison.Ordinal) ? row.WithTrait("Category", "Exhaustive") : row);
        }

        return data;
    }
}
