using System.Diagnostics;

namespace Cheri2IL.Cli.Bench;

/// <summary>One run of a process.</summary>
/// <param name="Seconds">Wall-clock time from before it is started until its end is known.</param>
/// <param name="Output">What it printed on stdout.</param>
internal readonly record struct ProcessRun(double Seconds, string Output)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>Runs a command line with nothing on its standard input.</summary>
    /// <exception cref="ToolException">It failed.</exception>
    public static ProcessRun Execute(IReadOnlyList<string> command, bool compilesAtRun)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        if (compilesAtRun)
            start.Environment["CHERI2IL_NATIVE"] = "off";
        _ = start.Environment; // made before the clock starts
        var begin = Stopwatch.GetTimestamp();
        using var process = Process.Start(start) ?? throw new ToolException(ExitCode.Unavailable, $"cannot start {command[0]}");
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            throw new ToolException(ExitCode.Failure, $"'{string.Join(' ', command)}' did not end within {Limit.TotalSeconds:F0} s");
        }

        var seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        return process.ExitCode == 0
            ? new ProcessRun(seconds, output.Result)
            : throw new ToolException(ExitCode.Failure, $"'{string.Join(' ', command)}' failed (status {process.ExitCode}): {errors.Result.Trim()}");
    }
}
