using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Emit;

/// <summary>The loops of a function that turn without a call: what is loaded into locals in front of one stays there.</summary>
internal static class CallFreeLoops
{
    /// <summary>The blocks of each, inner loops with the outermost one that has no call either: strongly connected components, by Tarjan's algorithm (1972).</summary>
    /// <param name="function">Numbered.</param>
    public static List<List<IrBlock>> Of(IrFunction function)
    {
        var loops = new List<List<IrBlock>>();
        var number = new int[function.Blocks.Count]; // from 1
        var lowest = new int[function.Blocks.Count];
        var isOpen = new bool[function.Blocks.Count];
        var open = new Stack<IrBlock>();
        var entered = 0;
        var path = new Stack<(IrBlock Block, int Next)>();
        foreach (var root in function.Blocks)
        {
            if (number[root.Id] == 0)
                Enter(root);

            // A stack of our own: functions have thousands of blocks.
            while (path.TryPop(out var at))
            {
                var (block, next) = at;
                if (next > 0 && isOpen[block.Successors[next - 1].Id])
                    lowest[block.Id] = Math.Min(lowest[block.Id], lowest[block.Successors[next - 1].Id]);
                if (next < CountOf(block))
                {
                    path.Push((block, next + 1));
                    if (number[block.Successors[next].Id] == 0)
                        Enter(block.Successors[next]);
                }
                else if (lowest[block.Id] == number[block.Id])
                {
                    Close(block);
                }
            }
        }

        return loops;

        // A call's way onward is none.
        static int CountOf(IrBlock block) => block.Terminator.Op is IrOp.Call or IrOp.Ecall ? 0 : block.Successors.Count;

        void Enter(IrBlock block)
        {
            number[block.Id] = lowest[block.Id] = ++entered;
            isOpen[block.Id] = true;
            open.Push(block);
            path.Push((block, 0));
        }

        void Close(IrBlock first)
        {
            var component = new List<IrBlock>();
            do
            {
                component.Add(open.Peek());
                isOpen[open.Peek().Id] = false;
            }
            while (open.Pop() != first);
            if (component.Count > 1 || (CountOf(first) > 0 && first.Successors.Contains(first)))
                loops.Add(component);
        }
    }
}
