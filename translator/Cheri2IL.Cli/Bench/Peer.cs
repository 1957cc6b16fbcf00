namespace Cheri2IL.Cli.Bench;

/// <summary>One way to run a kernel.</summary>
/// <param name="Name">Column name, stable: it is a key of the JSON report.</param>
/// <param name="Description">What exactly runs.</param>
/// <param name="Command">Command line for a kernel, or null when this peer lacks it.</param>
/// <param name="Preparation">What is run once before a kernel's first run, or null.</param>
internal sealed record Peer(string Name, string Description, Func<string, IReadOnlyList<string>?> Command, Func<string, IReadOnlyList<string>?>? Preparation = null);

/// <summary>One run of one kernel.</summary>
/// <param name="Seconds">The kernel's own clock around its work.</param>
/// <param name="Output">What it printed on stdout: its name and checksum.</param>
internal readonly record struct KernelRun(double Seconds, string Output)
{
    private const string SecondsPrefix = "seconds ";

    /// <summary>Runs a command line and reads the kernel's report.</summary>
    /// <exception cref="ToolException">It failed, or printed no time.</exception>
    public static KernelRun Execute(IReadOnlyList<string> command)
    {
        var run = ProcessRun.Execute(command);
        var time = run.Errors.Split('\n').LastOrDefault(l => l.StartsWith(SecondsPrefix, StringComparison.Ordinal));
        return time is not null && double.TryParse(time.AsSpan(SecondsPrefix.Length), out var seconds)
            ? new KernelRun(seconds, run.Output.Trim())
            : throw new ToolException(ExitCode.Failure, $"'{string.Join(' ', command)}' printed no time: {run.Errors.Trim()}");
    }
}
