using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Puts small callees into their callers, where registers stay in locals instead of passing through the state block. Exact
/// without trusting any ABI: an inlined return compares the address it returns to with the call's, and jumps to it like any
/// other guest address when they differ.
/// </summary>
/// <remarks>
/// With capabilities a return can change PCC besides. Callees are inlined there only if they are leaves that leave the link alone: their
/// returns go to where it says, with the PCC that it was made from, and have nothing left to check.
/// </remarks>
public static class Inlining
{
    /// <summary>Most IR instructions of a callee.</summary>
    private const int MaxCallee = 160;

    /// <summary>Most IR instructions of a caller, callees included.</summary>
    private const int MaxCaller = 1600;

    /// <summary>Calls inside inlined code are looked at this many times over; also bounds recursion.</summary>
    private const int MaxDepth = 2;

    /// <summary>Likewise for calls of the caller itself: each of its calls then does the work of several, and few functions are so small that they grow by it.</summary>
    private const int MaxRecursion = 5;

    /// <summary>Inlines in <paramref name="function"/>.</summary>
    /// <param name="function">Lifted, before other passes.</param>
    /// <param name="lift">A fresh lift of the function at a guest pc, or null if there is none or it is known to be too large.</param>
    public static void Run(IrFunction function, Func<long, IrFunction?> lift)
    {
        var size = function.Blocks.Sum(b => b.Instructions.Count);
        var calls = CallsIn(function.Blocks);
        for (var depth = 0; depth < MaxRecursion && calls.Count > 0; depth++)
        {
            var inlined = new List<IrBlock>();
            foreach (var block in calls)
            {
                var target = block.Terminator.Immediate;
                if (size > MaxCaller || (depth >= MaxDepth && target != function.EntryPc))
                    continue;
                if (lift(target) is not { } callee || !IsSuitable(function, callee, out var calleeSize))
                    continue;
                size += calleeSize;
                inlined.AddRange(Inline(function, block, callee));
                inlined.AddRange(callee.Blocks);
            }

            calls = CallsIn(inlined);
        }
    }

    private static List<IrBlock> CallsIn(List<IrBlock> blocks)
        => blocks.FindAll(b => b.Terminator is { Op: IrOp.Call, A: null });

    private static bool IsSuitable(IrFunction caller, IrFunction callee, out int size)
    {
        size = 0;
        if (caller.HasCapabilities && (callee.IsCapabilityMode != caller.IsCapabilityMode || !callee.Blocks.TrueForAll(b => ReturnsToLink(b, callee.IsCapabilityMode))))
            return false;
        foreach (var block in callee.Blocks)
        {
            size += block.Instructions.Count;
            // A jump to a computed address would leave the caller as well, and what it returns from would unwind.
            if (size > MaxCallee || block.Terminator is { Op: IrOp.Switch or IrOp.BranchTable or IrOp.Ecall or IrOp.FenceI } or { Op: IrOp.TailCall, A: not null })
                return false;
        }

        return true;
    }

    /// <summary>Whether a block keeps link and PCC, and leaves the function, if it does, by a return to the link, which is a capability or an integer.</summary>
    private static bool ReturnsToLink(IrBlock block, bool isCapability)
    {
        var leave = block.Terminator;
        return leave.Op is IrOp.Jump or IrOp.Branch or IrOp.Return or IrOp.Trap && block.Instructions.TrueForAll(Keeps);

        bool Keeps(IrInstruction i) => i switch
        {
            { Op: IrOp.Set or IrOp.SetC, Register: GuestRegister.Ra } => false,
            { Op: IrOp.SetC, Register: GuestRegister.Pcc } or { Op: IrOp.CapCheckJump } => isCapability && leave.Op == IrOp.Return && i.Pc == leave.Pc,
            _ => true,
        };
    }

    /// <summary>
    /// Makes the return of such a callee a jump behind the call: the link is tagged, a sentry or an integer, and of this PCC. What reads the link
    /// stays until <see cref="GuestLiveness"/> has seen it: the guest's own code, where it goes on from a poll, reads it.
    /// </summary>
    private static void ReturnToLink(IrBlock block, IrBlock continuation)
    {
        var leave = block.Terminator;
        block.Instructions.RemoveAll(i => i == leave
            || (i.Pc == leave.Pc && i is { Op: IrOp.CapCheckJump or IrOp.CapCheckTarget } or { Op: IrOp.SetC, Register: GuestRegister.Pcc }));
        Append(block, leave, IrOp.Jump, IrType.Void);
        block.Successors.Add(continuation);
    }

    /// <summary>
    /// The call becomes a jump to the callee's entry, each of its returns a comparison with the call's return address. The
    /// callee's blocks follow the call's block, so that code stays in the order of execution. Returns the blocks at the end that
    /// were needed besides.
    /// </summary>
    private static List<IrBlock> Inline(IrFunction function, IrBlock block, IrFunction callee)
    {
        var continuation = block.Successors[0];
        var call = block.Terminator;
        block.Instructions[^1] = new IrInstruction(IrOp.Jump, IrType.Void) { Pc = call.Pc };
        block.Successors[0] = callee.Blocks[0];
        var added = new List<IrBlock>();
        foreach (var inner in callee.Blocks)
        {
            var leave = inner.Terminator;
            if (leave.Op == IrOp.Return && function.HasCapabilities)
            {
                ReturnToLink(inner, continuation);
            }
            else if (leave.Op == IrOp.Return)
            {
                inner.Instructions.RemoveAt(inner.Instructions.Count - 1);
                var exit = new IrBlock(leave.Pc);
                var target = Append(exit, leave, IrOp.Get, IrType.I64, register: GuestRegister.Ra);
                target = Append(exit, leave, IrOp.And, IrType.I64, target, Append(exit, leave, IrOp.Const, IrType.I64, immediate: ~1L));
                Append(exit, leave, IrOp.TailCall, IrType.Void, target);
                BranchOnReturnAddress(inner, leave, leave.A!, continuation.Pc, continuation, exit);
                added.Add(exit);
            }
            else if (leave is { Op: IrOp.TailCall, A: null })
            {
                // A jump to another function: a call of it, if it is to return to where the inlined call would.
                inner.Instructions.RemoveAt(inner.Instructions.Count - 1);
                var inLine = new IrBlock(leave.Pc);
                Append(inLine, leave, IrOp.Call, IrType.Void, register: GuestRegister.Ra, immediate: leave.Immediate);
                inLine.Successors.Add(continuation);
                var away = new IrBlock(leave.Pc);
                Append(away, leave, IrOp.TailCall, IrType.Void, immediate: leave.Immediate);
                BranchOnReturnAddress(inner, leave, Append(inner, leave, IrOp.Get, IrType.I64, register: GuestRegister.Ra), continuation.Pc, inLine, away);
                added.Add(inLine);
                added.Add(away);
            }
        }

        function.Blocks.InsertRange(function.Blocks.IndexOf(block) + 1, callee.Blocks);
        function.Blocks.AddRange(added);
        return added;
    }

    private static void BranchOnReturnAddress(IrBlock block, IrInstruction at, IrInstruction address, long returnAddress, IrBlock equal, IrBlock other)
    {
        var expected = Append(block, at, IrOp.Const, IrType.I64, immediate: returnAddress);
        Append(block, at, IrOp.Branch, IrType.Void, Append(block, at, IrOp.Eq, IrType.I32, address, expected));
        block.Successors.Add(equal);
        block.Successors.Add(other);
    }

    private static IrInstruction Append(
        IrBlock block, IrInstruction at, IrOp op, IrType type, IrInstruction? a = null, IrInstruction? b = null, long immediate = 0, byte register = 0)
    {
        var made = new IrInstruction(op, type, a, b) { Immediate = immediate, Register = register, Pc = at.Pc };
        block.Instructions.Add(made);
        return made;
    }
}
