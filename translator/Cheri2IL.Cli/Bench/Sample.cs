namespace Cheri2IL.Cli.Bench;

/// <summary>The times that one thing took, a value for each run, in seconds.</summary>
internal sealed class Sample
{
    private readonly List<double> _seconds = [];

    /// <summary>Adds a run.</summary>
    public void Add(double seconds) => _seconds.Add(seconds);

    /// <summary>The middle value, or the mean of the middle two; there is at least one run.</summary>
    public double Median
    {
        get
        {
            var sorted = _seconds.Order().ToArray();
            var middle = sorted.Length / 2;
            return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        }
    }

    /// <summary>The least value: what the machine needs when nothing disturbs it.</summary>
    public double Minimum => _seconds.Min();
}
