using BenchmarkDotNet.Attributes;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Benchmarks;

/// <summary>Floating-point arithmetic, comparison and selection; one operation is one guest instruction.</summary>
[BenchmarkCategory(Category.Float)]
public class FloatBenchmarks
{
    private readonly double[] _a = Operands.Doubles(1, 1e6);
    private readonly double[] _b = Operands.Doubles(2, 1e6);

    /// <summary>fadd.d without the guest's NaN rule: what the host instruction costs here.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Operands.Count)]
    public double HostAdd()
    {
        var last = 0.0;
        for (var i = 0; i < _a.Length; i++)
            last = Math.Max(last, _a[i] + _b[i]);
        return last;
    }

    /// <summary>fadd.d, dynamic rounding.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public double Add()
    {
        var last = 0.0;
        for (var i = 0; i < _a.Length; i++)
            last = Math.Max(last, FloatOps.CanonicalNaN(_a[i] + _b[i]));
        return last;
    }

    /// <summary>fmadd.d, dynamic rounding.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public double MulAdd()
    {
        var last = 0.0;
        for (var i = 0; i < _a.Length; i++)
            last = FloatOps.MulAdd(_a[i], 0.5, last);
        return last;
    }

    /// <summary>fadd.d with a static mode that is not the current one.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public double AddDown()
    {
        var last = 0.0;
        for (var i = 0; i < _a.Length; i++)
            last = FloatOps.Add(_a[i], last, FloatOps.Down);
        return last;
    }

    /// <summary>fadd.d to nearest, ties away: in software.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public double AddNearestAway()
    {
        var last = 0.0;
        for (var i = 0; i < _a.Length; i++)
            last = FloatOps.Add(_a[i], last, FloatOps.NearestAway);
        return last;
    }

    /// <summary>fmin.d.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public double Min()
    {
        var last = 0.0;
        for (var i = 0; i < _a.Length; i++)
            last += FloatOps.Min(_a[i], _b[i]);
        return last;
    }

    /// <summary>flt.d into an integer register.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public long Lt()
    {
        var count = 0L;
        for (var i = 0; i < _a.Length; i++)
            count += FloatOps.Lt(_a[i], _b[i]) ? 1 : 0;
        return count;
    }

    /// <summary>fclass.d.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public long Classify()
    {
        var classes = 0L;
        for (var i = 0; i < _a.Length; i++)
            classes |= FloatOps.Classify(_a[i]);
        return classes;
    }

    /// <summary>fadd.s on register images: unbox, add, box.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public double AddBoxedSingles()
    {
        var register = FloatOps.Box(0);
        for (var i = 0; i < _a.Length; i++)
            register = FloatOps.Box(FloatOps.CanonicalNaN(FloatOps.Unbox(register) + (float)_a[i]));
        return register;
    }
}
