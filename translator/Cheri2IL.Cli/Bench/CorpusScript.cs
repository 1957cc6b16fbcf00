using System.Diagnostics;
using System.Text.Json;

namespace Cheri2IL.Cli.Bench;

/// <summary>Scripts of the corpus that build or fetch what benchmarks compare, and print where it is as one JSON object.</summary>
internal static class CorpusScript
{
    /// <summary>Runs a script; its stderr goes to <paramref name="progress"/> line by line.</summary>
    /// <exception cref="ToolException">It failed.</exception>
    public static JsonDocument Run(string script, Action<string> progress)
    {
        using var process = Process.Start(new ProcessStartInfo(script) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is { Length: > 0 } text)
                progress(text);
        };
        process.BeginErrorReadLine();
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? JsonDocument.Parse(text) : throw new ToolException(ExitCode.Unavailable, $"{script} failed with status {process.ExitCode}");
    }
}
