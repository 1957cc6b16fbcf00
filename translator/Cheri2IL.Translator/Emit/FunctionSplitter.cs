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
/// <remarks>
/// Passing costs what a call costs. Hence the first part takes the blocks that are reached from the entry and the jump tables
/// without a call, nearest first: of an interpreter's main loop those are the ways that end soon. Blocks that call, and what
/// only they lead to, follow.
/// </remarks>
public static class FunctionSplitter
{
    private const int CallWeight = 40;

    /// <summary>
    /// Moves the blocks of <paramref name="function"/> into parts of at most <paramref name="share"/> of its weight, unless one
    /// block alone weighs more. Jumps between parts become tail calls, which are told from those that leave the function by
    /// identity: the pc does not tell, as a function may leave for a pc that one of its parts also begins with.
    /// </summary>
    public static SplitFunction Split(IrFunction function, double share)
    {
        var blocks = Partition(function, share);
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
            var part = new IrFunction(entries[0].Pc, function.Name)
            {
                HasCapabilities = function.HasCapabilities,
                IsCapabilityMode = function.IsCapabilityMode,
                FetchedCode = function.FetchedCode,
            };
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

    private static List<List<IrBlock>> Partition(IrFunction function, double share)
    {
        var budget = function.Blocks.Sum(Weight) * share;
        var first = new HashSet<IrBlock> { function.Blocks[0] };
        var size = Weight(function.Blocks[0]);
        foreach (var block in ReachedWithoutCall(function))
        {
            if (!first.Add(block))
                continue;
            size += Weight(block);
            if (size <= budget)
                continue;
            first.Remove(block);
            break;
        }

        var parts = new List<List<IrBlock>> { function.Blocks.Where(first.Contains).ToList() };
        size = parts[0].Sum(Weight);
        foreach (var block in function.Blocks)
        {
            if (first.Contains(block))
                continue;
            var weight = Weight(block);
            if (size > 0 && size + weight > budget)
            {
                parts.Add([]);
                size = 0;
            }

            parts[^1].Add(block);
            size += weight;
        }

        return parts;
    }

    /// <summary>About the references to locals that a block costs: registers are stored before a call and loaded after it.</summary>
    private static int Weight(IrBlock block)
        => block.Instructions.Count + (block.Terminator.Op is IrOp.Call or IrOp.Ecall ? CallWeight : 0);

    /// <summary>Blocks that neither end with a call, nor are reached through calls alone, nor lead to calls alone; nearest first.</summary>
    private static IEnumerable<IrBlock> ReachedWithoutCall(IrFunction function)
    {
        var reached = new HashSet<IrBlock>();
        var order = new List<IrBlock>();
        var work = new Queue<IrBlock>(function.Blocks.Where(b => b == function.Blocks[0] || b.Terminator.Op is IrOp.Switch or IrOp.BranchTable));
        while (work.TryDequeue(out var block))
        {
            if (block.Terminator.Op is IrOp.Call or IrOp.Ecall || !reached.Add(block))
                continue;
            order.Add(block);
            foreach (var successor in block.Successors)
                work.Enqueue(successor);
        }

        // Each removal looks at its predecessors only: a function may be one long way to a call.
        var predecessors = order.SelectMany(b => b.Successors.Select(s => (From: b, To: s))).ToLookup(e => e.To, e => e.From);
        var last = new Stack<IrBlock>(order);
        while (last.TryPop(out var block))
        {
            if (block.Successors.Count == 0 || block.Successors.Exists(reached.Contains) || !reached.Remove(block))
                continue;
            foreach (var predecessor in predecessors[block])
                last.Push(predecessor);
        }

        return order.Where(reached.Contains);
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
