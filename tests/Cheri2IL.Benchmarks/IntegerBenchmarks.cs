using BenchmarkDotNet.Attributes;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Benchmarks;

/// <summary>Integer primitives; one operation is one guest instruction.</summary>
[BenchmarkCategory(Category.Integer)]
public class IntegerBenchmarks
{
    private readonly long[] _a = Operands.Integers(1);
    private readonly long[] _b = Operands.Integers(2);

    /// <summary>The loop alone: what the other numbers contain.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Operands.Count)]
    public long Add()
    {
        var sum = 0L;
        for (var i = 0; i < _a.Length; i++)
            sum += _a[i] + _b[i];
        return sum;
    }

    /// <summary>mulh.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public long MulHighS()
    {
        var sum = 0L;
        for (var i = 0; i < _a.Length; i++)
            sum += IntegerOps.MulHighS(_a[i], _b[i]);
        return sum;
    }

    /// <summary>mulhu.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public long MulHighU()
    {
        var sum = 0L;
        for (var i = 0; i < _a.Length; i++)
            sum += IntegerOps.MulHighU(_a[i], _b[i]);
        return sum;
    }

    /// <summary>div.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public long DivS()
    {
        var sum = 0L;
        for (var i = 0; i < _a.Length; i++)
            sum += IntegerOps.DivS(_a[i], _b[i]);
        return sum;
    }

    /// <summary>remuw.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public long RemU32()
    {
        var sum = 0L;
        for (var i = 0; i < _a.Length; i++)
            sum += IntegerOps.RemU((int)_a[i], (int)_b[i]);
        return sum;
    }

    /// <summary>orc.b.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public long OrCombine()
    {
        var sum = 0L;
        for (var i = 0; i < _a.Length; i++)
            sum += IntegerOps.OrCombine(_a[i]);
        return sum;
    }
}
