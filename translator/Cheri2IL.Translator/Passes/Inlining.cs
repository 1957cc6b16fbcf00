using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Puts small callees into their callers, where registers stay in locals instead of passing through the state block. Exact
/// without trusting any ABI: an inlined return compares the address it returns to with the call's, and jumps to it like any
/// other guest address when they differ.
/// </summary>
public static class Inlining
{
    /// <summary>Most IR instructions of a callee.</summary>
    private const int MaxCallee = 160;

    /// <summary>Most IR instructions of a caller, callees included.</summary>
    private const int MaxCaller = 1600;

    /// <summary>Calls inside inlined code are looked at this many times over; also bounds recursion.</summary>
    private const int MaxDepth = 2;

    /// <summary>Inlines in <paramref name="function"/>.</summary>
    /// <param name="function">Lifted, before other passes.</param>
    /// <param name="lift">A fresh lift of the function at a guest pc, or null if there is none or it is known to be too large.</param>
    public static void Run(IrFunction function, Func<long, IrFunction?> lift)
    {
        var size = function.Blocks.Sum(b => b.Instructions.Count);
        var calls = CallsIn(function.Blocks);
        for (var depth = 0; depth < MaxDepth && calls.Count > 0; depth++)
        {
            var inlined = new List<IrBlock>();
            foreach (var block in calls)
            {
                if (size > MaxCaller || lift(block.Terminator.Immediate) is not { } callee || !IsSuitable(callee, out var calleeSize))
                    continue;
                size += calleeSize;
                Inline(function, block, callee);
                inlined.AddRange(callee.Blocks);
            }

            calls = CallsIn(inlined);
        }
    }

    private static List<IrBlock> CallsIn(List<IrBlock> blocks)
        => blocks.FindAll(b => b.Terminator is { Op: IrOp.Call, A: null });

    private static bool IsSuitable(IrFunction callee, out int size)
    {
        size = 0;
        foreach (var block in callee.Blocks)
        {
            size += block.Instructions.Count;
            if (size > MaxCallee || block.Terminator.Op is IrOp.Switch or IrOp.Ecall or IrOp.FenceI)
                return false;
        }

        return true;
    }

    /// <summary>
    /// The call becomes a jump to the callee's entry, each of its returns a comparison with the call's return address. The
    /// callee's blocks follow the call's block, so that code stays in the order of execution.
    /// </summary>
    private static void Inline(IrFunction function, IrBlock block, IrFunction callee)
    {
        var continuation = block.Successors[0];
        var call = block.Terminator;
        block.Instructions[^1] = new IrInstruction(IrOp.Jump, IrType.Void) { Pc = call.Pc };
        block.Successors[0] = callee.Blocks[0];
        var exits = new List<IrBlock>();
        foreach (var inner in callee.Blocks)
        {
            if (inner.Terminator is not { Op: IrOp.Return } leave)
                continue;
            inner.Instructions.RemoveAt(inner.Instructions.Count - 1);
            var target = leave.A!;
            var expected = new IrInstruction(IrOp.Const, IrType.I64) { Immediate = continuation.Pc, Pc = leave.Pc };
            var isExpected = new IrInstruction(IrOp.Eq, IrType.I32, target, expected) { Pc = leave.Pc };
            inner.Instructions.Add(expected);
            inner.Instructions.Add(isExpected);
            inner.Instructions.Add(new IrInstruction(IrOp.Branch, IrType.Void, isExpected) { Pc = leave.Pc });
            inner.Successors.Add(continuation);
            var exit = new IrBlock(leave.Pc);
            exit.Instructions.Add(new IrInstruction(IrOp.Get, IrType.I64) { Register = GuestRegister.Ra, Pc = leave.Pc });
            exit.Instructions.Add(new IrInstruction(IrOp.Const, IrType.I64) { Immediate = ~1L, Pc = leave.Pc });
            exit.Instructions.Add(new IrInstruction(IrOp.And, IrType.I64, exit.Instructions[0], exit.Instructions[1]) { Pc = leave.Pc });
            exit.Instructions.Add(new IrInstruction(IrOp.TailCall, IrType.Void, exit.Instructions[2]) { Pc = leave.Pc });
            inner.Successors.Add(exit);
            exits.Add(exit);
        }

        function.Blocks.InsertRange(function.Blocks.IndexOf(block) + 1, callee.Blocks);
        function.Blocks.AddRange(exits);
    }
}
