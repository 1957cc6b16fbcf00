using System.Runtime.InteropServices;
using Cheri2IL.CaseGen;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.RunTime;
using Xunit;

namespace Cheri2IL.InstructionTests;

/// <summary>What the host keeps for evaluated code is the guest's memory.</summary>
[Collection(GuestSandbox.Collection)]
public sealed class EvaluatedMemoryTests
{
    /// <summary>What every guest has for nothing, and the fixed tables.</summary>
    private const long Free = 2 << 20;

    /// <summary>The most that is kept of a guest's code.</summary>
    private const int Limit = 64 << 20;

    /// <summary>Bytes of a block: three instructions that are no operations of their own but for the first, and a jump to the next block.</summary>
    private const int BlockBytes = 14;

    private const int Blocks = (MachineLayout.CodeBytes - 2) / BlockBytes;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private const long End = MachineLayout.Code + (Blocks * BlockBytes);

    [Fact]
    public void Blocks_AreChargedForWhatTheyTake()
    {
        var memory = new AccountedMemory(limit: long.MaxValue);
        var evaluator = new CodeEvaluator(memory);
        Run(evaluator, FullOfBlocks());
        evaluator.Invalidate();
        Assert.Equal(0, memory.Charged);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var after = Run(evaluator, FullOfBlocks());
        var taken = GC.GetTotalMemory(forceFullCollection: true) - before;
        GC.KeepAlive(evaluator);
        Assert.InRange(memory.Charged, 1, Limit);
        Assert.True(taken <= memory.Charged + Free, $"{taken} bytes taken, {memory.Charged} charged");
        Assert.Equal(End, (long)after.Pc);
        evaluator.Invalidate();
        Assert.Equal(0, memory.Charged);
    }

    [Fact]
    public void Guest_WhoseMemoryIsUsedUp_GoesOn()
    {
        var memory = new AccountedMemory(limit: 0);
        var after = Run(new CodeEvaluator(memory), FullOfBlocks());
        Assert.True(memory.Refusals > 0);
        Assert.Equal(0, memory.Charged);
        Assert.Equal(End, (long)after.Pc);
        Assert.Equal(3L * Blocks, (long)after.X[10]);
    }

    [Fact]
    public void Loop_LeavesBlocksThatWereDropped()
    {
        const ushort JumpToSelf = 0xA001; // c.j 0
        var memory = new AccountedMemory(limit: long.MaxValue);
        var evaluator = new CodeEvaluator(memory);
        using var program = new TestProgram(BitConverter.GetBytes(JumpToSelf), [MachineLayout.Code], Engine.EvaluatorBlocks, evaluator);
        var run = new Thread(() => program.RunToStop(new MachineState { Pc = MachineLayout.Code }));
        run.Start();
        try
        {
            for (var evaluations = 1; evaluations <= 3; evaluations++)
            {
                Assert.True(SpinWait.SpinUntil(() => evaluator.Evaluations == evaluations, Patience), $"entered {evaluator.Evaluations} times, expected {evaluations}");
                // Nothing is there to be dropped until the loop has been read.
                Assert.True(SpinWait.SpinUntil(evaluator.Invalidate, Patience));
            }
        }
        finally
        {
            program.Stop();
            run.Join();
        }
    }

    private static ReadOnlySpan<byte> FullOfBlocks()
    {
        const uint AddThree = 0x00350513; // addi a0, a0, 3
        const uint Fused = 0x6AC5F543; // fmadd.d fa0, fa1, fa2, fa3
        const uint High = 0x02C5A5B3; // mulhsu a1, a1, a2
        const ushort JumpToNext = 0xA009; // c.j 2
        var code = new byte[Blocks * BlockBytes];
        for (var at = 0; at < code.Length; at += BlockBytes)
        {
            MemoryMarshal.Write(code.AsSpan(at), AddThree);
            MemoryMarshal.Write(code.AsSpan(at + 4), Fused);
            MemoryMarshal.Write(code.AsSpan(at + 8), High);
            MemoryMarshal.Write(code.AsSpan(at + 12), JumpToNext);
        }

        return code;
    }

    private static MachineState Run(CodeEvaluator evaluator, ReadOnlySpan<byte> code)
    {
        using var program = new TestProgram(code, [MachineLayout.Code], Engine.EvaluatorBlocks, evaluator);
        var before = new MachineState { Pc = MachineLayout.Code };
        before.X[10] = 0;
        return program.Run(before);
    }

    /// <summary>The sandbox, with a limit.</summary>
    private sealed unsafe class AccountedMemory(long limit) : ICodeMemory
    {
        public long Charged { get; private set; }

        public int Refusals { get; private set; }

        public byte* Base => GuestSandbox.Memory;

        public bool IsExecutable(long address) => GuestSandbox.IsExecutable(address);

        public bool IsConstant(long start, long end) => true;

        public CodeMapping? FindCode(long address) => null;

        public bool TryCharge(ulong bytes)
        {
            if ((long)bytes > limit - Charged)
            {
                Refusals++;
                return false;
            }

            Charged += (long)bytes;
            return true;
        }

        public void Discharge(ulong bytes) => Charged -= (long)bytes;
    }
}
