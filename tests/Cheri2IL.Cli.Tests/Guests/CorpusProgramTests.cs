using Cheri2IL.Translator;
using Cheri2IL.Translator.Emit;
using Xunit;

namespace Cheri2IL.Cli.Tests.Guests;

/// <summary>The committed kernels and programs print what their sources promise, with every way of translating them.</summary>
public sealed class CorpusProgramTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    /// <summary>Paths, without extension, of guests that have an expected output beside their source.</summary>
    public static TheoryData<string> Programs(string folder)
    {
        var data = new TheoryData<string>();
        foreach (var output in Directory.GetFiles(Path.Combine(Repository.Root(), "corpus", folder), "*.out").Order(StringComparer.Ordinal))
            data.Add(Path.GetFileNameWithoutExtension(output));
        return data;
    }

    [Theory]
    [MemberData(nameof(Programs), "kernels")]
    public void Kernel_PrintsExpectedOutput(string name) => AssertOutput("kernels", name, Elf("kernels", name));

    [Theory]
    [MemberData(nameof(Programs), "programs")]
    public void Program_PrintsExpectedOutput(string name)
    {
        AssertOutput("programs", name, Elf("programs", name));
        AssertOutput("programs", name, "--checks=all", Elf("programs", name));
        AssertOutput("programs", name, "--precise-faults=always", Elf("programs", name));
    }

    [Theory]
    [MemberData(nameof(Programs), "programs")]
    public void Program_TranslatedInSmallParts_PrintsTheSame(string name)
    {
        AssertSameInParts("programs", name);
        AssertSameInParts("programs", name, preciseFaults: true);
    }

    [Theory]
    [InlineData("interp")]
    [InlineData("json")]
    [InlineData("quicksort")]
    public void Kernel_TranslatedInSmallParts_PrintsTheSame(string name) => AssertSameInParts("kernels", name);

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private static string Elf(string folder, string name) => Path.Combine(Repository.Root(), "corpus", folder, "bin", name + ".elf");

    private void AssertSameInParts(string folder, string name, bool preciseFaults = false)
    {
        // Functions that are large enough to be split in earnest are rare; here every function of more than a few blocks is.
        var options = new TranslationOptions { MaxCodeBytes = 300, PreciseFaults = preciseFaults };
        var translation = ModuleTranslator.Translate(GuestProgram.Load(Elf(folder, name)).Image, options, "parts");
        Assert.True(translation.Statistics.Methods > translation.Statistics.Functions * 3 / 2, "hardly any function was split");
        AssertOutput(folder, name, _directory.Write(name + ".dll", translation.Assembly));
        AssertOutput(folder, name, _directory.Write(name + ".whole.dll", NativeForm.Whole(translation.Assembly)));
    }

    private void AssertOutput(string folder, string name, params string[] arguments)
    {
        var result = ToolProcess.Run(_directory.Path, ["run", .. arguments]);
        var expected = File.ReadAllText(Path.Combine(Repository.Root(), "corpus", folder, name + ".out"));
        Assert.Equal(expected, result.Output);
        Assert.Equal(name == "signals" ? 128 + 10 : 0, result.ExitCode);
    }
}
