using System.Runtime.InteropServices;
using Cheri2IL.Runtime.Execution;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Execution;

/// <summary>The A extension on host memory: results, reservation rules, and atomicity between threads.</summary>
public sealed unsafe class AtomicsTests : IDisposable
{
    private static readonly long[] Corners =
        [0, 1, -1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, long.MaxValue, long.MinValue, 0x1234_5678_9abc_def0];

    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(64, 64);
    private readonly GuestState* _state = (GuestState*)NativeMemory.AllocZeroed((nuint)sizeof(GuestState));

    public AtomicsTests() => _state->MemoryBase = _memory;

    public static TheoryData<string> Kinds { get; } =
        ["Swap", "Add", "Xor", "And", "Or", "Min", "Max", "MinU", "MaxU"];

    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        NativeMemory.Free(_state);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Amo64_CornerPairs_YieldsOldAndStoresNew(string kind)
    {
        foreach (var old in Corners)
        {
            foreach (var operand in Corners)
            {
                *(long*)_memory = old;
                Assert.Equal(old, Amo64(kind, _memory, operand));
                Assert.Equal(New(kind, old, operand), *(long*)_memory);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Amo32_CornerPairs_YieldsSignExtendedOldAndLeavesNeighbour(string kind)
    {
        foreach (var old in Corners)
        {
            foreach (var operand in Corners)
            {
                *(long*)_memory = unchecked((long)0xa5a5_a5a5_0000_0000) | (uint)old;
                Assert.Equal((int)old, Amo32(kind, _memory, operand));
                Assert.Equal((int)New32(kind, (int)old, (int)operand), *(int*)_memory);
                Assert.Equal(0xa5a5_a5a5u, *(uint*)(_memory + 4));
            }
        }
    }

    [Theory]
    [InlineData("Add")]
    [InlineData("Xor")]
    [InlineData("MaxU")]
    public void Amo_TwoThreadsOnOneCell_LosesNoUpdate(string kind)
    {
        const int Rounds = 200_000;
        *(long*)_memory = 0;
        *(long*)(_memory + 8) = 0;
        var memory = (nint)_memory;
        void Work(int thread)
        {
            for (var i = 1; i <= Rounds; i++)
            {
                var operand = kind == "MaxU" ? (i * 2L) + thread : kind == "Xor" ? 1L << ((i + (thread * 31)) % 61) : 1;
                Amo64(kind, (byte*)memory, operand);
                Amo32(kind, (byte*)memory + 8, operand);
            }
        }

        var other = new Thread(() => Work(1));
        other.Start();
        Work(0);
        other.Join();

        var expected = 0L;
        for (var thread = 0; thread < 2 && kind == "Xor"; thread++)
        {
            for (var i = 1; i <= Rounds; i++)
                expected ^= 1L << ((i + (thread * 31)) % 61);
        }

        expected = kind switch { "Add" => 2 * Rounds, "MaxU" => (Rounds * 2L) + 1, _ => expected };
        Assert.Equal(expected, *(long*)_memory);
        Assert.Equal((int)expected, *(int*)(_memory + 8));
    }

    [Fact]
    public void StoreConditional_AfterLoadReserved_StoresOnce()
    {
        *(long*)_memory = -5;
        Assert.Equal(-5, Atomics.LoadReserved64(_state, _memory));
        Assert.Equal(0, Atomics.StoreConditional64(_state, _memory, 7));
        Assert.Equal(7, *(long*)_memory);
        Assert.Equal(1, Atomics.StoreConditional64(_state, _memory, 8));
        Assert.Equal(7, *(long*)_memory);
    }

    [Fact]
    public void StoreConditional32_NegativeValue_SignExtendsAndLeavesNeighbour()
    {
        *(long*)_memory = 0x1111_1111_8000_0001;
        Assert.Equal(unchecked((int)0x8000_0001), Atomics.LoadReserved32(_state, _memory));
        Assert.Equal(0, Atomics.StoreConditional32(_state, _memory, 0x7777_7777_0000_0002));
        Assert.Equal(0x1111_1111_0000_0002, *(long*)_memory);
    }

    [Theory]
    [InlineData("address")]
    [InlineData("size")]
    [InlineData("value")]
    [InlineData("none")]
    public void StoreConditional_ReservationOfAnother_FailsAndDropsIt(string difference)
    {
        *(long*)_memory = 3;
        *(long*)(_memory + 8) = 3;
        if (difference == "size")
            Atomics.LoadReserved32(_state, _memory);
        else if (difference != "none")
            Atomics.LoadReserved64(_state, _memory);
        if (difference == "value")
            *(long*)_memory = 4;
        var before = *(long*)_memory;

        Assert.Equal(1, Atomics.StoreConditional64(_state, _memory + (difference == "address" ? 8 : 0), 9));
        Assert.Equal(before, *(long*)_memory);
        Assert.Equal(3, *(long*)(_memory + 8));
        *(long*)_memory = 3;
        Assert.Equal(1, Atomics.StoreConditional64(_state, _memory, 9));
    }

    private static long New(string kind, long old, long operand) => kind switch
    {
        "Swap" => operand,
        "Add" => old + operand,
        "Xor" => old ^ operand,
        "And" => old & operand,
        "Or" => old | operand,
        "Min" => old < operand ? old : operand,
        "Max" => old > operand ? old : operand,
        "MinU" => (ulong)old < (ulong)operand ? old : operand,
        _ => (ulong)old > (ulong)operand ? old : operand,
    };

    private static long New32(string kind, int old, int operand) => kind switch
    {
        "MinU" => (uint)old < (uint)operand ? old : operand,
        "MaxU" => (uint)old > (uint)operand ? old : operand,
        _ => New(kind, old, operand),
    };

    private static long Amo64(string kind, byte* address, long operand) => kind switch
    {
        "Swap" => Atomics.Swap64(address, operand),
        "Add" => Atomics.Add64(address, operand),
        "Xor" => Atomics.Xor64(address, operand),
        "And" => Atomics.And64(address, operand),
        "Or" => Atomics.Or64(address, operand),
        "Min" => Atomics.Min64(address, operand),
        "Max" => Atomics.Max64(address, operand),
        "MinU" => Atomics.MinU64(address, operand),
        _ => Atomics.MaxU64(address, operand),
    };

    private static long Amo32(string kind, byte* address, long operand) => kind switch
    {
        "Swap" => Atomics.Swap32(address, operand),
        "Add" => Atomics.Add32(address, operand),
        "Xor" => Atomics.Xor32(address, operand),
        "And" => Atomics.And32(address, operand),
        "Or" => Atomics.Or32(address, operand),
        "Min" => Atomics.Min32(address, operand),
        "Max" => Atomics.Max32(address, operand),
        "MinU" => Atomics.MinU32(address, operand),
        _ => Atomics.MaxU32(address, operand),
    };
}
