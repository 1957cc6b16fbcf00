using System.Diagnostics;

namespace Cheri2IL.Cli;

/// <summary>
/// Progress of a translation on stderr: four times a second after the first second on a terminal, every five seconds elsewhere.
/// </summary>
internal sealed class TranslationProgress(string name)
{
    private static readonly bool IsTerminal = !Console.IsErrorRedirected;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(IsTerminal ? 0.25 : 5);
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Lock _gate = new();
    private TimeSpan _next = TimeSpan.FromSeconds(IsTerminal ? 1 : 5);
    private bool _shown;

    /// <summary>Reports (done, total) functions; any thread.</summary>
    public void Report(int done, int total)
    {
        lock (_gate)
        {
            if (_clock.Elapsed < _next)
                return;
            _next = _clock.Elapsed + Interval;
            var line = done == 0 ? $"cheri2il: {name}: {total} functions found" : $"cheri2il: {name}: {done} of {total} functions translated";
            if (IsTerminal)
                Console.Error.Write($"\r{line}\u001b[K");
            else
                Console.Error.WriteLine(line);
            _shown = true;
        }
    }

    /// <summary>Ends the report, with the speed, if anything was shown.</summary>
    public void Finish(long instructions, TimeSpan elapsed)
    {
        if (!_shown)
            return;
        var end = IsTerminal ? "\r\u001b[K" : "";
        Console.Error.WriteLine($"{end}cheri2il: {name}: {instructions} instructions in {elapsed.TotalSeconds:F1} s ({instructions / Math.Max(elapsed.TotalSeconds, 1e-9):F0} per second)");
    }
}
