using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>Guests run by the tool as users run it.</summary>
public sealed class RunTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Run_Hello_PrintsAndIsCached()
    {
        var first = ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        Assert.Equal((0, ""), (first.ExitCode, first.Error));
        var cached = Cached();
        Assert.NotEmpty(cached);
        Assert.All(cached, c => Assert.EndsWith(".dll", c.Path, StringComparison.Ordinal));
        var second = ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        Assert.Equal(first, second);
        Assert.Equal(cached, Cached());
    }

    [Theory]
    [InlineData("--checks=all")]
    [InlineData("--checks=optimized")]
    [InlineData("--no-cache")]
    public void Run_HelloWithOptions_PrintsTheSame(string option)
    {
        var plain = ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        var result = ToolProcess.Run(_directory.Path, "run", option, CorpusFiles.Hello);
        Assert.Equal((0, plain.Output, ""), (result.ExitCode, result.Output, result.Error));
        Assert.NotEqual("", plain.Output);
    }

    [Fact]
    public void Run_TranslatedAssembly_PrintsTheSame()
    {
        var assembly = Path.Combine(_directory.Path, "hello.dll");
        Assert.Equal(0, ToolProcess.Run(_directory.Path, "translate", "-o", assembly, CorpusFiles.Hello).ExitCode);
        var expected = ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        var result = ToolProcess.Run(_directory.Path, "run", assembly);
        Assert.Equal((0, expected.Output.Replace(CorpusFiles.Hello, assembly, StringComparison.Ordinal), ""), (result.ExitCode, result.Output, result.Error));
    }

    [Fact]
    public void Run_ChecksNone_SaysThatTheGuestIsUnconfined()
    {
        var result = ToolProcess.Run(_directory.Path, "run", "--checks=none", CorpusFiles.Hello);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("NOT confined", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_CacheNotWritable_RunsAllTheSame()
    {
        _directory.Write("cache", []);
        var result = ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("warning: the cache of translations cannot be used", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_CachedTranslationDamaged_RunsAllTheSame()
    {
        var first = ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        foreach (var (path, _) in Cached())
            File.WriteAllBytes(path, File.ReadAllBytes(path)[..1000]);
        var second = ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        Assert.Equal((0, first.Output), (second.ExitCode, second.Output));
    }

    [Fact]
    public void Run_Stats_GoToStderr()
    {
        var result = ToolProcess.Run(_directory.Path, "run", "--stats", CorpusFiles.Hello);
        Assert.Equal(0, result.ExitCode);
        Assert.Matches("JIT compiler: [1-9][0-9]* methods", result.Error);
    }

    [Theory]
    [InlineData("absent.elf", ExitCode.NoInput)]
    [InlineData("", ExitCode.Usage)]
    public void Run_NoProgram_OneLineAndStatus(string program, int status)
    {
        string[] arguments = program.Length == 0 ? ["run"] : ["run", program];
        var result = ToolProcess.Run(_directory.Path, arguments);
        Assert.Equal((status, ""), (result.ExitCode, result.Output));
        Assert.Matches(@"\Acheri2il: [^\n]+\n\z", result.Error);
        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public void Run_RootMissing_NoInputStatus()
    {
        var result = ToolProcess.Run(_directory.Path, "run", "--root", "absent", CorpusFiles.Hello);
        Assert.Equal((ExitCode.NoInput, "", "cheri2il: --root: absent: no such directory\n"), (result.ExitCode, result.Output, result.Error));
    }

    [Fact]
    public void Run_NotAProgram_BadInputStatusAndNothingCached()
    {
        var path = _directory.Write("text", "hello\n"u8.ToArray());
        var result = ToolProcess.Run(_directory.Path, "run", path);
        Assert.Equal((ExitCode.BadInput, ""), (result.ExitCode, result.Output));
        Assert.Matches(@"\Acheri2il: [^\n]+\n\z", result.Error);
        Assert.Equal([path], Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public void Run_AssemblyThatIsNotATranslation_BadInputStatus()
    {
        var result = ToolProcess.Run(_directory.Path, "run", typeof(RunTests).Assembly.Location);
        Assert.Equal((ExitCode.BadInput, ""), (result.ExitCode, result.Output));
        Assert.Matches(@"\Acheri2il: [^\n]+\n\z", result.Error);
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private (string Path, DateTime Written)[] Cached()
        => [.. Directory.GetFiles(Path.Combine(_directory.Path, "cache", "cheri2il")).Order(StringComparer.Ordinal).Select(f => (f, File.GetLastWriteTimeUtc(f)))];
}
