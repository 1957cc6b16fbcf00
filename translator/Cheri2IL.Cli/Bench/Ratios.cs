namespace Cheri2IL.Cli.Bench;

/// <summary>What benchmarks say of ratios of several cases.</summary>
internal static class Ratios
{
    /// <summary>Geometric mean of those that are known, null if none is; and how many there are.</summary>
    public static (double? Mean, int Count) GeometricMean(IEnumerable<double?> ratios)
    {
        var logarithms = ratios.OfType<double>().Select(r => Math.Log(r)).ToArray();
        return (logarithms.Length == 0 ? null : Math.Exp(logarithms.Average()), logarithms.Length);
    }
}
