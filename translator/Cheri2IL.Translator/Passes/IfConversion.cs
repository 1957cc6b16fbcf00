using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Turns a branch over one move between integer registers into a select. RV64GC has no conditional move: a compiler writes its
/// selects so, mostly where the condition is hard to predict.
/// </summary>
/// <remarks>Not in functions with capabilities: a register that is not written keeps metadata and tag, which a select would drop.</remarks>
public static class IfConversion
{
    /// <summary>Converts in <paramref name="function"/>.</summary>
    public static void Run(IrFunction function)
    {
        if (function.HasCapabilities)
            return;
        var predecessors = new Dictionary<IrBlock, int>();
        foreach (var block in function.Blocks)
        {
            foreach (var successor in block.Successors)
                predecessors[successor] = predecessors.GetValueOrDefault(successor) + 1;
        }

        var converted = new HashSet<IrBlock>();
        foreach (var block in function.Blocks)
        {
            if (block.Terminator.Op != IrOp.Branch || converted.Contains(block))
                continue;
            for (var side = 0; side < 2; side++)
            {
                var move = block.Successors[side];
                var join = block.Successors[1 - side];
                if (predecessors.GetValueOrDefault(move) != 1 || function.ExtraEntries.Contains(move) || move == function.Blocks[0]
                    || move.Terminator.Op != IrOp.Jump || move.Successors[0] != join || move == join || !IsMove(move))
                    continue;
                Convert(block, move, join, isTaken: side == 0);
                converted.Add(move);
                break;
            }
        }

        function.Blocks.RemoveAll(converted.Contains);
        function.Number();
    }

    /// <summary>One register set to another or to a constant, and nothing else.</summary>
    private static bool IsMove(IrBlock block)
        => block.Instructions is [{ Op: IrOp.Get or IrOp.Const, Type: IrType.I64 } value, { Op: IrOp.Set } set, _] && set.A == value;

    private static void Convert(IrBlock block, IrBlock move, IrBlock join, bool isTaken)
    {
        var code = block.Instructions;
        var branch = block.Terminator;
        var value = move.Instructions[0];
        var set = move.Instructions[1];
        code.RemoveAt(code.Count - 1);
        var old = new IrInstruction(IrOp.Get, IrType.I64) { Register = set.Register, Pc = set.Pc };
        code.Add(value);
        code.Add(old);
        var select = new IrInstruction(IrOp.Select, IrType.I64, branch.A, isTaken ? value : old, isTaken ? old : value) { Pc = set.Pc };
        code.Add(select);
        code.Add(new IrInstruction(IrOp.Set, IrType.Void, select) { Register = set.Register, Pc = set.Pc });
        code.Add(new IrInstruction(IrOp.Jump, IrType.Void) { Pc = branch.Pc });
        block.Successors.Clear();
        block.Successors.Add(join);
    }
}
