using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Emit;

/// <summary>The parts of a split function.</summary>
/// <param name="Functions">The parts, in block order; the first begins with the function's entry.</param>
/// <param name="Entries">
/// For each tail call between parts the index of the part it enters and which of that part's entries (0: its first block, else
/// 1 + the index in <see cref="IrFunction.ExtraEntries"/>).
/// </param>
public sealed record SplitFunction(IReadOnlyList<IrFunction> Functions, IReadOnlyDictionary<IrInstruction, (int Part, int Entry)> Entries);

/// <summary>
/// Splits a function that RyuJIT would not optimise whole into parts of bounded size. Control passes between parts by
/// tail call; a part that is entered at several places has an entry for each.
/// </summary>
public static class FunctionSplitter
{
    /// <summary>
    /// Moves the blocks of <paramref name="function"/> into <paramref name="count"/> parts or more of about equal IR size, in
    /// block order. Jumps between parts become tail calls, which are told from those that leave the function by identity:
    /// the pc does not tell, as a function may leave for a pc that one of its parts also begins with.
    /// </summary>
    public static SplitFunction Split(IrFunction function, int count)
    {
        var blocks = Partition(function, count);
        var partOf = new Dictionary<IrBlock, int>();
        for (var p = 0; p < blocks.Count; p++)
        {
            foreach (var block in blocks[p])
                partOf[block] = p;
        }

        var jumps = new List<(IrInstruction TailCall, IrBlock Target)>();
        for (var p = 0; p < blocks.Count; p++)
            blocks[p].AddRange(CutEdges(blocks[p], p, partOf, jumps));

        var parts = new List<IrFunction>();
        var entryOf = new Dictionary<IrBlock, int>();
        for (var p = 0; p < blocks.Count; p++)
        {
            // In the order of the blocks, the first of them first, so that the result does not depend on that of the jumps.
            var entered = jumps.Select(j => j.Target).Where(b => partOf[b] == p).ToHashSet();
            var entries = blocks[p].Where(b => entered.Contains(b) || b == function.Blocks[0]).ToList();
            if (entries.Count == 0)
                continue;
            var part = new IrFunction(entries[0].Pc, function.Name);
            part.Blocks.Add(entries[0]);
            part.Blocks.AddRange(blocks[p].Where(b => b != entries[0]));
            part.ExtraEntries.AddRange(entries.Skip(1));
            for (var e = 0; e < entries.Count; e++)
                entryOf[entries[e]] = e;
            foreach (var block in blocks[p])
                partOf[block] = parts.Count;
            parts.Add(part);
        }

        return new SplitFunction(parts, jumps.ToDictionary(j => j.TailCall, j => (partOf[j.Target], entryOf[j.Target])));
    }

    private static List<List<IrBlock>> Partition(IrFunction function, int count)
    {
        var budget = Math.Max(1, function.Blocks.Sum(b => b.Instructions.Count) / count);
        var parts = new List<List<IrBlock>> { new() };
        var size = 0;
        foreach (var block in function.Blocks)
        {
            if (size >= budget)
            {
                parts.Add([]);
                size = 0;
            }

            parts[^1].Add(block);
            size += block.Instructions.Count;
        }

        return parts;
    }

    /// <summary>Makes the edges that leave part <paramref name="p"/> lead to new blocks with a tail call each, and returns those.</summary>
    private static List<IrBlock> CutEdges(List<IrBlock> part, int p, Dictionary<IrBlock, int> partOf, List<(IrInstruction TailCall, IrBlock Target)> jumps)
    {
        var exits = new Dictionary<IrBlock, IrBlock>();
        var added = new List<IrBlock>();
        foreach (var block in part)
        {
            for (var s = 0; s < block.Successors.Count; s++)
            {
                var successor = block.Successors[s];
                if (partOf[successor] == p)
                    continue;
                if (!exits.TryGetValue(successor, out var exit))
                {
                    var jump = new IrInstruction(IrOp.TailCall, IrType.Void) { Immediate = successor.Pc, Pc = successor.Pc };
                    exits[successor] = exit = new IrBlock(successor.Pc);
                    exit.Instructions.Add(jump);
                    jumps.Add((jump, successor));
                    added.Add(exit);
                }

                block.Successors[s] = exit;
            }
        }

        return added;
    }
}
