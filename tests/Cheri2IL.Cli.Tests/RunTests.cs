using System.Text.Json;
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
        Assert.All(cached, c => Assert.True(Path.GetExtension(c.Path) is ".dll" or ".start", c.Path));
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
    public void Run_Stats_GoToStderr()
    {
        var result = ToolProcess.Run(_directory.Path, "run", "--stats", CorpusFiles.Hello);
        Assert.Equal(0, result.ExitCode);
        Assert.Matches("(?m)^  jit$", result.Error);
        Assert.Matches("(?m)^    write [1-9]", result.Error);
    }

    [Fact]
    public void Run_StatsAsJson_CountsWhatTheGuestDid()
    {
        using var all = Statistics("--checks=all", CorpusFiles.Hello);
        using var optimized = Statistics("--checks=optimized", CorpusFiles.Hello);
        var (required, made) = (all.RootElement.GetProperty("checks"), optimized.RootElement.GetProperty("checks"));
        Assert.True(required.GetProperty("load").GetInt64() > 10);
        Assert.Equal(0, required.GetProperty("elidedLoad").GetInt64() + required.GetProperty("elidedStore").GetInt64());
        foreach (var (kind, elided) in (ReadOnlySpan<(string, string)>)[("load", "elidedLoad"), ("store", "elidedStore")])
        {
            Assert.True(made.GetProperty(elided).GetInt64() > 0);
            Assert.Equal(required.GetProperty(kind).GetInt64(), made.GetProperty(kind).GetInt64() + made.GetProperty(elided).GetInt64());
        }

        foreach (var root in (ReadOnlySpan<JsonElement>)[all.RootElement, optimized.RootElement])
        {
            Assert.Equal(["write:1", "exit_group:1"], root.GetProperty("systemCalls").EnumerateObject().Select(c => $"{c.Name}:{c.Value}"));
            Assert.Equal((1, 0), (root.GetProperty("modules").GetInt32(), root.GetProperty("regionsTranslatedAtRunTime").GetInt32()));
            var guest = root.GetProperty("jit").GetProperty("guest");
            Assert.True(guest.GetProperty("methods").GetInt32() > 2);
            Assert.True(guest.GetProperty("ilBytes").GetInt32() > 100);
            Assert.True(guest.GetProperty("codeBytes").GetInt32() > 100);
        }
    }

    [Fact]
    public void Run_Trace_GoesToStderr()
    {
        var result = ToolProcess.Run(_directory.Path, "run", "--trace", CorpusFiles.Hello);
        Assert.Equal("write(1, \"Hello from a RISC-V guest\\n\", 26) = 26\nexit_group(0) = ?\n+++ exited with 0 +++\n", result.Error);
        Assert.Equal((0, "Hello from a RISC-V guest\n"), (result.ExitCode, result.Output));
    }

    [Fact]
    public void Run_TraceToFile_IsFiltered()
    {
        var result = ToolProcess.Run(_directory.Path, "run", "--trace=trace.txt", "--trace-filter=exit*,op?nat", CorpusFiles.Hello);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(["exit_group(0) = ?", "+++ exited with 0 +++"], File.ReadAllLines(Path.Combine(_directory.Path, "trace.txt")));
    }

    [Fact]
    public void Run_TraceCannotBeCreated_RunsNothing()
    {
        var result = ToolProcess.Run(_directory.Path, "run", "--trace=absent/trace.txt", CorpusFiles.Hello);
        Assert.Equal((ExitCode.CannotCreate, ""), (result.ExitCode, result.Output));
        Assert.Matches(@"\Acheri2il: --trace: absent/trace.txt: [^\n]+\n\z", result.Error);
    }

    [Fact]
    public void Run_StatsOfAGuestThatHandlesFaults_CountTheSecondTranslation()
    {
        var guest = Path.Combine(Repository.Root(), "corpus", "programs", "bin", "signals.elf");
        // It ends by a signal of its own.
        var result = ToolProcess.Run(_directory.Path, "run", "--stats=json", guest);
        using var statistics = JsonDocument.Parse(result.Error.TrimEnd('\n').Split('\n')[^1]);
        // Two of the program, and two of the vDSO, to which handlers return.
        Assert.Equal(4, statistics.RootElement.GetProperty("modules").GetInt32() - statistics.RootElement.GetProperty("regionsTranslatedAtRunTime").GetInt32());
        Assert.True(statistics.RootElement.GetProperty("systemCalls").GetProperty("rt_sigaction").GetInt32() > 0);
    }

    [Fact]
    public void Run_StatsOfAnAssembly_SayThatChecksAreNotCounted()
    {
        var assembly = Path.Combine(_directory.Path, "hello.dll");
        Assert.Equal(0, ToolProcess.Run(_directory.Path, "translate", "-o", assembly, CorpusFiles.Hello).ExitCode);
        using var statistics = Statistics(assembly);
        Assert.Equal(JsonValueKind.Null, statistics.RootElement.GetProperty("checks").ValueKind);
        Assert.Contains("checks not counted", ToolProcess.Run(_directory.Path, "run", "--stats", assembly).Error, StringComparison.Ordinal);
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
        Assert.Equal((ExitCode.NoInput, "", "cheri2il: --root: absent: no such file or directory\n"), (result.ExitCode, result.Output, result.Error));
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

    private JsonDocument Statistics(params string[] arguments)
    {
        var result = ToolProcess.Run(_directory.Path, ["run", "--stats=json", .. arguments]);
        Assert.Equal(0, result.ExitCode);
        return JsonDocument.Parse(result.Error);
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private (string Path, DateTime Written)[] Cached()
        => [.. Directory.GetFiles(Path.Combine(_directory.Path, "cache", "cheri2il", "translations")).Order(StringComparer.Ordinal).Select(f => (f, File.GetLastWriteTimeUtc(f)))];
}
