using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Cheri2IL.Cli.Tests;

/// <summary>The outcome of one run of the tool.</summary>
/// <param name="ExitCode">Exit status.</param>
/// <param name="Output">stdout.</param>
/// <param name="Error">stderr.</param>
internal sealed record ToolResult(int ExitCode, string Output, string Error);

/// <summary>Runs the tool as a process of its own, as users do.</summary>
internal static partial class ToolProcess
{
    /// <summary>Keeps a failure from hanging the suite; nothing is measured by it.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    /// <summary>Runs the tool that was built for these tests, with its cache in <paramref name="directory"/>.</summary>
    /// <remarks>The result lacks the progress of translations, which is shown on a busy machine only.</remarks>
    public static ToolResult Run(string directory, params string[] arguments) => RunWith(directory, [], arguments);

    /// <summary>The same with environment variables besides.</summary>
    public static ToolResult RunWith(string directory, IEnumerable<(string Name, string Value)> environment, params string[] arguments)
    {
        var start = Command(arguments, directory, Path.Combine(directory, "cache"));
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        var (exitCode, output, error) = Run(start);
        return new ToolResult(exitCode, Encoding.UTF8.GetString(output), Progress().Replace(error, ""));
    }

    /// <summary>How to start the tool that was built for these tests.</summary>
    public static ProcessStartInfo Command(IEnumerable<string> arguments, string workingDirectory, string cache)
    {
        var start = new ProcessStartInfo(ToolBuild.Program, arguments) { WorkingDirectory = workingDirectory };
        start.Environment["XDG_CACHE_HOME"] = cache;
        if (Environment.GetEnvironmentVariable("DOTNET_ROOT") is null && Path.GetDirectoryName(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH")) is { } root)
            start.Environment["DOTNET_ROOT"] = root;
        return start;
    }

    /// <summary>Runs any command with <paramref name="input"/> (a file; null: nothing) as its standard input, for ten minutes unless told otherwise.</summary>
    /// <exception cref="TimeoutException">It did not end in time, and was killed.</exception>
    public static (int ExitCode, byte[] Output, string Error) Run(ProcessStartInfo start, string? input = null, TimeSpan? limit = null)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = new MemoryStream();
        var outputEnd = process.StandardOutput.BaseStream.CopyToAsync(output);
        var inputEnd = Feed(process, input);
        var time = limit ?? Limit;
        if (!process.WaitForExit(time))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{start.FileName} {string.Join(' ', start.ArgumentList)} did not end within {time.TotalSeconds} s");
        }

        Task.WaitAll(outputEnd, inputEnd);
        return (process.ExitCode, output.ToArray(), error.Result);
    }

    [GeneratedRegex(@"^cheri2il: [^\n]*: (?:\d+ functions found|\d+ of \d+ functions translated|\d+ instructions in [\d.]+ s \(\d+ per second\))\n", RegexOptions.Multiline)]
    private static partial Regex Progress();

    private static async Task Feed(Process process, string? input)
    {
        await using var pipe = process.StandardInput.BaseStream;
        if (input is null)
            return;
        try
        {
            await using var file = File.OpenRead(input);
            await file.CopyToAsync(pipe);
        }
        catch (IOException)
        {
            // It ended, or closed its input, without reading everything.
        }
    }
}
