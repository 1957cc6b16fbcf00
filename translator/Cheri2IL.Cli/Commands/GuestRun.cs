using System.IO.Enumeration;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Tracing;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime.Elf;

namespace Cheri2IL.Cli.Commands;

/// <summary>Runs one program in one cVM.</summary>
/// <remarks>The ELF file is parsed for loading only; see <see cref="TranslatedFiles"/> for what makes a warm start short.</remarks>
internal static class GuestRun
{
    /// <summary>Runs the guest to its end; the result is the tool's exit status.</summary>
    public static int Execute(RunArguments arguments)
    {
        var root = OpenRoot(arguments.Root);
        if (arguments.Checks == "none")
            Console.Error.WriteLine("cheri2il: warning: --checks=none: this guest is NOT confined");
        if (arguments.Omitted != 0)
            Console.Error.WriteLine("cheri2il: warning: for timing only: the capabilities of this guest are NOT checked as they should be");
        using var statistics = arguments.Stats ? new RunStatistics() : null;
        try
        {
            var files = new TranslatedFiles(arguments);
            var status = Run(arguments, files, root, statistics);
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

    private static int Run(RunArguments arguments, TranslatedFiles files, HostTree? root, RunStatistics? statistics)
    {
        var program = IsInRoot(root, arguments.Program) ? null : SharedProgram.Check(files.Load(arguments.Program), arguments.Program);
        using var traceFile = arguments.TraceFile is { } path ? OpenTrace(path) : null;
        using var terminal = HostTerminal.Open();
        using var cvm = new Cvm(1, new CvmOptions
        {
            Arguments = [ProgramName(arguments.Program), .. arguments.Arguments],
            Environment = terminal is null ? arguments.Environment : WithTerminal(arguments.Environment),
            Terminal = terminal,
            ProgramPath = program is null ? arguments.Program : GuestPath(arguments),
            ProgramFile = program?.Module.Image ?? default,
            Root = root,
            Limits = new CvmLimits { MemoryBytes = arguments.Memory },
            Upper = arguments.Upper is { } upper ? () => new HostUpper(upper) : null,
            Publish = arguments.Publish,
            Reachable = arguments.Reachable,
            Trace = arguments.Trace ? Trace(traceFile ?? Console.Error, arguments.TraceFilter) : null,
            SystemCalls = statistics?.SystemCalls,
            // Not the method itself as a delegate: that would open the console's stream for a guest that has nothing to report.
            Report = text => Console.Error.Write(text.ReplaceLineEndings(Console.Error.NewLine)),
            CodeFactory = files.NewCode,
        });
        if (program is null)
            cvm.Start();
        else
            cvm.Start(program.Elf);
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

    /// <summary>Whether an absolute path names a file of the root, which it means then, as with chroot.</summary>
    private static bool IsInRoot(HostTree? root, string path)
    {
        if (root is null || !path.StartsWith('/'))
            return false;
        var tree = new FileSystem(() => 0, root, memoryLimit: 0);
        lock (tree.Gate)
            return tree.Walk(0, tree.Root, path, followLast: true, out var found) == 0 && found.Inode is RegularFile;
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
}
