using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Benchmarks;

/// <summary>What the guest's floating-point status costs where it meets the host.</summary>
[BenchmarkCategory(Category.Status)]
public unsafe class StatusBenchmarks
{
    private GuestState* _state;

    /// <summary>frm while translated code runs.</summary>
    [Params(0, 1)]
    public int RoundingMode { get; set; }

    /// <summary>Makes the state block.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _state = (GuestState*)NativeMemory.AllocZeroed((nuint)sizeof(GuestState));
        _state->RoundingMode = RoundingMode;
    }

    /// <summary>Frees it.</summary>
    [GlobalCleanup]
    public void Cleanup() => NativeMemory.Free(_state);

    /// <summary>The share of every system call.</summary>
    [Benchmark(Baseline = true)]
    public void EnterAndLeave()
    {
        FloatStatus.Enter(_state);
        FloatStatus.Leave(_state);
    }

    /// <summary>frflags.</summary>
    [Benchmark]
    public long ReadFlags() => FloatStatus.ReadFlags(_state);

    /// <summary>fsflags.</summary>
    [Benchmark]
    public void WriteFlags() => FloatStatus.WriteFlags(_state, 0);
}
