namespace Cheri2IL.Benchmarks;

/// <summary>Operands that no branch predictor learns: the same pseudo-random sequence in every run.</summary>
internal static class Operands
{
    /// <summary>Number of operands, and so of operations per invocation.</summary>
    public const int Count = 1024;

    /// <summary>Any 64-bit integers.</summary>
    public static long[] Integers(int seed)
    {
        var random = new Random(seed);
        var values = new long[Count];
        for (var i = 0; i < values.Length; i++)
            values[i] = random.NextInt64(long.MinValue, long.MaxValue);
        return values;
    }

    /// <summary>Doubles of either sign and magnitude below <paramref name="bound"/>, most of them with a fraction.</summary>
    public static double[] Doubles(int seed, double bound)
    {
        var random = new Random(seed);
        var values = new double[Count];
        for (var i = 0; i < values.Length; i++)
            values[i] = ((random.NextDouble() * 2) - 1) * bound;
        return values;
    }
}
