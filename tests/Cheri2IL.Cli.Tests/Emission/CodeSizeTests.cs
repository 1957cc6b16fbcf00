using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using Cheri2IL.Cli.Objdump;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Xunit;

namespace Cheri2IL.Cli.Tests.Emission;

/// <summary>
/// Sizes of what is emitted for each kernel, against the committed table: whoever changes them sees by how much, and says so by
/// committing what <c>tools/dev gen</c> writes.
/// </summary>
public sealed class CodeSizeTests
{
    /// <summary>Change of IL that needs no blessing, in percent.</summary>
    private const int ILTolerance = 2;

    /// <summary>Change of machine code that needs no blessing: what RyuJIT makes also depends on the processor's extensions. The table has the mean of processors with AVX2 and with AVX-512.</summary>
    private const int CodeTolerance = 8;

    private static readonly string Table = Path.Combine(Repository.Root(), "tests", "Cheri2IL.Cli.Tests", "Emission", "sizes.tsv");

    [Fact]
    [Trait("Category", "Generated")]
    public void Kernels_Emitted_HaveTheSizesOfTheTable()
    {
        var measured = Directory.GetFiles(Path.Combine(Repository.Root(), "corpus", "kernels", "bin"), "*.elf").Order(StringComparer.Ordinal).Select(Measure).ToArray();
        if (Environment.GetEnvironmentVariable("CHERI2IL_BLESS") == "1")
        {
            File.WriteAllText(Table, $"kernel\tmethods\tIL bytes\tcode bytes\n{string.Concat(measured.Select(m => $"{m.Name}\t{m.Methods}\t{m.ILBytes}\t{m.CodeBytes}\n"))}");
            return;
        }

        var expected = File.ReadAllLines(Table).Skip(1).Select(Sizes.Parse).ToArray();
        Assert.Equal(expected.Select(e => e.Name), measured.Select(m => m.Name));
        Assert.Empty(expected.Zip(measured).SelectMany(pair => Differences(pair.First, pair.Second)));
    }

    [Theory]
    [InlineData(10_000, 10_000, "")]
    [InlineData(10_200, 10_800, "")]
    [InlineData(9_800, 9_200, "")]
    [InlineData(10_201, 10_000, "k: IL bytes 10000 -> 10201 (+2.0 %)")]
    [InlineData(9_700, 10_000, "k: IL bytes 10000 -> 9700 (-3.0 %)")]
    [InlineData(10_000, 11_000, "k: code bytes 10000 -> 11000 (+10.0 %)")]
    public void Differences_BeyondTheTolerance_AreNamed(int il, int code, string expected)
        => Assert.Equal(expected, string.Join("; ", Differences(new Sizes("k", 1, 10_000, 10_000), new Sizes("k", 1, il, code))));

    private static IEnumerable<string> Differences(Sizes expected, Sizes actual)
    {
        if (expected.Methods != actual.Methods)
            yield return $"{actual.Name}: methods {expected.Methods} -> {actual.Methods}";
        foreach (var (what, before, now, tolerance) in ((string, long, long, int)[])
            [("IL bytes", expected.ILBytes, actual.ILBytes, ILTolerance), ("code bytes", expected.CodeBytes, actual.CodeBytes, CodeTolerance)])
        {
            if (Math.Abs(now - before) * 100 > before * tolerance)
                yield return string.Create(CultureInfo.InvariantCulture, $"{actual.Name}: {what} {before} -> {now} ({(now - before) * 100.0 / before:+0.0;-0.0} %)");
        }
    }

    private static Sizes Measure(string path)
    {
        var translation = ModuleTranslator.Translate(GuestProgram.Load(path).Image, new TranslationOptions(), "guest");
        var module = new TranslatedModule(new AssemblyLoadContext(path).LoadFromStream(new MemoryStream(translation.Assembly)));
        using var observer = new JitObserver(sizesOnly: true);
        var handles = Enumerable.Range(1, translation.Statistics.Methods).Select(module.Method).ToArray();
        foreach (var handle in handles)
            RuntimeHelpers.PrepareMethod(handle);
        var jitted = observer.Complete();
        return new Sizes(Path.GetFileNameWithoutExtension(path), handles.Length, translation.Statistics.CodeBytes, handles.Sum(h => (long)jitted[h.Value].Size));
    }

    private sealed record Sizes(string Name, int Methods, long ILBytes, long CodeBytes)
    {
        public static Sizes Parse(string line)
        {
            var fields = line.Split('\t');
            return new Sizes(fields[0], int.Parse(fields[1], CultureInfo.InvariantCulture), long.Parse(fields[2], CultureInfo.InvariantCulture), long.Parse(fields[3], CultureInfo.InvariantCulture));
        }
    }
}
