using System.Diagnostics;

namespace Cheri2IL.Cli;

/// <summary>
/// Progress of a file that is translated in parts, as the guest comes to them: a line on stderr every five seconds. Nothing is
/// overwritten, even on a terminal: the guest may write to it between two parts.
/// </summary>
internal sealed class PartProgress(string name)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Lock _gate = new();
    private int _made;

    /// <summary>Reports that one part of so many was made; any thread.</summary>
    public void Report(int total)
    {
        lock (_gate)
        {
            _made++;
            if (_clock.Elapsed < Interval)
                return;
            _clock.Restart();
            Console.Error.WriteLine($"cheri2il: {name}: {_made} of {total} parts translated, as they are needed");
        }
    }
}
