using System.IO.Enumeration;
using System.Runtime.Loader;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Tracing;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Elf;
using Cheri2IL.Translator.RunTime;

namespace Cheri2IL.Cli.Commands;

/// <summary>Runs one program in one cVM.</summary>
/// <remarks>
/// On the path of a warm cache nothing of the translator proper is touched: the ELF file is parsed for loading only, and
/// the run-time translator is made when a guest pc is missed for the first time.
/// </remarks>
internal static class GuestRun
{
    /// <summary>Runs the guest to its end; the result is the tool's exit status.</summary>
    public static int Execute(RunArguments arguments)
    {
        var file = InputFile.Read(arguments.Program);
        var root = OpenRoot(arguments.Root);
        if (arguments.Checks == "none")
            Console.Error.WriteLine("cheri2il: warning: --checks=none: this guest is NOT confined");
        using var statistics = arguments.Stats ? new RunStatistics(countsChecks: !GuestProgram.IsAssembly(file)) : null;
        var options = new TranslationOptions { Checks = CommonOptions.ParseChecks(arguments.Checks), CountChecks = arguments.Stats, PreciseFaults = arguments.PreciseFaults == "always" };
        var cache = arguments.NoCache ? null : new TranslationCache(TranslationCache.DefaultDirectory);
        try
        {
            var module = GuestProgram.IsAssembly(file) ? LoadAssembly(arguments.Program) : Translated(arguments.Program, file, options, ref cache);
            var image = GuestProgram.IsAssembly(file) ? module.ReadImage() : file;
            var elf = ElfExecutable.Parse(image, arguments.Program);
            if (elf.Interpreter is { } interpreter)
                throw new ToolException(ExitCode.BadInput, $"{arguments.Program}: is dynamically linked (it needs {interpreter}); only static programs can be run yet");
            if (elf.Entry == 0)
                throw new ToolException(ExitCode.BadInput, $"{arguments.Program}: is a shared object, not a program");
            return Run(arguments, elf, image, root, module, options, cache, statistics);
        }
        catch (ElfFormatException error)
        {
            throw new ToolException(ExitCode.BadInput, error.Message);
        }
        catch (CvmLoadException error)
        {
            throw new ToolException(ExitCode.BadInput, $"{arguments.Program}: {error.Message}");
        }
    }

    private static int Run(RunArguments arguments, ElfExecutable elf, byte[] image, HostTree? root, TranslatedModule module, TranslationOptions options, TranslationCache? cache, RunStatistics? statistics)
    {
        LazyFallback? fallback = null;
        using var traceFile = arguments.TraceFile is { } path ? OpenTrace(path) : null;
        using var cvm = new Cvm(1, new CvmOptions
        {
            Arguments = [ProgramName(arguments.Program), .. arguments.Arguments],
            Environment = arguments.Environment,
            ProgramPath = GuestPath(arguments),
            ProgramFile = image,
            Root = root,
            Limits = new CvmLimits { MemoryBytes = arguments.Memory },
            Trace = arguments.Trace ? Trace(traceFile ?? Console.Error, arguments.TraceFilter) : null,
            SystemCalls = statistics?.SystemCalls,
            Report = Console.Error.Write,
            CodeDescription = () => new CodeDescription(ElfImage.Parse(image, arguments.Program).ToGuestImage(module.LoadBias)),
            CodeFactory = (space, dispatch) =>
            {
                fallback = new LazyFallback(() => new RunTimeTranslator(
                    ElfImage.Parse(image, arguments.Program).ToGuestImage(module.LoadBias), options, cache, space.IsExecutable),
                    isPreciseOnDemand: arguments.PreciseFaults == "auto");
                return NewCode(space, dispatch, module, fallback);
            },
        });
        cvm.Start(elf);
        var timedOut = false;
        if (arguments.Timeout is { } limit && !cvm.Completion.Wait(limit))
        {
            timedOut = true;
            cvm.Exit(0);
        }

        var exit = cvm.Wait();
        statistics?.Write(cvm.Checks, fallback, arguments.Json);
        return timedOut ? ExitCode.TimedOut : exit.ShellStatus;
    }

    /// <summary>The program's path as the guest sees it: its place below the root, or else a file in the root directory.</summary>
    private static string GuestPath(RunArguments arguments)
    {
        if (arguments.Root is { } root)
        {
            var relative = Path.GetRelativePath(root, arguments.Program);
            if (!Path.IsPathRooted(relative) && !relative.StartsWith("../", StringComparison.Ordinal) && relative != "..")
                return "/" + relative;
        }

        return "/" + Path.GetFileName(ProgramName(arguments.Program));
    }

    /// <summary>What the guest takes for its name: multi-call programs look at it, so "busybox.dll" has to be "busybox".</summary>
    private static string ProgramName(string path)
        => path.EndsWith(".dll", StringComparison.Ordinal) ? path[..^4] : path;

    /// <summary>Written through, so that the trace of a guest that is killed is whole.</summary>
    private static StreamWriter OpenTrace(string path)
    {
        try
        {
            return new StreamWriter(path) { AutoFlush = true };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ToolException(ExitCode.CannotCreate, $"--trace: {path}: {error.Message}");
        }
    }

    private static SyscallTrace Trace(TextWriter output, IReadOnlyList<string> filter)
        => new(output.WriteLine, filter.Count == 0 ? null : name => filter.Any(f => FileSystemName.MatchesSimpleExpression(f, name, ignoreCase: false)));

    private static HostTree? OpenRoot(string? root)
    {
        try
        {
            return root is null ? null : new HostTree(root);
        }
        catch (DirectoryNotFoundException)
        {
            throw new ToolException(ExitCode.NoInput, $"--root: {root}: no such directory");
        }
    }

    private static unsafe TranslatedCode NewCode(AddressSpace space, DispatchTable dispatch, TranslatedModule module, LazyFallback fallback)
        => new(dispatch, [module], space.IsExecutable, fallback, space.Base);

    private static TranslatedModule Translated(string path, byte[] file, TranslationOptions options, ref TranslationCache? cache)
    {
        // Malformed files end here, before anything is looked up or written.
        var elf = ElfExecutable.Parse(file, path);
        var name = TranslationCache.Key(file, options);
        var context = new AssemblyLoadContext("guest");
        if (cache is null)
            return new TranslatedModule(context.LoadFromStream(new MemoryStream(Translate(path, file, elf, options, name))));
        try
        {
            return new TranslatedModule(context.LoadFromAssemblyPath(cache.GetOrAdd(name, () => Translate(path, file, elf, options, name))));
        }
        catch (Exception error) when (error is UnauthorizedAccessException or IOException or BadImageFormatException)
        {
            // A cache that cannot be written, or was damaged, costs time and nothing else.
            Console.Error.WriteLine($"cheri2il: warning: the cache of translations cannot be used: {error.Message.ReplaceLineEndings(" ")}");
            cache = null;
            return Translated(path, file, options, ref cache);
        }
    }

    private static byte[] Translate(string path, byte[] file, ElfExecutable elf, TranslationOptions options, string name)
    {
        var progress = new TranslationProgress(Path.GetFileName(path));
        var image = ElfImage.Parse(file, path).ToGuestImage(GuestProgram.BiasOf(elf));
        var translation = ModuleTranslator.Translate(image, options with { Progress = progress.Report }, "g_" + name);
        progress.Finish(translation.Statistics.Instructions, translation.Statistics.Elapsed);
        return translation.Assembly;
    }

    private static TranslatedModule LoadAssembly(string path)
    {
        try
        {
            return new TranslatedModule(new AssemblyLoadContext("guest").LoadFromAssemblyPath(Path.GetFullPath(path)));
        }
        catch (Exception error) when (error is BadImageFormatException or FileLoadException)
        {
            throw new ToolException(ExitCode.BadInput, $"{path}: {error.Message}");
        }
    }
}
