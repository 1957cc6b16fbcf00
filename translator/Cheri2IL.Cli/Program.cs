using System.Runtime.CompilerServices;
using Cheri2IL.Cli.Commands;

namespace Cheri2IL.Cli;

/// <summary>Entry point: turns every failure into one line on stderr and an exit code.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        var sources = SourceCheck.Begin(args);
        try
        {
            // `run` has a parser of its own: its start-up counts, and the guest's arguments are not the tool's.
            return args is ["run", ..] && RunArguments.Parse(args.AsSpan(1)) is { } run
                ? GuestRun.Execute(run, sources)
                : Invoke(args, sources);
        }
        catch (ToolException error)
        {
            sources?.End();
            return Fail(error.ExitCode, error.Message);
        }
        catch (Exception error) when (Environment.GetEnvironmentVariable("CHERI2IL_DEBUG") is null)
        {
            return Fail(ExitCode.Internal, $"internal error: {error.GetType().Name}: {error.Message} (set CHERI2IL_DEBUG=1 for the stack trace)");
        }
    }

    /// <summary>Kept out of <see cref="Main"/>, so that <c>run</c> does not load the command-line library.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Invoke(string[] args, SourceCheck? sources)
    {
        sources?.End();
        return CommandLine.Invoke(args);
    }

    private static int Fail(int exitCode, string message)
    {
        Console.Out.Flush();
        Console.Error.WriteLine("cheri2il: " + message.ReplaceLineEndings(" "));
        return exitCode;
    }
}
