using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Joins the comparison of an index with the size of its jump table to the branch table behind it, which compares it anyway: what it leads to
/// becomes the last successor.
/// </summary>
public static class BranchTableBounds
{
    /// <summary>Joins what can be joined in <paramref name="function"/>.</summary>
    public static void Run(IrFunction function)
    {
        if (!function.Blocks.Exists(b => b.Terminator.Op == IrOp.BranchTable))
            return;
        var predecessors = function.Predecessors();
        var ranges = RangeAnalysis.Run(function, ReversePostorder.Of(function));
        var joined = new HashSet<IrBlock>();
        foreach (var table in function.Blocks)
        {
            if (IndexOf(table) is not { } register || table == function.Blocks[0] || function.ExtraEntries.Contains(table)
                || predecessors[table.Id] is not [var block] || block.Terminator.Op != IrOp.Branch || ranges.Values(block) is not { IsEmpty: false } values)
                continue;
            if (Bound.Of(block, table, values) is { } bound && RegisterBehind(block, bound.Index) == register
                && (bound.Index.Type == IrType.I32 || values[bound.Index.Id].IsWithin(int.MinValue, uint.MaxValue)))
            {
                Join(block, table, bound);
                joined.Add(table);
            }
        }

        function.Blocks.RemoveAll(joined.Contains);
    }

    /// <summary>The register that has the index of a block that is a branch table and nothing else; null: it is not.</summary>
    private static int? IndexOf(IrBlock block)
        => block is { Terminator: { Op: IrOp.BranchTable, A: { Op: IrOp.Truncate, A: { Op: IrOp.Get } index } }, Instructions.Count: 3 } ? index.Register : null;

    /// <summary>A register whose lower half is that of a value where the block ends, if that is what it was read from or set to last.</summary>
    private static int? RegisterBehind(IrBlock block, IrInstruction value)
    {
        int? register = null;
        foreach (var i in block.Instructions)
        {
            if ((i.Op == IrOp.Get && HasLowerHalf(i, value)) || (i.Op == IrOp.Set && HasLowerHalf(i.A!, value)))
                register = i.Register;
            else if (i.Op == IrOp.Set && i.Register == register)
                register = null;
        }

        return register;
    }

    private static bool HasLowerHalf(IrInstruction whole, IrInstruction value)
        => whole == value || (value.Op == IrOp.Truncate && value.A == whole) || (whole.Op is IrOp.SignExtend32 or IrOp.ZeroExtend32 && whole.A == value);

    private static void Join(IrBlock block, IrBlock table, Bound bound)
    {
        var targets = table.Successors;
        var successors = Enumerable.Range(0, bound.Count).Select(k => targets[Math.Min(k, targets.Count - 1)]).Append(bound.Beyond).ToArray();
        BranchTables.EndBy(block, bound.Index, table.Terminator.Pc);
        block.Successors.Clear();
        block.Successors.AddRange(successors);
    }

    /// <summary>A comparison in front of a branch table.</summary>
    /// <param name="Index">What is compared.</param>
    /// <param name="Count">Indices that go to the table: those below it.</param>
    /// <param name="Beyond">Where the others go.</param>
    private sealed record Bound(IrInstruction Index, int Count, IrBlock Beyond)
    {
        /// <summary>Most successors that a table may get: a larger bound than its size is a mistake of nobody's, and not worth it.</summary>
        private const long Most = 4096;

        public static Bound? Of(IrBlock block, IrBlock table, ReadOnlySpan<ValueRange> values)
        {
            var isTaken = block.Successors[0] == table;
            if (block.Terminator.A is not { Op: IrOp.LtU or IrOp.GeU, A: { } left, B: { } right } condition || block.Successors[isTaken ? 1 : 0] is var beyond && beyond == table)
                return null;

            // Below the right operand, or not above the left one.
            var isBelow = isTaken == (condition.Op == IrOp.LtU);
            var (index, limit) = isBelow ? (left, values[right.Id]) : (right, values[left.Id]);
            var count = limit.Low + (isBelow ? 0 : 1);
            return limit is { IsConstant: true, Base: 0 } && count is > 0 and < Most ? new Bound(index, (int)count, beyond) : null;
        }
    }
}
