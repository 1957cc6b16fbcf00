using Cheri2IL.Cli.Cache;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Diagnostics.Tracing;
using Xunit;

namespace Cheri2IL.Cli.Tests.Cache;

/// <summary>The cache of translations as users meet it.</summary>
public sealed partial class CacheTests : IDisposable
{
    /// <summary>Types of our own, and generic ones of those, that the start of a small program may load.</summary>
    private const int MostTypes = 400;

    private readonly TemporaryDirectory _directory = new();

    private static string Fib { get; } = Path.Combine(Repository.Root(), "corpus", "kernels", "bin", "fib.elf");

    private string Folder => Path.Combine(_directory.Path, "cache", "cheri2il", "translations");

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(-1)]
    public void Run_EntryCutOff_WarnsOnceAndMakesItAnew(int length)
    {
        var expected = ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        var entry = Assert.Single(Directory.GetFiles(Folder, "*.dll"));
        var whole = File.ReadAllBytes(entry);
        File.WriteAllBytes(entry, whole[..(length < 0 ? whole.Length - 1 : length)]);
        var damaged = ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        Assert.Equal((0, expected.Output), (damaged.ExitCode, damaged.Output));
        Assert.Matches(@"\Acheri2il: warning: [^\n]+\.dll is damaged \([^\n]+\) and is made anew\n\z", damaged.Error);
        Assert.Equal(whole, File.ReadAllBytes(entry));
        Assert.Equal(expected, ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello));
    }

    [Fact]
    public void Run_EntryOverwritten_WarnsAndMakesItAnew()
    {
        var expected = ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        var entry = Assert.Single(Directory.GetFiles(Folder, "*.dll"));
        var content = File.ReadAllBytes(entry);
        content.AsSpan(0, content.Length / 2).Clear();
        File.WriteAllBytes(entry, content);
        var damaged = ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        Assert.Equal((0, expected.Output), (damaged.ExitCode, damaged.Output));
        Assert.Contains("is damaged", damaged.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ProgramReplacedInPlace_RunsTheNewOne()
    {
        var program = Path.Combine(_directory.Path, "program.elf");
        foreach (var source in (string[])[CorpusFiles.Hello, Fib, CorpusFiles.Hello])
        {
            // Same name and, where the file system keeps it, same inode, within one tick of its clock.
            File.Copy(source, program, overwrite: true);
            var expected = ToolProcess.Run(_directory.Path, "run", source).Output;
            Assert.Equal(WithoutTimes(expected.Replace(source, program, StringComparison.Ordinal)), WithoutTimes(ToolProcess.Run(_directory.Path, "run", program).Output));
        }

        static string WithoutTimes(string output) => string.Join('\n', output.Split('\n').Select(l => l.Split(" seconds")[0].TrimEnd("0123456789.".ToCharArray())));
    }

    [Fact]
    public void Run_BeyondTheLimit_KeepsWhatWasUsedLast()
    {
        string[] programs = [CorpusFiles.Hello, Fib];
        foreach (var program in programs)
            Assert.Equal(0, ToolProcess.RunWith(_directory.Path, [("CHERI2IL_CACHE_SIZE", "1K")], "run", program).ExitCode);
        var left = Assert.Single(List().RootElement.EnumerateArray());
        Assert.Equal(Fib, Assert.Single(left.GetProperty("programs").EnumerateArray()).GetString());
        Assert.Single(Directory.GetFiles(Folder, "*.start"));

        // The older one of two goes when both do not fit any more.
        var bytes = left.GetProperty("bytes").GetInt64();
        File.SetLastWriteTimeUtc(Assert.Single(Directory.GetFiles(Folder, "*.dll")), DateTime.UtcNow.AddDays(-1));
        Assert.Equal(0, ToolProcess.RunWith(_directory.Path, [("CHERI2IL_CACHE_SIZE", $"{bytes * 3}")], "run", CorpusFiles.Hello).ExitCode);
        Assert.Equal(2, List().RootElement.GetArrayLength());
    }

    [Fact]
    public void Run_UsedAgainAfterLong_IsNotedAsUsed()
    {
        ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        var entry = Assert.Single(Directory.GetFiles(Folder, "*.dll"));
        File.SetLastWriteTimeUtc(entry, DateTime.UtcNow.AddDays(-1));
        ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        Assert.True(DateTime.UtcNow - File.GetLastWriteTimeUtc(entry) < TimeSpan.FromHours(1));
    }

    [Fact]
    public async Task Run_ManyAtOnceOnAColdCache_AllSucceed()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello))));
        // On a busy machine they report progress, but nothing else.
        Assert.All(results, r => Assert.Equal((0, results[0].Output), (r.ExitCode, r.Output)));
        Assert.All(results, r => Assert.DoesNotContain("warning", r.Error, StringComparison.Ordinal));
        Assert.Single(Directory.GetFiles(Folder, "*.dll"));
        Assert.Empty(Directory.GetFiles(Folder, "*.tmp"));
    }

    [Fact]
    public async Task Load_OthersDeleteMeanwhile_AlwaysGivesTheModule()
    {
        var assembly = CorpusTranslations.Of("corpus/hello/bin/hello.elf", Translator.Passes.CheckMode.Optimized).Assembly;
        var cache = new TranslationCache(Folder);
        using var end = new CancellationTokenSource();
        var others = Task.Run(() =>
        {
            while (!end.IsCancellationRequested)
            {
                foreach (var file in Directory.Exists(Folder) ? Directory.GetFiles(Folder, "*.dll") : [])
                    File.Delete(file);
            }
        });
        for (var k = 0; k < 200; k++)
        {
            Assert.NotEqual(0, cache.Load($"{k:x32}", () => assembly).Module.EntryCount);
            Assert.True(new CacheContents(cache).Bytes >= 0);
        }

        await end.CancelAsync();
        await others;
    }

    [Fact]
    public void Cache_ShownListedAndCleared_TellsTheSame()
    {
        ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        using (var shown = Json("cache", "--json"))
        {
            Assert.Equal(Folder, shown.RootElement.GetProperty("path").GetString());
            Assert.Equal(1, shown.RootElement.GetProperty("entries").GetInt32());
            Assert.Equal(16L << 30, shown.RootElement.GetProperty("limit").GetInt64());
            Assert.Equal(new FileInfo(Assert.Single(Directory.GetFiles(Folder, "*.dll"))).Length, shown.RootElement.GetProperty("bytes").GetInt64());
        }

        Assert.False(Assert.Single(List().RootElement.EnumerateArray()).GetProperty("native").GetBoolean());
        File.WriteAllText(Path.Combine(Folder, "note.txt"), "not the cache's");
        Assert.Equal(0, ToolProcess.Run(_directory.Path, "cache", "clear").ExitCode);
        Assert.Equal(["note.txt"], Directory.GetFiles(Folder).Select(Path.GetFileName));
    }

    [Fact]
    public void Cache_SizeIsNoSize_IsAUsageError()
    {
        var result = ToolProcess.RunWith(_directory.Path, [("CHERI2IL_CACHE_SIZE", "many")], "cache");
        Assert.Equal(64, result.ExitCode);
        Assert.Equal("cheri2il: CHERI2IL_CACHE_SIZE wants bytes, with an optional suffix K, M or G, not 'many'\n", result.Error);
    }

    [Fact]
    public void CacheCompile_NoCrossgen2_SaysHowToGetIt()
    {
        var result = ToolProcess.RunWith(_directory.Path, [("CHERI2IL_CROSSGEN2", "/nonexistent")], "cache", "compile", CorpusFiles.Hello);
        Assert.Equal(69, result.ExitCode);
        Assert.Contains("crossgen2 is not there", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void CacheCompile_AnyProgram_RunsTheSameWithItsMachineCode()
    {
        (string, string)[] crossgen2 = [("CHERI2IL_CROSSGEN2", Crossgen2.Find())];
        var expected = ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        var compiled = ToolProcess.RunWith(_directory.Path, crossgen2, "cache", "compile", CorpusFiles.Hello);
        Assert.Equal((0, ""), (compiled.ExitCode, compiled.Error));
        Assert.True(Assert.Single(List().RootElement.EnumerateArray()).GetProperty("native").GetBoolean());
        Assert.Equal(expected, ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello));
        var compiledAtRunTime = Path.Combine(_directory.Path, "jit");
        Assert.Equal(expected, ToolProcess.RunWith(_directory.Path, [("DOTNET_JitStdOutFile", compiledAtRunTime), ("DOTNET_JitDisasmSummary", "1")], "run", CorpusFiles.Hello));
        Assert.DoesNotContain(File.ReadAllLines(compiledAtRunTime), l => l.Contains("Guest0:", StringComparison.Ordinal));
        Assert.Equal(expected, ToolProcess.RunWith(_directory.Path, [("CHERI2IL_NATIVE", "off")], "run", CorpusFiles.Hello));
    }

    /// <summary>What a start loads and compiles is most of what it costs; .NET's own events and lists say what that is.</summary>
    [Fact]
    public void WarmStart_OfMachineCode_LoadsNeitherTranslatorNorLinqAndCompilesNothingOfTheTool()
    {
        var events = EventsOfWarmStart("0x8:4", out var expected);
        var compiled = Path.Combine(_directory.Path, "jit");
        var bytes = File.ReadAllBytes(events);
        var text = Encoding.Unicode.GetString(bytes) + Encoding.Unicode.GetString(bytes, 1, bytes.Length - 1);
        string[] loaded = [.. AssemblyFile().Matches(text).Select(m => m.Groups[1].Value).Distinct()];
        Assert.Contains("Cheri2IL.Intravisor", loaded);
        string[] unwanted = ["Cheri2IL.Translator", "Cheri2IL.Deployment", "System.CommandLine", "System.Linq", "System.Net.Primitives", "System.Security.Cryptography"];
        Assert.Empty(loaded.Intersect(unwanted));

        Assert.Equal(expected, ToolProcess.RunWith(_directory.Path, [("DOTNET_JitStdOutFile", compiled), ("DOTNET_JitDisasmSummary", "1")], "run", CorpusFiles.Hello));
        Assert.DoesNotContain(File.ReadAllLines(compiled), l => l.Contains("Cheri2IL", StringComparison.Ordinal));
    }

    [Fact]
    public void WarmStart_OfMachineCode_LoadsFewTypes()
    {
        var events = EventsOfWarmStart("0x8000000000:5", out _);
        var types = new HashSet<string>();
        using var source = new EventPipeEventSource(events);
        source.Clr.TypeLoadStop += e => types.Add(e.TypeName);
        source.Process();

        // Each takes .NET some ten microseconds, and a list or dictionary of a type of our own has six to twenty of them. 384 when this was written, 635 before that was looked at.
        Assert.InRange(types.Count(t => t.Contains("Cheri2IL.", StringComparison.Ordinal)), 100, MostTypes);

        // Those of vectors take a tenth of a millisecond and more: what is short is searched and converted without them (PlainText).
        Assert.DoesNotContain(types, t => t.Contains("System.Runtime.Intrinsics.", StringComparison.Ordinal));

        // Tasks, pools of arrays and what they bring up have no business in the run of one small program.
        Assert.DoesNotContain(types, t => t.StartsWith("System.Threading.Tasks.Task`1", StringComparison.Ordinal) || t.StartsWith("System.Buffers.SharedArrayPool", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("relative/folder")]
    public void Folder_OfNobody_IsAClearErrorAndNotMade(string named)
    {
        var result = ToolProcess.RunWith(_directory.Path, [("HOME", "/does/not/exist"), ("XDG_CACHE_HOME", named)], "run", CorpusFiles.Hello);
        Assert.Equal((ExitCode.CannotCreate, "", "cheri2il: there is no home directory to keep translations in: set HOME, or XDG_CACHE_HOME to an absolute path\n"), (result.ExitCode, result.Output, result.Error));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory.Path));
    }

    [GeneratedRegex(@"/([^/\0]+)\.dll")]
    private static partial Regex AssemblyFile();

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    /// <summary>What .NET tells of a run of a small program from a cache with its machine code: path of the file.</summary>
    /// <param name="kinds">Keywords and level of the runtime's provider.</param>
    /// <param name="expected">What the same run gives untold.</param>
    private string EventsOfWarmStart(string kinds, out ToolResult expected)
    {
        (string, string)[] crossgen2 = [("CHERI2IL_CROSSGEN2", Crossgen2.Find())];
        Assert.Equal(0, ToolProcess.RunWith(_directory.Path, crossgen2, "cache", "compile", CorpusFiles.Hello).ExitCode);
        expected = ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello);
        Assert.Equal(0, expected.ExitCode);
        var events = Path.Combine(_directory.Path, "events");
        var start = ToolProcess.Command(["run", CorpusFiles.Hello], _directory.Path, Path.Combine(_directory.Path, "cache"));
        start.FileName = WithoutEventSources();
        start.Environment["DOTNET_EnableEventPipe"] = "1";
        start.Environment["DOTNET_EventPipeOutputPath"] = events;
        start.Environment["DOTNET_EventPipeConfig"] = $"Microsoft-Windows-DotNETRuntime:{kinds}";
        var (exitCode, output, error) = ToolProcess.Run(start);
        Assert.Equal(expected, new ToolResult(exitCode, Encoding.UTF8.GetString(output), error));
        return events;
    }

    /// <summary>
    /// The tool without what .NET has of events in managed code, which loads itself what the tool is not to load; the runtime's own events need none of it: path
    /// of the program.
    /// </summary>
    private string WithoutEventSources()
    {
        const string configuration = "cheri2il.runtimeconfig.json";
        var folder = Path.GetDirectoryName(ToolBuild.Program)!;
        var made = Directory.CreateDirectory(Path.Combine(_directory.Path, "tool")).FullName;
        foreach (var entry in Directory.GetFileSystemEntries(folder))
        {
            var name = Path.GetFileName(entry);
            // The host looks for the rest where these really lie.
            if (name is "cheri2il" or "cheri2il.dll")
                File.Copy(entry, Path.Combine(made, name));
            else if (name != configuration)
                File.CreateSymbolicLink(Path.Combine(made, name), entry);
        }

        var text = File.ReadAllText(Path.Combine(folder, configuration));
        const string properties = "\"configProperties\": {";
        Assert.Contains(properties, text, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(made, configuration), text.Replace(properties, properties + "\"System.Diagnostics.Tracing.EventSource.IsSupported\": false,", StringComparison.Ordinal));
        return Path.Combine(made, "cheri2il");
    }

    private JsonDocument List() => Json("cache", "list", "--json");

    private JsonDocument Json(params string[] arguments)
    {
        var result = ToolProcess.Run(_directory.Path, arguments);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return JsonDocument.Parse(result.Output);
    }
}
