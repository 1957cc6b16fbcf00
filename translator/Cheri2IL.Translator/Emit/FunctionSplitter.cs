using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Emit;

/// <summary>
/// Splits a function that RyuJIT would not optimise whole into parts of bounded size. Control passes between parts by
/// tail call; a part that is entered at several places has an entry for each.
/// </summary>
public static class FunctionSplitter
{
    /// <summary>
    /// Moves the blocks of <paramref name="function"/> into <paramref name="count"/> parts or more of about equal IR size, in
    /// block order. The first part keeps the function's entry as its entry 0. Jumps between parts become tail calls.
    /// </summary>
    public static List<IrFunction> Split(IrFunction function, int count)
    {
        var total = function.Blocks.Sum(b => b.Instructions.Count);
        var budget = Math.Max(1, total / count);
        var partOf = new Dictionary<IrBlock, int>();
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
            partOf[block] = parts.Count - 1;
            size += block.Instructions.Count;
        }

        var entries = new SortedSet<long>[parts.Count];
        var byPc = new Dictionary<long, IrBlock>();
        for (var p = 0; p < parts.Count; p++)
        {
            entries[p] = [];
            // Exit stubs share a pc with nothing inside; real blocks are unique by pc.
            foreach (var block in parts[p])
                byPc[block.Pc] = block;
        }

        var result = new List<IrFunction>();
        var bodies = new List<(List<IrBlock> Blocks, int Part)>();
        for (var p = 0; p < parts.Count; p++)
        {
            var exits = new Dictionary<IrBlock, IrBlock>();
            foreach (var block in parts[p])
            {
                for (var s = 0; s < block.Successors.Count; s++)
                {
                    var successor = block.Successors[s];
                    if (partOf[successor] == p)
                        continue;
                    if (!exits.TryGetValue(successor, out var exit))
                    {
                        exits[successor] = exit = new IrBlock(successor.Pc);
                        exit.Instructions.Add(new IrInstruction(IrOp.TailCall, IrType.Void) { Immediate = successor.Pc, Pc = successor.Pc });
                        entries[partOf[successor]].Add(successor.Pc);
                    }

                    block.Successors[s] = exit;
                }
            }

            bodies.Add(([.. parts[p], .. exits.Values], p));
        }

        foreach (var (blocks, p) in bodies)
        {
            var first = p == 0 ? function.EntryPc : entries[p].Count > 0 ? entries[p].Min : blocks[0].Pc;
            var part = new IrFunction(first, function.Name);
            part.Blocks.Add(byPc[first]);
            part.Blocks.AddRange(blocks.Where(b => b != byPc[first]));
            foreach (var pc in entries[p])
            {
                if (pc != first)
                    part.ExtraEntries.Add(byPc[pc]);
            }

            result.Add(part);
        }

        return result;
    }
}
