using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Takes the index of a jump table from where the guest took it, instead of from the address of the entry: ((x &lt;&lt; k) + base - table)
/// &gt;&gt; k is x where base is the table and x is small. The way from the index to the jump is what a mispredicted jump waits for.
/// </summary>
public static class SwitchIndex
{
    /// <summary>Simplifies the switches of <paramref name="function"/>.</summary>
    public static void Run(IrFunction function)
    {
        function.Number();
        if (!function.Blocks.Exists(b => b.Terminator.Op == IrOp.Switch))
            return;
        var ranges = RangeAnalysis.Run(function, ReversePostorder.Of(function));
        foreach (var block in function.Blocks)
        {
            if (block.Terminator.Op != IrOp.Switch)
                continue;
            var values = ranges.Values(block);
            if (!values.IsEmpty)
                block.Terminator.A = Index(block.Terminator.A!, values);
        }
    }

    private static IrInstruction Index(IrInstruction index, ReadOnlySpan<ValueRange> values)
    {
        if (index is not { Op: IrOp.ShiftRightU, Type: IrType.I64, A: { Op: IrOp.Sub, A.Op: IrOp.Add } distance, B: { Op: IrOp.Const } shift })
            return index;
        var (sum, table) = (distance.A!, values[distance.B!.Id]);
        foreach (var (scaled, start) in (ReadOnlySpan<(IrInstruction, IrInstruction)>)[(sum.A!, sum.B!), (sum.B!, sum.A!)])
        {
            if (scaled is { Op: IrOp.ShiftLeft, B: { Op: IrOp.Const } left } && left.Immediate == shift.Immediate && left.Immediate is >= 0 and < 32
                && table.IsConstant && table.Base == 0 && values[start.Id] == table
                && values[scaled.A!.Id].IsWithin(0, int.MaxValue))
                return scaled.A;
        }

        return index;
    }
}
