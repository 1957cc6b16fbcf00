using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>The blocks of a function that are reached, each after every block that leads to it but by a back edge.</summary>
internal sealed class ReversePostorder
{
    private readonly int[] _rank;

    private ReversePostorder(List<IrBlock> blocks, int count)
    {
        Blocks = blocks;
        _rank = new int[count];
        for (var k = 0; k < blocks.Count; k++)
            _rank[blocks[k].Id] = k;
    }

    /// <summary>The blocks in order.</summary>
    public List<IrBlock> Blocks { get; }

    /// <summary>Place of a reached block in <see cref="Blocks"/>.</summary>
    public int this[IrBlock block] => _rank[block.Id];

    /// <summary>Whether the edge closes a loop.</summary>
    public bool IsBackEdge(IrBlock from, IrBlock to) => this[to] <= this[from];

    /// <summary>Orders the blocks of a numbered function.</summary>
    public static ReversePostorder Of(IrFunction function)
    {
        var order = new List<IrBlock>(function.Blocks.Count);
        var visited = new bool[function.Blocks.Count];
        var path = new Stack<(IrBlock Block, int Next)>();
        foreach (var entry in function.ExtraEntries.Append(function.Blocks[0]))
        {
            if (!visited[entry.Id])
                Walk(entry);
        }

        order.Reverse();
        return new ReversePostorder(order, function.Blocks.Count);

        void Walk(IrBlock entry)
        {
            visited[entry.Id] = true;
            path.Push((entry, 0));
            while (path.TryPop(out var top))
            {
                if (top.Next == top.Block.Successors.Count)
                {
                    order.Add(top.Block);
                    continue;
                }

                path.Push((top.Block, top.Next + 1));
                var successor = top.Block.Successors[top.Next];
                if (!visited[successor.Id])
                {
                    visited[successor.Id] = true;
                    path.Push((successor, 0));
                }
            }
        }
    }
}
