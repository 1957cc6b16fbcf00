using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Which guest registers matter where the guest may be stopped between two instructions and go on later: those that its own code
/// may read before it writes them. A poll need not store the others, so that a loop's temporaries are not carried round
/// it for the sake of a poll.
/// </summary>
/// <remarks>
/// Of the code as it was lifted, before any pass: what goes on is translated or evaluated from the guest's instructions again,
/// and may read registers that optimised code does not. Everything counts as read by what is outside the function. A register
/// that does not matter has an old value in the context of an asynchronous signal, unless faults are precise.
/// </remarks>
public static class GuestLiveness
{
    /// <summary>All registers.</summary>
    internal const ulong All = ulong.MaxValue;

    /// <summary>Notes the live registers of every block, poll and check of <paramref name="function"/>.</summary>
    public static void Run(IrFunction function)
    {
        function.Number();
        var liveIn = Solve(function, LiveBefore);

        // Everything is live at terminators that leave the function, so most functions have nothing else that shows registers.
        var seenIn = function.Blocks.Exists(b => b.Instructions.Exists(i => !IrOpInfo.IsTerminator(i.Op) && DeadCodeElimination.ShowsRegisters(i)))
            ? Solve(function, (i, live) => DeadCodeElimination.ShowsRegisters(i) ? All : LiveBefore(i, live))
            : liveIn;
        foreach (var block in function.Blocks)
        {
            block.LiveRegisters = seenIn[block.Id];
            Note(block, LiveOut(block, liveIn));
        }

        // Behind a write of the rounding mode the next instruction may be illegal, and then shows every register.
        foreach (var block in function.Blocks.Where(b => b.Instructions.Exists(i => i.Op == IrOp.WriteRounding)).SelectMany(b => b.Successors))
        {
            if (block.Instructions[0].Op == IrOp.Poll)
                block.Instructions[0].LiveRegisters = All;
        }
    }

    /// <summary>By number of the block: what is live where it begins.</summary>
    /// <param name="function">A numbered function.</param>
    /// <param name="before">What is live before an instruction, from what is behind it.</param>
    internal static ulong[] Solve(IrFunction function, Func<IrInstruction, ulong, ulong> before)
    {
        var liveIn = new ulong[function.Blocks.Count];
        bool changed;
        do
        {
            changed = false;
            for (var b = function.Blocks.Count - 1; b >= 0; b--)
            {
                var block = function.Blocks[b];
                var live = LiveOut(block, liveIn);
                for (var k = block.Instructions.Count - 1; k >= 0; k--)
                    live = before(block.Instructions[k], live);
                changed |= live != liveIn[b];
                liveIn[b] = live;
            }
        }
        while (changed);
        return liveIn;
    }

    /// <summary>Notes what is live at each guest instruction where it begins, since that is where it is executed again.</summary>
    private static void Note(IrBlock block, ulong live)
    {
        var end = block.Instructions.Count;
        while (end > 0)
        {
            var start = end - 1;
            while (start > 0 && block.Instructions[start - 1].Pc == block.Instructions[end - 1].Pc)
                start--;
            for (var k = end - 1; k >= start; k--)
                live = LiveBefore(block.Instructions[k], live);
            for (var k = start; k < end; k++)
            {
                if (block.Instructions[k].Op is IrOp.Poll or IrOp.Check)
                    block.Instructions[k].LiveRegisters = live;
            }

            end = start;
        }
    }

    /// <summary>What is live behind a block, from what is where each begins.</summary>
    internal static ulong LiveOut(IrBlock block, ulong[] liveIn)
    {
        if (block.Terminator.Op is not (IrOp.Jump or IrOp.Branch or IrOp.BranchTable))
            return All;
        var live = 0UL;
        foreach (var successor in block.Successors)
            live |= liveIn[successor.Id];
        return live;
    }

    /// <summary>What is live before an instruction that shows no registers, from what is behind it.</summary>
    internal static ulong LiveBefore(IrInstruction i, ulong live) => i.Op switch
    {
        IrOp.Get or IrOp.GetC when i.Register < GuestRegister.Count => live | (1UL << i.Register),
        IrOp.Set or IrOp.SetC when i.Register < GuestRegister.Count => live & ~(1UL << i.Register),
        _ => live,
    };
}
