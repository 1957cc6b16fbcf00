using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using Cheri2IL.Cli.Cache;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Elf;
using Cheri2IL.Translator.Emit;
using Cheri2IL.Translator.Passes;
using Cheri2IL.Translator.RunTime;
using Xunit;

namespace Cheri2IL.Cli.Tests.Cache;

/// <summary>Machine code of those methods that runs have used.</summary>
public sealed class UsedMethodsTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private TranslationCache Cache => new(Path.Combine(_directory.Path, "cache", "cheri2il", "translations"));

    [Fact]
    public void Find_TwoMethodsCompiled_ListsThemByTheirFile()
    {
        var path = Path.Combine(_directory.Path, "some.dll");
        File.WriteAllBytes(path, CorpusTranslations.Of("corpus/hello/bin/hello.elf", CheckMode.Optimized).Assembly);
        var module = new TranslatedModule(new AssemblyLoadContext("used").LoadFromAssemblyPath(path));
        RuntimeHelpers.PrepareMethod(module.Method(5));
        RuntimeHelpers.PrepareMethod(module.Method(2));
        Assert.Equal([2, 5], CompiledMethods.Find()[path].Order());
    }

    [Fact]
    public void Note_Twice_GivesAllOfThemOnce()
    {
        Directory.CreateDirectory(Cache.Directory);
        var name = new string('a', 32);
        EntryNotes.UsedMethods.Note(Cache, name, [7, 3]);
        EntryNotes.UsedMethods.Note(Cache, name, [3, 300]);
        Assert.Equal([name], EntryNotes.UsedMethods.Names(Cache));
        Assert.Equal([3, 7, 300], EntryNotes.UsedMethods.Take(Cache, name));
        Assert.Empty(EntryNotes.UsedMethods.Names(Cache));
        Assert.Empty(EntryNotes.UsedMethods.Take(Cache, name));
    }

    /// <summary>.NET ends a process that loads machine code which was compiled against another build: nobody works on another's entries.</summary>
    [Fact]
    public void Notes_OfAnotherBuild_AreLeftToThat()
    {
        Directory.CreateDirectory(Cache.Directory);
        var name = new string('c', 32);
        foreach (var notes in new[] { EntryNotes.UsedMethods, EntryNotes.EvaluatedFunctions })
        {
            notes.Note(Cache, name, [1]);
            var path = Assert.Single(Directory.GetFiles(Cache.Directory));
            var content = File.ReadAllBytes(path);
            content[0] ^= 1;
            File.WriteAllBytes(path, content);
            Assert.Empty(notes.Names(Cache));
            Assert.Empty(notes.Find(Cache, name));
            Assert.True(notes.Has(Cache, name));
            File.WriteAllBytes(path, []);
            Assert.Empty(notes.Names(Cache));
            File.Delete(path);
        }
    }

    [Fact]
    public void CompileEntry_ForAnotherBuild_DoesNothing()
    {
        (string, string)[] crossgen2 = [("CHERI2IL_CROSSGEN2", Crossgen2.Find()), ("CHERI2IL_NATIVE", "wait")];
        Assert.Equal(0, ToolProcess.RunWith(_directory.Path, [("CHERI2IL_NATIVE", "off")], "run", CorpusFiles.Hello).ExitCode);
        var file = Assert.Single(Directory.GetFiles(Cache.Directory, "*.dll"));
        var name = Path.GetFileNameWithoutExtension(file);
        foreach (var (build, files) in new[] { ("0123456789abcdef", 1), (TranslationKey.BuildName, 0) })
        {
            var result = ToolProcess.RunWith(_directory.Path, crossgen2, "cache", "compile-entry", "--build", build, name);
            Assert.Equal((0, ""), (result.ExitCode, result.Error));
            Assert.Equal(files, Directory.GetFiles(Cache.Directory, name + ".dll").Length);
        }
    }

    [Fact]
    public void Notes_OfBothKinds_AreClearedWithTheCache()
    {
        Directory.CreateDirectory(Cache.Directory);
        var name = new string('b', 32);
        EntryNotes.UsedMethods.Note(Cache, name, [1]);
        EntryNotes.EvaluatedFunctions.Note(Cache, name, []);
        Assert.Equal((true, true), (EntryNotes.UsedMethods.Has(Cache, name), EntryNotes.EvaluatedFunctions.Has(Cache, name)));
        new CacheContents(Cache).Clear();
        Assert.Empty(Directory.GetFiles(Cache.Directory));
    }

    [Fact]
    public void CompileEntry_MethodsNoted_CompilesThoseAndEarlierOnes()
    {
        (string, string)[] crossgen2 = [("CHERI2IL_CROSSGEN2", Crossgen2.Find()), ("CHERI2IL_NATIVE", "wait")];
        var expected = ToolProcess.RunWith(_directory.Path, [("CHERI2IL_NATIVE", "off")], "run", CorpusFiles.Hello);
        var name = Path.GetFileNameWithoutExtension(Assert.Single(Directory.GetFiles(Cache.Directory, "*.dll")));
        var all = CompiledInRun(expected);
        int[] halves = [all.Length / 2, all.Length];
        foreach (var count in halves)
        {
            EntryNotes.UsedMethods.Note(Cache, name, all[(count == all.Length ? halves[0] : 0)..count].Select(row => (long)row));
            var compiled = ToolProcess.RunWith(_directory.Path, crossgen2, "cache", "compile-entry");
            Assert.Equal((0, ""), (compiled.ExitCode, compiled.Error));
            Assert.Equal(all[..count], NativeForm.CompiledRows(File.ReadAllBytes(Cache.PartlyNativePathOf(name))).Order());
            Assert.Empty(EntryNotes.UsedMethods.Names(Cache));
            Assert.Equal(all[count..], CompiledInRun(expected));
        }
    }

    /// <summary>What the first run evaluates is translated behind it, as it would be ahead of time, and what the run used is compiled.</summary>
    [Fact]
    public void FirstRun_WithACompilerBehindIt_EvaluatesAndTheNextOneCompilesNextToNothing()
    {
        (string, string)[] crossgen2 = [("CHERI2IL_CROSSGEN2", Crossgen2.Find()), ("CHERI2IL_NATIVE", "wait")];
        var list = Path.Combine(_directory.Path, "jit");
        var expected = ToolProcess.RunWith(_directory.Path, [.. crossgen2, ("DOTNET_JitStdOutFile", list), ("DOTNET_JitDisasmSummary", "1")], "run", CorpusFiles.Hello);
        Assert.Equal((0, ""), (expected.ExitCode, expected.Error));
        Assert.DoesNotContain(File.ReadAllLines(list), l => l.Contains("Guest0:", StringComparison.Ordinal));
        Assert.Empty(EntryNotes.EvaluatedFunctions.Names(Cache));
        Assert.Empty(EntryNotes.UsedMethods.Names(Cache));
        var name = Path.GetFileNameWithoutExtension(Assert.Single(Directory.GetFiles(Cache.Directory, "*.dll"), f => !f.Contains(".x86", StringComparison.Ordinal)));
        Assert.NotEmpty(NativeForm.CompiledRows(File.ReadAllBytes(Cache.PartlyNativePathOf(name))));
        var made = File.ReadAllBytes(Cache.PathOf(name + ".dll"));
        var options = new TranslationOptions();
        var file = File.ReadAllBytes(CorpusFiles.Hello);
        var image = ElfImage.Parse(file, "hello").ToGuestImage(new TranslatedModule(new AssemblyLoadContext("made").LoadFromStream(new MemoryStream(made))).LoadBias);
        Assert.Equal(ModuleTranslator.Translate(image, options, "g_" + name).Assembly, made[..^16]);
        // The function that the entry point jumps to, rather than calls it, is not noted.
        Assert.Single(CompiledInRun(expected));
    }

    /// <summary>Rows of the guest's methods that the JIT compiler compiles in a run.</summary>
    private int[] CompiledInRun(ToolResult expected)
    {
        var list = Path.Combine(_directory.Path, "jit");
        File.Delete(list);
        Assert.Equal(expected, ToolProcess.RunWith(_directory.Path, [("DOTNET_JitStdOutFile", list), ("DOTNET_JitDisasmSummary", "1")], "run", CorpusFiles.Hello));
        var assembly = Assert.Single(Directory.GetFiles(Cache.Directory, "*.dll"), f => !f.Contains(".x86", StringComparison.Ordinal));
        var names = Mono.Cecil.ModuleDefinition.ReadModule(new MemoryStream(File.ReadAllBytes(assembly))).Types.SelectMany(t => t.Methods.Select(m => $"{t.Name}:{m.Name}(")).ToList();
        return [.. File.ReadAllLines(list).Select(l => names.FindIndex(n => l.Contains(n, StringComparison.Ordinal)) + 1).Where(row => row > 0).Distinct().Order()];
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();
}
