using Cheri2IL.Deployment.Archives;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;

namespace Cheri2IL.Cli.Commands;

/// <summary>Runs one program in one cVM.</summary>
/// <remarks>The ELF file is parsed for loading only; see <see cref="TranslatedFiles"/> for what makes a warm start short.</remarks>
internal static class GuestRun
{
    /// <summary>Runs the guest to its end; the result is the tool's exit status.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="sources">What is waited for before the guest is started; null: nothing is.</param>
    public static int Execute(RunArguments arguments, SourceCheck? sources = null)
    {
        var root = arguments.Root is { } path ? RootInput.Open(path, "--root") : null;
        if (arguments.Checks == "none")
            Console.Error.WriteLine("cheri2il: warning: --checks=none: this guest is NOT confined");
        if (arguments.Omitted != 0)
            Console.Error.WriteLine("cheri2il: warning: for timing only: the capabilities of this guest are NOT checked as they should be");
        using var statistics = arguments.Stats ? new RunStatistics() : null;
        try
        {
            var files = new TranslatedFiles(arguments) { EvaluatesFirst = true };
            var status = Run(arguments, files, root, statistics, sources);
            files.KeepForNextStart();
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

    private static int Run(RunArguments arguments, TranslatedFiles files, RootFile? root, RunStatistics? statistics, SourceCheck? sources)
    {
        List<string> command = [];
        if (arguments.Program.Length > 0)
            command.Add(arguments.Program);
        command.AddRange(arguments.Program.Length > 0 ? arguments.Arguments : root!.Configuration.Command);
        if (command.Count == 0)
            throw new ToolException(ExitCode.Usage, $"no program given, and {arguments.Root} names none (see 'cheri2il run --help')");
        var inside = root is null ? null : FindInside(root, command[0], arguments);
        if (inside is null && arguments.Program.Length == 0)
            throw new ToolException(ExitCode.BadInput, $"{arguments.Root}: the image wants to run {command[0]}, which it does not have");
        var loading = inside is not null ? null : new ProgramLoad(files, command[0]);
        if (inside is not null)
            new Thread(() => files.Prefetch(root!.Tree, inside)) { IsBackground = true }.Start();
        // Making a cVM concerns nobody else, unless it takes the terminal or writes files of the host.
        if (arguments.TraceFile is not null || arguments.Upper is not null || HostTerminal.IsOurs)
            sources?.End();
        using var traceFile = arguments.TraceFile is { } path ? OpenTrace(path) : null;
        using var terminal = HostTerminal.Open();
        var options = new CvmOptions
        {
            Arguments = (string[])[ProgramName(command[0]), .. command[1..]],
            Environment = terminal is null ? arguments.Environment : WithTerminal(arguments.Environment),
            Terminal = terminal,
            ProgramPath = inside ?? GuestPath(arguments),
            Limits = new CvmLimits { MemoryBytes = arguments.Memory },
            Upper = arguments.Upper is { } upper ? () => new HostUpper(upper) : null,
            Publish = arguments.Publish,
            Reachable = arguments.Reachable,
            Trace = arguments.Trace ? CallFilter.Trace((traceFile ?? Console.Error).WriteLine, arguments.TraceFilter) : null,
            SystemCalls = statistics?.SystemCalls,
            // Not the method itself as a delegate: that would open the console's stream for a guest that has nothing to report.
            Report = text => Console.Error.Write(text.ReplaceLineEndings(Console.Error.NewLine)),
            CodeFactory = files.NewCode,
        };
        if (root is not null)
            options = root.Apply(options) ?? throw new ToolException(ExitCode.BadInput, $"{arguments.Root}: {root.UserProblem}");
        using var cvm = new Cvm(1, options);
        sources?.End();
        if (loading is null)
            cvm.Start();
        else
            cvm.Start(loading.End().Elf);
        var timedOut = false;
        if (arguments.Timeout is { } limit && !cvm.Completion.Wait(limit))
        {
            timedOut = true;
            cvm.Exit(0);
        }

        var exit = cvm.Wait();
        terminal?.Dispose();
        statistics?.Write(files.CountsChecks ? cvm.Checks : null, files, cvm.Program!.Capabilities != CapabilityAbi.None, arguments.Json);
        return timedOut ? ExitCode.TimedOut : exit.ShellStatus;
    }

    /// <summary>The guest's environment with what says which sequences the terminal understands.</summary>
    private static List<string> WithTerminal(List<string> environment)
        => environment.Exists(v => v.StartsWith("TERM=", StringComparison.Ordinal)) || Environment.GetEnvironmentVariable("TERM") is not { Length: > 0 } terminal
            ? environment
            : [.. environment, $"TERM={terminal}"];

    /// <summary>
    /// The path in the root of what a command means there: an absolute path, as with chroot, or a name without slash in the directories of PATH, unless
    /// there is a file of that name on the host. Null: it means a file of the host.
    /// </summary>
    private static string? FindInside(RootFile root, string command, RunArguments arguments)
    {
        // What an image itself wants to run is relative to its working directory.
        var hasSlash = PlainText.IndexOf(command, '/') >= 0;
        if (arguments.Program.Length == 0 && hasSlash && !command.StartsWith('/'))
            command = $"/{root.Configuration.WorkingDirectory?.Trim('/')}/{command}";
        if (command.StartsWith('/'))
            return TreeFile.Find(root.Tree, command) is null ? null : command;
        if (hasSlash || (arguments.Program.Length > 0 && File.Exists(command)))
            return null;
        return root.Search(command, [.. root.Configuration.Environment, .. arguments.Environment]);
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

        return string.Concat("/", FileSystem.LastPart(ProgramName(arguments.Program)));
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
}
