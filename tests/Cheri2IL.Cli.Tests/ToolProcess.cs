using System.Diagnostics;

namespace Cheri2IL.Cli.Tests;

/// <summary>The outcome of one run of the tool.</summary>
/// <param name="ExitCode">Exit status.</param>
/// <param name="Output">stdout.</param>
/// <param name="Error">stderr.</param>
internal sealed record ToolResult(int ExitCode, string Output, string Error);

/// <summary>Runs the tool as a process of its own, as users do.</summary>
internal static class ToolProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>Runs the tool that was built for these tests.</summary>
    public static ToolResult Run(string directory, params string[] arguments)
    {
        // The tool's assembly lies beside the tests, with its own runtime configuration.
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "cheri2il"), arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["XDG_CACHE_HOME"] = Path.Combine(directory, "cache");
        if (Environment.GetEnvironmentVariable("DOTNET_ROOT") is null && Path.GetDirectoryName(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH")) is { } root)
            start.Environment["DOTNET_ROOT"] = root;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"cheri2il {string.Join(' ', arguments)} did not end");
        }

        return new ToolResult(process.ExitCode, output.Result, error.Result);
    }
}
