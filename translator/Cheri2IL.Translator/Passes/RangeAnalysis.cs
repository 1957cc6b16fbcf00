using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Which values integer registers can have where each block begins, and every value of a block: a forward data flow with
/// strided intervals, which branches narrow.
/// </summary>
/// <remarks>
/// Loops are cut short by widening: where a back edge keeps growing a range, its end moves to the next constant that the
/// function compares with, then to infinity. Calls and system calls leave nothing known. Blocks that are entered from
/// elsewhere begin with nothing known.
/// </remarks>
internal sealed class RangeAnalysis
{
    private const int Registers = 32;

    /// <summary>Times that the ranges of one register may grow at one loop header before nothing is said of it.</summary>
    private const int MaxWidenings = 6;

    private readonly IrFunction _function;
    private readonly ValueRange[]?[] _in;
    private readonly byte[] _widenings;
    private readonly SortedSet<long> _bounds = [];
    private readonly ValueRange[] _values;

    /// <summary>By instruction: which value it is. Registers' values at the block's entry are 0..31, others 32 + number.</summary>
    private readonly int[] _names;
    private readonly int[] _registerNames = new int[Registers];
    private readonly ValueRange[] _registers = new ValueRange[Registers];
    private readonly ValueRange[] _leaving = new ValueRange[Registers];

    private RangeAnalysis(IrFunction function)
    {
        _function = function;
        _in = new ValueRange[]?[function.Blocks.Count];
        _widenings = new byte[function.Blocks.Count * Registers];
        var longest = function.Blocks.Max(b => b.Instructions.Count);
        _values = new ValueRange[longest];
        _names = new int[longest];
    }

    /// <summary>Analyses a numbered function.</summary>
    /// <param name="function">The function, with at least one block.</param>
    /// <param name="order">Its reachable blocks in reverse postorder.</param>
    /// <param name="rank">By block: its place in <paramref name="order"/>.</param>
    public static RangeAnalysis Run(IrFunction function, List<IrBlock> order, int[] rank)
    {
        var analysis = new RangeAnalysis(function);
        analysis.Solve(order, rank);
        return analysis;
    }

    /// <summary>Ranges of the values of <paramref name="block"/> by number, valid until the next call; null if it is not reached.</summary>
    public ReadOnlySpan<ValueRange> Values(IrBlock block)
    {
        if (_in[block.Id] is null)
            return default;
        Transfer(block);
        return _values;
    }

    private void Solve(List<IrBlock> order, int[] rank)
    {
        var pending = new PriorityQueue<IrBlock, int>();
        var queued = new bool[_function.Blocks.Count];
        Array.Fill(_leaving, ValueRange.Full);
        foreach (var entry in _function.ExtraEntries.Append(_function.Blocks[0]))
        {
            _in[entry.Id] = (ValueRange[])_leaving.Clone();
            Queue(entry);
        }

        while (pending.TryDequeue(out var block, out _))
        {
            queued[block.Id] = false;
            Transfer(block);
            for (var s = 0; s < block.Successors.Count; s++)
            {
                var successor = block.Successors[s];
                if (Leave(block, s) && Enter(successor, isBackEdge: rank[successor.Id] <= rank[block.Id]))
                    Queue(successor);
            }
        }

        void Queue(IrBlock block)
        {
            if (queued[block.Id])
                return;
            queued[block.Id] = true;
            pending.Enqueue(block, rank[block.Id]);
        }
    }

    private void Transfer(IrBlock block)
    {
        var entering = _in[block.Id]!;
        for (var r = 0; r < Registers; r++)
        {
            _registers[r] = entering[r];
            _registerNames[r] = r;
        }

        foreach (var i in block.Instructions)
        {
            var name = Registers + i.Id;
            switch (i.Op)
            {
                case IrOp.Get when i.Register < Registers:
                    _values[i.Id] = _registers[i.Register];
                    name = _registerNames[i.Register];
                    break;
                case IrOp.Set when i.Register < Registers:
                    _registers[i.Register] = _values[i.A!.Id];
                    _registerNames[i.Register] = _names[i.A.Id];
                    break;
                case IrOp.SetC when i.Register < Registers:
                    _registers[i.Register] = ValueRange.Full;
                    _registerNames[i.Register] = name;
                    break;
                default:
                    if (i.Type is IrType.I32 or IrType.I64)
                        _values[i.Id] = ValueRange.Of(i, Operand(i.A), Operand(i.B), Operand(i.C));
                    break;
            }

            _names[i.Id] = name;
        }
    }

    private ValueRange Operand(IrInstruction? operand)
        => operand is { Type: IrType.I32 or IrType.I64 } ? _values[operand.Id] : ValueRange.Full;

    /// <summary>Puts the ranges behind the edge to successor <paramref name="s"/> into _leaving. False: it is never taken.</summary>
    private bool Leave(IrBlock block, int s)
    {
        var terminator = block.Terminator;
        if (terminator.Op is IrOp.Call or IrOp.Ecall)
        {
            Array.Fill(_leaving, ValueRange.Full);
            return true;
        }

        _registers.CopyTo(_leaving, 0);
        return terminator.Op != IrOp.Branch || terminator.A is not { B: not null } condition || Narrow(condition, isTaken: s == 0);
    }

    private bool Narrow(IrInstruction condition, bool isTaken)
    {
        var (left, right) = (condition.A!, condition.B!);
        if (left.Type != IrType.I64 && left.Type != IrType.I32)
            return true;
        var (a, b) = (_values[left.Id], _values[right.Id]);
        ValueRange? narrowA = a;
        ValueRange? narrowB = b;
        var op = isTaken ? condition.Op : Opposite(condition.Op);
        switch (op)
        {
            case IrOp.Eq:
                narrowA = a.AtLeast(b.Low)?.AtMost(b.High);
                narrowB = b.AtLeast(a.Low)?.AtMost(a.High);
                break;
            case IrOp.Ne:
                if (b.IsConstant)
                    narrowA = a.Without(b.Low);
                if (a.IsConstant)
                    narrowB = b.Without(a.Low);
                break;
            case IrOp.LtS:
                narrowA = b.High == long.MinValue ? null : a.AtMost(b.High - 1);
                narrowB = a.Low == long.MaxValue ? null : b.AtLeast(a.Low + 1);
                break;
            case IrOp.GeS:
                narrowA = a.AtLeast(b.Low);
                narrowB = b.AtMost(a.High);
                break;
            case IrOp.LtU when b.Low >= 0:
                narrowA = b.High == 0 ? null : a.AtLeast(0)?.AtMost(b.High - 1);
                break;
            case IrOp.GeU when a.Low >= 0:
                narrowB = b.AtLeast(0)?.AtMost(a.High);
                break;
        }

        if (b.IsConstant)
            _bounds.Add(b.Low);
        if (a.IsConstant)
            _bounds.Add(a.Low);
        if (narrowA is not { } fromLeft || narrowB is not { } fromRight)
            return false;
        Learn(_names[left.Id], fromLeft);
        Learn(_names[right.Id], fromRight);
        return true;
    }

    private static IrOp Opposite(IrOp op) => op switch
    {
        IrOp.Eq => IrOp.Ne,
        IrOp.Ne => IrOp.Eq,
        IrOp.LtS => IrOp.GeS,
        IrOp.GeS => IrOp.LtS,
        IrOp.LtU => IrOp.GeU,
        IrOp.GeU => IrOp.LtU,
        _ => op,
    };

    /// <summary>Every register that holds the value is in <paramref name="range"/>.</summary>
    private void Learn(int name, ValueRange range)
    {
        for (var r = 0; r < Registers; r++)
        {
            if (_registerNames[r] == name)
                _leaving[r] = range;
        }
    }

    /// <summary>Joins _leaving into the entry of a block. True when that changed it.</summary>
    private bool Enter(IrBlock block, bool isBackEdge)
    {
        if (_in[block.Id] is not { } current)
        {
            _in[block.Id] = (ValueRange[])_leaving.Clone();
            return true;
        }

        var changed = false;
        for (var r = 0; r < Registers; r++)
        {
            var joined = current[r].Join(_leaving[r]);
            if (joined == current[r])
                continue;
            changed = true;
            current[r] = isBackEdge ? Widen(current[r], joined, ref _widenings[(block.Id * Registers) + r]) : joined;
        }

        return changed;
    }

    private ValueRange Widen(ValueRange from, ValueRange to, ref byte widenings)
    {
        if (++widenings > MaxWidenings)
            return ValueRange.Full;
        var (low, high) = (to.Low, to.High);
        if (high > from.High)
            high = BoundAbove(to);
        if (low < from.Low)
            low = BoundBelow(to);
        return low == to.Low && high == to.High ? to : new ValueRange(low, high, low == long.MinValue || high == long.MaxValue ? 1 : to.Stride);
    }

    /// <summary>
    /// Where to stop next on the way up: at the last value before a compared constant, which is what a loop until then leaves, or
    /// at the constant.
    /// </summary>
    private long BoundAbove(ValueRange range)
    {
        foreach (var bound in _bounds.GetViewBetween(range.High, long.MaxValue))
        {
            foreach (var end in (ReadOnlySpan<Int128>)[(Int128)bound - range.Stride, bound])
            {
                var aligned = range.Low + ((end - range.Low) / range.Stride * range.Stride);
                if (aligned >= range.High)
                    return (long)aligned;
            }
        }

        return long.MaxValue;
    }

    /// <summary>The same on the way down.</summary>
    private long BoundBelow(ValueRange range)
    {
        foreach (var bound in _bounds.GetViewBetween(long.MinValue, range.Low).Reverse())
        {
            foreach (var end in (ReadOnlySpan<Int128>)[(Int128)bound + range.Stride, bound])
            {
                var aligned = range.High - ((range.High - end) / range.Stride * range.Stride);
                if (aligned <= range.Low)
                    return (long)aligned;
            }
        }

        return long.MinValue;
    }
}
