using System.Runtime.Loader;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Emit;
using Mono.Cecil;
using Xunit;

namespace Cheri2IL.Cli.Tests.Emission;

/// <summary>What crossgen2 is given, and what the runtime is told of what it makes.</summary>
public sealed class NativeFormTests
{
    private const string File = "corpus/programs/bin/signals.elf";

    [Fact]
    public void Whole_NothingSplit_IsTheSameAssembly()
    {
        var assembly = CorpusTranslations.Make("corpus/hello/bin/hello.elf", new TranslationOptions()).Assembly;
        Assert.Same(assembly, NativeForm.Whole(assembly));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Whole_SplitFunctions_AreInOneMethodWithItsMaps(bool isPrecise)
    {
        var unsplit = CorpusTranslations.Make(File, new TranslationOptions { PreciseFaults = isPrecise });
        var split = CorpusTranslations.Make(File, new TranslationOptions { PreciseFaults = isPrecise, MaxCodeBytes = 300 });
        Assert.True(split.Statistics.WholeFunctions > 15, $"only {split.Statistics.WholeFunctions} functions were split");
        var whole = NativeForm.Whole(split.Assembly);
        var (expected, actual) = (Methods(unsplit.Assembly), Methods(whole));
        var (expectedModule, actualModule) = (Load(unsplit.Assembly), Load(whole));
        var compared = 0;
        for (var row = 1; row <= split.Statistics.Functions; row++)
        {
            if (IsTooLarge(expected[row - 1]))
                continue;
            Assert.Equal(expected[row - 1].Name, actual[row - 1].Name);
            Assert.Equal(expected[row - 1].Body.Instructions.Select(i => i.OpCode.Code), actual[row - 1].Body.Instructions.Select(i => i.OpCode.Code));
            for (var offset = 0; offset < expected[row - 1].Body.CodeSize; offset++)
                Assert.Equal(expectedModule.GuestPc(row, offset), actualModule.GuestPc(row, offset));
            compared++;
        }

        Assert.True(compared > split.Statistics.Functions * 9 / 10, $"{compared} of {split.Statistics.Functions} functions were compared");
    }

    [Fact]
    public void WithParts_OfEachFunction_AreTheMethodsThatItWasSplitInto()
    {
        var assembly = CorpusTranslations.Make(File, new TranslationOptions { MaxCodeBytes = 300 }).Assembly;
        var names = Methods(assembly).Select(m => m.Name).Where(n => !n.EndsWith(".whole", StringComparison.Ordinal)).ToArray();
        var functions = Enumerable.Range(1, names.Length).Where(row => !names[row - 1].Contains(NativeForm.PartMark, StringComparison.Ordinal)).ToArray();
        var found = functions.ToDictionary(row => row, row => NativeForm.WithParts(assembly, [row]));
        Assert.All(found, f => Assert.All(f.Value, row => Assert.Equal(SymbolOf(f.Key), SymbolOf(row))));
        Assert.Equal(Enumerable.Range(1, names.Length), found.Values.SelectMany(f => f).Order());
        Assert.True(found.Values.Max(f => f.Count) > 3);

        string SymbolOf(int row) => names[row - 1][..names[row - 1].IndexOf('@')];
    }

    [Fact]
    public void Whole_PartsAndTheRowsOfWholeFunctions_HaveTheShortestCode()
    {
        var split = CorpusTranslations.Make(File, new TranslationOptions { MaxCodeBytes = 300 });
        var methods = Methods(NativeForm.Whole(split.Assembly));
        var shortest = Methods(split.Assembly).Min(m => m.Body.CodeSize);
        Assert.All(methods.Where(m => m.Name.EndsWith(".whole", StringComparison.Ordinal)), m => Assert.Equal(shortest, m.Body.CodeSize));
        Assert.True(methods.Count(m => m.Name.Contains(NativeForm.PartMark, StringComparison.Ordinal) && m.Body.CodeSize == shortest) > 20);
    }

    [Fact]
    public void MarkFinal_EveryMethod_IsNotCompiledAgain()
    {
        var image = CorpusTranslations.Make(File, new TranslationOptions()).Assembly;
        Assert.DoesNotContain(Methods(image), m => m.AggressiveOptimization);
        NativeForm.MarkFinal(image);
        Assert.All(Methods(image), m => Assert.True(m.AggressiveOptimization && m.IsIL));
    }

    [Fact]
    public void LeaveOut_AllButSome_LeavesOnlyThoseToCrossgen2()
    {
        var image = CorpusTranslations.Make(File, new TranslationOptions()).Assembly;
        NativeForm.LeaveOut(image, new HashSet<int> { 1, 7 });

        // crossgen2 compiles what does not ask to be optimised to the end.
        Assert.Equal([1, 7], Methods(image).Index().Where(m => !m.Item.AggressiveOptimization).Select(m => m.Index + 1));
        NativeForm.MarkFinal(image);
        Assert.All(Methods(image), m => Assert.True(m.AggressiveOptimization));
        Assert.Equal([1, 7], NativeForm.CompiledRows(image).Order());
    }

    [Fact]
    public void Whole_NoTranslation_IsRefused()
        => Assert.Throws<BadImageFormatException>(() => NativeForm.Whole(new byte[1000]));

    /// <summary>Whether a function is left in parts for crossgen2, too, by the bound on what it is given.</summary>
    private static bool IsTooLarge(MethodDefinition method) => method.Body.CodeSize > 300 * 60;

    private static MethodDefinition[] Methods(byte[] assembly)
        => [.. ModuleDefinition.ReadModule(new MemoryStream(assembly)).Types.SelectMany(t => t.Methods)];

    private static TranslatedModule Load(byte[] assembly) => new(new AssemblyLoadContext("form").LoadFromStream(new MemoryStream(assembly)));
}
