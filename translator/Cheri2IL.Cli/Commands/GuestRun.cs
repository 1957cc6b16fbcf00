using System.IO.Enumeration;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Tracing;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Cli.Commands;

/// <summary>Runs one program in one cVM.</summary>
/// <remarks>The ELF file is parsed for loading only; see <see cref="GuestCode"/> for what makes a warm start short.</remarks>
internal static class GuestRun
{
    /// <summary>Runs the guest to its end; the result is the tool's exit status.</summary>
    public static int Execute(RunArguments arguments)
    {
        using var file = InputFile.Open(arguments.Program);
        var root = OpenRoot(arguments.Root);
        if (arguments.Checks == "none")
            Console.Error.WriteLine("cheri2il: warning: --checks=none: this guest is NOT confined");
        if (arguments.Omitted != 0)
            Console.Error.WriteLine("cheri2il: warning: for timing only: the capabilities of this guest are NOT checked as they should be");
        using var statistics = arguments.Stats ? new RunStatistics() : null;
        try
        {
            var code = GuestCode.Load(arguments, file);
            var status = Run(arguments, code.ParseProgram(), code, root, statistics);
            code.KeepForNextStart();
            return status;
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

    private static int Run(RunArguments arguments, ElfExecutable elf, GuestCode code, HostTree? root, RunStatistics? statistics)
    {
        LazyFallback? fallback = null;
        using var traceFile = arguments.TraceFile is { } path ? OpenTrace(path) : null;
        using var cvm = new Cvm(1, new CvmOptions
        {
            Arguments = [ProgramName(arguments.Program), .. arguments.Arguments],
            Environment = arguments.Environment,
            ProgramPath = GuestPath(arguments),
            ProgramFile = code.Image,
            Root = root,
            Limits = new CvmLimits { MemoryBytes = arguments.Memory },
            Trace = arguments.Trace ? Trace(traceFile ?? Console.Error, arguments.TraceFilter) : null,
            SystemCalls = statistics?.SystemCalls,
            // Not the method itself as a delegate: that would open the console's stream for a guest that has nothing to report.
            Report = text => Console.Error.Write(text),
            CodeDescription = code.Describe,
            CodeFactory = (space, dispatch) =>
            {
                fallback = new LazyFallback(code, space.IsExecutable, isPreciseOnDemand: arguments.PreciseFaults == "auto");
                return NewCode(space, dispatch, code.Module, fallback);
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
        statistics?.Write(code.CountsChecks ? cvm.Checks : null, fallback, code.Module.HasCapabilities, arguments.Json);
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
}
