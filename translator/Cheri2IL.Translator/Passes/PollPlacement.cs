using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Lets a check stand in for the poll of its loop: such a check compares with a limit that other threads can lower, so
/// one comparison serves both.
/// </summary>
/// <remarks>
/// Every loop has a poll at its header when it comes here. One whose every turn passes an emitted check loses its poll: take
/// the blocks with an emitted check away, and what is still a cycle needs its polls. The first checks of loop headers become
/// polling ones, of as many as it takes, and those of other blocks where headers do not suffice. A poll right behind a write of the rounding mode always stands: the next operation may be one
/// that the host cannot round.
/// </remarks>
public sealed class PollPlacement
{
    /// <summary>Guards against functions of thousands of loops: from there on every check on a cycle polls.</summary>
    private const int MaxBlocksLookedAt = 5_000_000;

    private readonly IrFunction _function;

    private PollPlacement(IrFunction function) => _function = function;

    /// <summary>Decides for every poll and every check of <paramref name="function"/>, regardless of what was decided before.</summary>
    public static void Run(IrFunction function)
    {
        function.Number();
        new PollPlacement(function).Place();
        function.Number();
    }

    private void Place()
    {
        var checks = _function.Blocks.ConvertAll(b => b.Instructions.Find(i => i.Op == IrOp.Check && i.Elided is null));
        // Headers first: copies of an unrolled body need no poll of their own.
        var polling = new bool[_function.Blocks.Count];
        var onCycle = Cycles(b => !polling[b.Id]);
        var turns = MaxBlocksLookedAt / polling.Length;
        foreach (var block in _function.Blocks.OrderBy(b => b.Instructions[0].Op != IrOp.Poll))
        {
            if (checks[block.Id] is null || !onCycle[block.Id])
                continue;
            polling[block.Id] = true;
            if (turns-- > 0)
                onCycle = Cycles(b => !polling[b.Id]);
        }

        if (turns < 0)
            onCycle = Cycles(b => !polling[b.Id]);
        var behindRounding = new HashSet<IrBlock>();
        foreach (var block in _function.Blocks)
        {
            if (block.Instructions.Exists(i => i.Op == IrOp.WriteRounding))
                behindRounding.UnionWith(block.Successors);
        }

        foreach (var block in _function.Blocks)
        {
            foreach (var i in block.Instructions)
                i.Polls = polling[block.Id] && ReferenceEquals(i, checks[block.Id]);
            if (block.Instructions[0].Op == IrOp.Poll && !onCycle[block.Id] && !behindRounding.Contains(block))
                block.Instructions.RemoveAt(0);
        }
    }

    /// <summary>By number: the blocks on a cycle of the blocks that <paramref name="include"/> takes (Tarjan's strongly connected components).</summary>
    private bool[] Cycles(Func<IrBlock, bool> include)
    {
        var blocks = _function.Blocks;
        var result = new bool[blocks.Count];
        var index = new int[blocks.Count];
        var low = new int[blocks.Count];
        var isOpen = new bool[blocks.Count];
        var open = new Stack<IrBlock>();
        var path = new Stack<(IrBlock Block, int Next)>();
        var count = 0;
        foreach (var root in blocks)
        {
            if (index[root.Id] != 0 || !include(root))
                continue;
            Begin(root);
            while (path.TryPop(out var top))
            {
                var (block, next) = top;
                if (next < block.Successors.Count)
                {
                    path.Push((block, next + 1));
                    var successor = block.Successors[next];
                    if (!include(successor))
                        continue;
                    if (index[successor.Id] == 0)
                        Begin(successor);
                    else if (isOpen[successor.Id])
                        low[block.Id] = Math.Min(low[block.Id], index[successor.Id]);
                    continue;
                }

                if (path.TryPeek(out var parent))
                    low[parent.Block.Id] = Math.Min(low[parent.Block.Id], low[block.Id]);
                if (low[block.Id] == index[block.Id])
                    Close(block);
            }
        }

        return result;

        void Begin(IrBlock block)
        {
            index[block.Id] = low[block.Id] = ++count;
            isOpen[block.Id] = true;
            open.Push(block);
            path.Push((block, 0));
        }

        void Close(IrBlock root)
        {
            var isCycle = open.Peek() != root || root.Successors.Contains(root);
            IrBlock member;
            do
            {
                member = open.Pop();
                isOpen[member.Id] = false;
                result[member.Id] = isCycle;
            }
            while (member != root);
        }
    }
}
