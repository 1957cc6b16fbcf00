namespace Cheri2IL.Cli.Bench;

/// <summary>What was measured of one thing, a value for each run: seconds, or requests per second.</summary>
internal sealed class Sample
{
    private readonly List<double> _values = [];

    /// <summary>Adds a run.</summary>
    public void Add(double value) => _values.Add(value);

    /// <summary>The middle value, or the mean of the middle two; there is at least one run.</summary>
    public double Median
    {
        get
        {
            var sorted = _values.Order().ToArray();
            var middle = sorted.Length / 2;
            return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        }
    }

    /// <summary>The least value: what the machine needs when nothing disturbs it.</summary>
    public double Minimum => _values.Min();
}
