using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Benchmarks;

/// <summary>Atomic memory operations without contention.</summary>
[BenchmarkCategory(Category.Atomic)]
public unsafe class AtomicBenchmarks
{
    private byte* _cell;
    private GuestState* _state;

    /// <summary>Makes the cell and the state block.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _cell = (byte*)NativeMemory.AlignedAlloc(64, 64);
        *(long*)_cell = 0;
        _state = (GuestState*)NativeMemory.AllocZeroed((nuint)sizeof(GuestState));
        _state->MemoryBase = _cell;
    }

    /// <summary>Frees them.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        NativeMemory.AlignedFree(_cell);
        NativeMemory.Free(_state);
    }

    /// <summary>amoadd.d.</summary>
    [Benchmark(Baseline = true)]
    public long Add64() => Atomics.Add64(_cell, 1);

    /// <summary>amoor.w.</summary>
    [Benchmark]
    public long Or32() => Atomics.Or32(_cell, 1);

    /// <summary>amomaxu.d.</summary>
    [Benchmark]
    public long MaxU64() => Atomics.MaxU64(_cell, 1);

    /// <summary>lr.d and sc.d: the pair that makes a compare-and-swap.</summary>
    [Benchmark]
    public long LoadReservedStoreConditional()
    {
        var value = Atomics.LoadReserved64(_state, _cell);
        return Atomics.StoreConditional64(_state, _cell, value + 1);
    }
}
