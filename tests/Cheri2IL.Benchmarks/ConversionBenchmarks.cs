using BenchmarkDotNet.Attributes;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Benchmarks;

/// <summary>Conversions between floats and integers.</summary>
[BenchmarkCategory(Category.Conversion)]
public class ConversionBenchmarks
{
    private readonly double[] _doubles = Operands.Doubles(3, 1e6);
    private readonly double[] _positive = [.. Operands.Doubles(3, 1e6).Select(Math.Abs)];
    private readonly long[] _integers = Operands.Integers(4);

    /// <summary>fcvt.w.d rtz: a C cast.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Operands.Count)]
    public long ToW()
    {
        var sum = 0L;
        foreach (var value in _doubles)
            sum += FloatOps.ToW(value, FloatOps.TowardsZero);
        return sum;
    }

    /// <summary>fcvt.l.d rtz.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public long ToL()
    {
        var sum = 0L;
        foreach (var value in _doubles)
            sum += FloatOps.ToL(value, FloatOps.TowardsZero);
        return sum;
    }

    /// <summary>fcvt.lu.d rtz.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public long ToLU()
    {
        var sum = 0L;
        foreach (var value in _positive)
            sum += FloatOps.ToLU(value, FloatOps.TowardsZero);
        return sum;
    }

    /// <summary>fcvt.l.d rdn: floor.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public long ToLDown()
    {
        var sum = 0L;
        foreach (var value in _doubles)
            sum += FloatOps.ToL(value, FloatOps.Down);
        return sum;
    }

    /// <summary>fcvt.d.l, dynamic rounding.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public double DoubleFromL()
    {
        var sum = 0.0;
        foreach (var value in _integers)
            sum += FloatOps.DoubleFromL(value);
        return sum;
    }

    /// <summary>fcvt.d.lu, dynamic rounding.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public double DoubleFromLU()
    {
        var sum = 0.0;
        foreach (var value in _integers)
            sum += FloatOps.DoubleFromLU(value);
        return sum;
    }
}
