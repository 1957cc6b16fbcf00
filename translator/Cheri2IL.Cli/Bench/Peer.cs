using System.Diagnostics;

namespace Cheri2IL.Cli.Bench;

/// <summary>One way to run a kernel.</summary>
/// <param name="Name">Column name, stable: it is a key of the JSON report.</param>
/// <param name="Description">What exactly runs.</param>
/// <param name="Command">Command line for a kernel, or null when this peer lacks it.</param>
internal sealed record Peer(string Name, string Description, Func<string, IReadOnlyList<string>?> Command);

/// <summary>One run of one kernel.</summary>
/// <param name="Seconds">The kernel's own clock around its work.</param>
/// <param name="Output">What it printed on stdout: its name and checksum.</param>
internal readonly record struct KernelRun(double Seconds, string Output)
{
    private const string SecondsPrefix = "seconds ";

    /// <summary>Runs a command line and reads the kernel's report.</summary>
    /// <exception cref="ToolException">It failed, or printed no time.</exception>
    public static KernelRun Execute(IReadOnlyList<string> command, TimeSpan limit)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        using var process = Process.Start(start) ?? throw new ToolException(ExitCode.Unavailable, $"cannot start {command[0]}");
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(limit))
        {
            process.Kill(entireProcessTree: true);
            throw new ToolException(ExitCode.Failure, $"'{string.Join(' ', command)}' did not end within {limit.TotalSeconds:F0} s");
        }

        var time = errors.Result.Split('\n').LastOrDefault(l => l.StartsWith(SecondsPrefix, StringComparison.Ordinal));
        if (process.ExitCode != 0 || time is null || !double.TryParse(time.AsSpan(SecondsPrefix.Length), out var seconds))
            throw new ToolException(ExitCode.Failure, $"'{string.Join(' ', command)}' failed (status {process.ExitCode}): {errors.Result.Trim()}");
        return new KernelRun(seconds, output.Result.Trim());
    }
}
