using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Appends a block to the one that jumps to it and is its only predecessor: values then pass from one to the other without
/// registers, and a loop whose branches became selects is one block.
/// </summary>
public static class BlockMerging
{
    /// <summary>Merges in <paramref name="function"/>.</summary>
    public static void Run(IrFunction function)
    {
        var predecessors = new Dictionary<IrBlock, int> { [function.Blocks[0]] = 1 };
        foreach (var entry in function.ExtraEntries)
            predecessors[entry] = predecessors.GetValueOrDefault(entry) + 1;
        foreach (var block in function.Blocks)
        {
            foreach (var successor in block.Successors)
                predecessors[successor] = predecessors.GetValueOrDefault(successor) + 1;
        }

        var merged = new HashSet<IrBlock>();
        foreach (var block in function.Blocks)
        {
            if (merged.Contains(block))
                continue;
            while (block.Terminator.Op == IrOp.Jump && block.Successors[0] is var next && next != block && predecessors[next] == 1)
            {
                if (next.Instructions[0].Op == IrOp.Poll && !MovePoll(next, block))
                    break;
                block.Instructions.RemoveAt(block.Instructions.Count - 1);
                block.Instructions.AddRange(next.Instructions);
                block.Successors.Clear();
                block.Successors.AddRange(next.Successors);
                merged.Add(next);
            }
        }

        function.Blocks.RemoveAll(merged.Contains);
        function.Number();
    }

    /// <summary>
    /// A poll begins its block, and serves the same loops at the beginning of the one before. Not so behind a write of the rounding mode,
    /// where it stands for what comes next (<see cref="PollPlacement"/>).
    /// </summary>
    private static bool MovePoll(IrBlock from, IrBlock to)
    {
        if (to.Instructions.Exists(i => i.Op == IrOp.WriteRounding))
            return false;
        from.Instructions.RemoveAt(0);
        if (to.Instructions[0].Op != IrOp.Poll)
            to.Instructions.Insert(0, new IrInstruction(IrOp.Poll, IrType.Void) { Pc = to.Pc, LiveRegisters = to.LiveRegisters });
        return true;
    }
}
