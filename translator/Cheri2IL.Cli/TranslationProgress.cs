using System.Diagnostics;

namespace Cheri2IL.Cli;

/// <summary>Progress of a translation on stderr, from the second second on, at most four lines a second on a terminal.</summary>
internal sealed class TranslationProgress(string name)
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Lock _gate = new();
    private TimeSpan _next = Quiet;
    private bool _shown;

    /// <summary>Reports (done, total) functions; any thread.</summary>
    public void Report(int done, int total)
    {
        lock (_gate)
        {
            if (_clock.Elapsed < _next)
                return;
            _next = _clock.Elapsed + TimeSpan.FromSeconds(Console.IsErrorRedirected ? 5 : 0.25);
            var line = done == 0 ? $"cheri2il: {name}: {total} functions found" : $"cheri2il: {name}: {done} of {total} functions translated";
            if (Console.IsErrorRedirected)
                Console.Error.WriteLine(line);
            else
                Console.Error.Write($"\r{line}\u001b[K");
            _shown = true;
        }
    }

    /// <summary>Ends the report, with the speed, if anything was shown.</summary>
    public void Finish(long instructions, TimeSpan elapsed)
    {
        if (!_shown)
            return;
        var end = Console.IsErrorRedirected ? "" : "\r\u001b[K";
        Console.Error.WriteLine($"{end}cheri2il: {name}: {instructions} instructions in {elapsed.TotalSeconds:F1} s ({instructions / Math.Max(elapsed.TotalSeconds, 1e-9):F0} per second)");
    }
}
