namespace Cheri2IL.Cli;

/// <summary>Entry point: turns every failure into one line on stderr and an exit code.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        try
        {
            return CommandLine.Invoke(args);
        }
        catch (ToolException error)
        {
            return Fail(error.ExitCode, error.Message);
        }
        catch (Exception error) when (Environment.GetEnvironmentVariable("CHERI2IL_DEBUG") is null)
        {
            return Fail(ExitCode.Internal, $"internal error: {error.GetType().Name}: {error.Message} (set CHERI2IL_DEBUG=1 for the stack trace)");
        }
    }

    private static int Fail(int exitCode, string message)
    {
        Console.Out.Flush();
        Console.Error.WriteLine("cheri2il: " + message.ReplaceLineEndings(" "));
        return exitCode;
    }
}
