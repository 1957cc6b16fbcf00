using System.Diagnostics;
using System.Runtime.InteropServices;
using Cheri2IL.Translator.Emit;
using Cheri2IL.Translator.RunTime;

namespace Cheri2IL.Cli.Cache;

/// <summary>Runs crossgen2 over entries of the cache. Off the start-up path.</summary>
/// <remarks>
/// The guest's code and the runtime's form one version bubble, so that the runtime's arithmetic is inlined as the JIT compiler
/// does it; the name of an entry depends on the runtime's build, so the two never part.
/// </remarks>
internal static partial class NativeCompiler
{
    private const int LowestPriority = 19;
    private const int PollInterval = 100;

    /// <summary>crossgen2's program file, or null if there is none: beside the tool, or where <c>CHERI2IL_CROSSGEN2</c> says.</summary>
    public static string? Program
    {
        get
        {
            var path = Environment.GetEnvironmentVariable("CHERI2IL_CROSSGEN2") is { Length: > 0 } chosen
                ? chosen
                : Path.Combine(AppContext.BaseDirectory, "crossgen2", "crossgen2");
            return File.Exists(path) ? path : null;
        }
    }

    /// <summary>Whether entries are compiled at all.</summary>
    public static bool IsUsed => NativeCode.IsEnabled && Program is not null;

    /// <summary>
    /// Compiles entries, one after another, those of which methods were noted (<see cref="EntryNotes.UsedMethods"/>) first, in a process of its own that has the lowest priority, says nothing, and outlives this one unless
    /// <see cref="NativeCode.IsAwaited"/>.
    /// </summary>
    public static void StartInBackground(TranslationCache cache, IEnumerable<string> names)
    {
        string[] entries = [.. names.Where(n => !File.Exists(FailureOf(cache, n)))];
        string[] tool = HostProgram.Self();
        var start = new ProcessStartInfo(tool[0], [.. tool[1..], "cache", "compile-entry", "--build", TranslationKey.BuildName, .. entries])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start);
        if (NativeCode.IsAwaited)
            process?.WaitForExit();
    }

    /// <summary>Compiles an entry, unless another process does or has done.</summary>
    /// <exception cref="ToolException">crossgen2 is missing, or failed.</exception>
    public static void Compile(TranslationCache cache, string name)
    {
        using var gate = TryLock(cache.PathOf(name + ".lock"));
        if (gate is null || cache.HasNative(name) || !File.Exists(cache.PathOf(name + ".dll")))
            return;
        cache.StoreNative(name, Make(cache, name, used: null));
    }

    /// <summary>Compiles those methods of an entry that runs have used (<see cref="EntryNotes.UsedMethods"/>), and those that were compiled for earlier ones.</summary>
    /// <exception cref="ToolException">crossgen2 is missing, or failed.</exception>
    private static void CompileUsed(TranslationCache cache, string name)
    {
        using var gate = TryLock(cache.PathOf(name + ".lock"));
        if (gate is null)
            return;
        var rows = EntryNotes.UsedMethods.Take(cache, name).Select(row => (int)row).ToHashSet();
        if (cache.HasNative(name) || !File.Exists(cache.PathOf(name + ".dll")) || File.Exists(FailureOf(cache, name)))
            return;
        if (TranslationCache.TryRead(cache.PartlyNativePathOf(name)) is { } earlier)
            rows.UnionWith(NativeForm.CompiledRows(earlier));
        cache.StorePartlyNative(name, Make(cache, name, rows));
    }

    /// <summary>What crossgen2 makes of an entry that is locked, or of some of its methods. A failure is noted, so that not every run tries again.</summary>
    /// <exception cref="ToolException">crossgen2 is missing, or failed.</exception>
    private static byte[] Make(TranslationCache cache, string name, IReadOnlySet<int>? used)
    {
        if (Program is not { } program)
            throw new ToolException(ExitCode.Unavailable, "crossgen2 is not there: let tools/cheri2il build the tool with access to NuGet, or set CHERI2IL_CROSSGEN2");
        var path = cache.PathOf(name + ".dll");
        var directory = Directory.CreateTempSubdirectory("cheri2il-");
        try
        {
            var input = Path.Combine(directory.FullName, name + ".il.dll");
            var output = Path.Combine(directory.FullName, name + ".dll");
            var assembly = File.ReadAllBytes(path);
            if (used is not null)
                NativeForm.LeaveOut(assembly, used);
            else
                assembly = NativeForm.Whole(assembly);
            File.WriteAllBytes(input, assembly);
            Run(program, input, output);
            var image = File.ReadAllBytes(output);
            NativeForm.MarkFinal(image);
            return image;
        }
        catch (Exception error) when (error is ToolException or BadImageFormatException)
        {
            File.WriteAllText(FailureOf(cache, name), error.Message);
            throw error as ToolException ?? new ToolException(ExitCode.BadInput, $"{path} is damaged: {error.Message}");
        }
        finally
        {
            directory.Delete(recursive: true);
            File.Delete(cache.PathOf(name + ".lock"));
        }
    }

    /// <summary>
    /// Compiles entries one after another, with the lowest priority, unless another process is at that: one alone does it, and what it does not
    /// come to, later runs ask for again. Methods that runs have used come first, those of runs that end meanwhile included. If somebody waits for it,
    /// it waits for the other process and takes its priority.
    /// </summary>
    /// <exception cref="ToolException">crossgen2 is missing, or failed.</exception>
    public static void CompileAlone(TranslationCache cache, IEnumerable<string> names)
    {
        FileStream? gate;
        while ((gate = TryLock(cache.PathOf("compile.lock"))) is null)
        {
            if (!NativeCode.IsAwaited)
                return;
            Thread.Sleep(PollInterval);
        }

        using var held = gate;
        if (!NativeCode.IsAwaited)
            LowerPriority();
        foreach (var name in EntryNotes.EvaluatedFunctions.Names(cache))
            EvaluatedTranslator.Translate(cache, name);
        CompileAllUsed(cache);
        foreach (var name in names)
        {
            Compile(cache, name);
            CompileAllUsed(cache);
        }
    }

    private static void CompileAllUsed(TranslationCache cache)
    {
        foreach (var name in EntryNotes.UsedMethods.Names(cache))
            CompileUsed(cache, name);
    }

    /// <summary>Lets everything else on the machine go first.</summary>
    private static void LowerPriority() => _ = SetPriority(0, 0, LowestPriority);

    /// <summary>Compiles one translated assembly.</summary>
    /// <exception cref="ToolException">crossgen2 failed.</exception>
    private static void Run(string program, string input, string output)
    {
        var runtime = typeof(Cheri2IL.Runtime.Execution.GuestState).Assembly.Location;
        var start = new ProcessStartInfo(
            program,
            [
                input, "--out:" + output, "--optimize", "--targetos:linux", "--targetarch:x64", "--instruction-set:" + NativeCode.Processor,
                "--reference:" + Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "*.dll"), "--reference:" + runtime,
                "--inputbubble", "--inputbubbleref:" + runtime,
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0 || !File.Exists(output))
            throw new ToolException(ExitCode.Failure, $"crossgen2 failed: {(error.Result + text).Trim().Split('\n')[0]}");
    }

    private static string FailureOf(TranslationCache cache, string name) => cache.PathOf(name + ".failed");

    private static FileStream? TryLock(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
        }
        catch (IOException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int who, int priority);
}
