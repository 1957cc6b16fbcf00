using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Which values integer registers can have where each block begins, and every value of a block: a forward data flow with
/// strided intervals, which branches narrow.
/// </summary>
/// <remarks>
/// <para>Ranges are absolute, or distances from an unknown value: what a register holds on entry (numbered as the register), or
/// what an instruction of the function yields that is not understood (numbered behind them). Such a number always means the
/// value of the last execution: where one is executed again, distances from the old value are forgotten.</para>
/// <para>Loops are cut short by widening: where a back edge keeps growing a range, its end moves to the next constant that the
/// function compares with, then to infinity. Afterwards a register that is stepped like another whose end is known gets its end from
/// that (<see cref="Steps"/>), and the analysis is repeated within these limits. Calls and system calls leave nothing known but
/// sp, which is the same behind a call (<see cref="IrOp.Call"/>). Blocks that are entered from elsewhere begin with nothing known.</para>
/// </remarks>
internal sealed class RangeAnalysis
{
    private const int Registers = 32;

    /// <summary>Longer steps are not followed: they might lead past the ends of a range unseen.</summary>
    private const long MaxStep = 1L << 40;

    /// <summary>Times that the ranges of one register may grow at one loop header before nothing is said of it.</summary>
    private const int MaxWidenings = 6;

    private readonly IrFunction _function;
    private readonly ReversePostorder _order;
    private readonly List<IrBlock>[] _predecessors;
    private readonly ValueRange[]?[] _in;
    private readonly byte[] _widenings;

    /// <summary>By block: what the registers are known to stay within there.</summary>
    private readonly ValueRange[]?[] _limits;

    /// <summary>By block: the number of the unknown value that its instruction 0 would be.</summary>
    private readonly int[] _firstNumber;
    private readonly SortedSet<long> _bounds = [];
    private readonly ValueRange[] _values;

    /// <summary>By instruction: which value it is. Registers' values at the block's entry are 0..31, others 32 + number.</summary>
    private readonly int[] _names;
    private readonly int[] _registerNames = new int[Registers];
    private readonly ValueRange[] _registers = new ValueRange[Registers];
    private readonly ValueRange[] _leaving = new ValueRange[Registers];

    private RangeAnalysis(IrFunction function, ReversePostorder order)
    {
        _function = function;
        _order = order;
        _in = new ValueRange[]?[function.Blocks.Count];
        _limits = new ValueRange[]?[function.Blocks.Count];
        _widenings = new byte[function.Blocks.Count * Registers];
        _predecessors = new List<IrBlock>[function.Blocks.Count];
        _firstNumber = new int[function.Blocks.Count];
        var number = Registers;
        foreach (var block in function.Blocks)
        {
            _predecessors[block.Id] = [];
            _firstNumber[block.Id] = number;
            number += block.Instructions.Count;
        }

        foreach (var block in order.Blocks)
        {
            foreach (var successor in block.Successors)
            {
                if (!_predecessors[successor.Id].Contains(block))
                    _predecessors[successor.Id].Add(block);
            }
        }

        var longest = function.Blocks.Max(b => b.Instructions.Count);
        _values = new ValueRange[longest];
        _names = new int[longest];
    }

    /// <summary>Analyses a numbered function.</summary>
    /// <param name="function">The function, with at least one block.</param>
    /// <param name="order">Its blocks in order.</param>
    public static RangeAnalysis Run(IrFunction function, ReversePostorder order)
    {
        var analysis = new RangeAnalysis(function, order);
        analysis.Solve();
        if (analysis.LimitSteppedRegisters())
            analysis.Solve();
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

    /// <summary>Ranges of the registers where <paramref name="block"/> begins; empty if it is not reached.</summary>
    public ReadOnlySpan<ValueRange> Entering(IrBlock block) => _in[block.Id];

    /// <summary>Whether the unknown value <paramref name="number"/> is an instruction of <paramref name="block"/>.</summary>
    public bool IsOf(IrBlock block, int number)
        => number >= _firstNumber[block.Id] && number < _firstNumber[block.Id] + block.Instructions.Count;

    private void Solve()
    {
        Array.Clear(_in);
        Array.Clear(_widenings);
        var pending = new PriorityQueue<IrBlock, int>();
        var queued = new bool[_function.Blocks.Count];
        Array.Fill(_leaving, ValueRange.Full);
        foreach (var entry in _function.ExtraEntries)
        {
            _in[entry.Id] = (ValueRange[])_leaving.Clone();
            Queue(entry);
        }

        for (var r = 1; r < Registers; r++)
            _leaving[r] = ValueRange.Unknown(r);
        Enter(_function.Blocks[0], isBackEdge: false);
        Queue(_function.Blocks[0]);

        while (pending.TryDequeue(out var block, out _))
        {
            queued[block.Id] = false;
            Transfer(block);
            for (var s = 0; s < block.Successors.Count; s++)
            {
                var successor = block.Successors[s];
                if (Leave(block, s) && Enter(successor, _order.IsBackEdge(block, successor)))
                    Queue(successor);
            }
        }

        void Queue(IrBlock block)
        {
            if (queued[block.Id])
                return;
            queued[block.Id] = true;
            pending.Enqueue(block, _order[block]);
        }
    }

    private void Transfer(IrBlock block)
    {
        var entering = _in[block.Id]!;
        var isRepeated = false;
        for (var r = 0; r < Registers; r++)
        {
            _registers[r] = entering[r];
            _registerNames[r] = r;
            isRepeated |= IsOf(block, entering[r].Base);
        }

        foreach (var i in block.Instructions)
        {
            var name = Registers + i.Id;
            switch (i.Op)
            {
                case IrOp.Get when i.Register < Registers:
                    if (_registers[i.Register].IsFull)
                        _registers[i.Register] = Unknown(block, i, isRepeated);
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
                    {
                        _values[i.Id] = ValueRange.Of(i, Operand(i.A), Operand(i.B), Operand(i.C));
                        if (_values[i.Id].IsFull)
                            _values[i.Id] = Unknown(block, i, isRepeated);
                    }

                    // The same number: what a comparison of 32 bits tells is true of the register.
                    if (i.Op == IrOp.SignExtend32)
                        name = _names[i.A!.Id];
                    break;
            }

            _names[i.Id] = name;
        }
    }

    /// <summary>The value of an instruction that is not understood.</summary>
    /// <param name="block">Its block.</param>
    /// <param name="i">The instruction.</param>
    /// <param name="isRepeated">Whether there are distances from values of this block: those from the instruction's last value are forgotten.</param>
    private ValueRange Unknown(IrBlock block, IrInstruction i, bool isRepeated)
    {
        var value = ValueRange.Unknown(_firstNumber[block.Id] + i.Id);
        if (isRepeated)
        {
            Forget(_registers, value.Base);
            Forget(_values.AsSpan(0, i.Id), value.Base);
        }

        return value;

        static void Forget(Span<ValueRange> ranges, int number)
        {
            foreach (ref var range in ranges)
            {
                if (range.Base == number)
                    range = ValueRange.Full;
            }
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
            if (terminator.Op == IrOp.Call)
                _leaving[GuestRegister.Sp] = _registers[GuestRegister.Sp];
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
        var op = isTaken ? condition.Op : Opposite(condition.Op);
        if (a.Base != b.Base || op is not (IrOp.Eq or IrOp.Ne))
            (a, b) = (a.WithoutBase(), b.WithoutBase());
        ValueRange? narrowA = a;
        ValueRange? narrowB = b;
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
        if (range.IsFull)
            return;
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
            _in[block.Id] = _leaving.AsSpan().ToArray();
            return true;
        }

        var changed = false;
        for (var r = 0; r < Registers; r++)
        {
            // Most registers are the same on both ways, or nothing is known of them any more.
            if (current[r] == _leaving[r] || current[r].IsFull)
                continue;
            var joined = current[r].Join(_leaving[r]);
            if (joined == current[r])
                continue;
            if (isBackEdge)
                joined = Widen(current[r], joined, ref _widenings[(block.Id * Registers) + r]);
            if (_limits[block.Id] is { } limits && !joined.IsWithin(limits[r]))
                joined = limits[r];
            changed |= joined != current[r];
            current[r] = joined;
        }

        return changed;
    }

    /// <summary>
    /// Limits registers at the headers of loops that take as many steps as another, whose range is known. False: there are none.
    /// </summary>
    private bool LimitSteppedRegisters()
    {
        var any = false;
        foreach (var header in _order.Blocks)
        {
            if (_in[header.Id] is not { } ranges || header == _function.Blocks[0] || _function.ExtraEntries.Contains(header)
                || !_predecessors[header.Id].Exists(b => _order.IsBackEdge(b, header))
                || LoopSteps.Of(_function, header, _predecessors, _order) is not { } loop || First(header) is not { } first)
                continue;
            // Distances from what changes in the loop are not the same distances in every turn.
            foreach (ref var range in first.AsSpan())
            {
                var number = range.Base;
                if (loop.Body.Any(b => IsOf(b, number)))
                    range = ValueRange.Full;
            }

            if (MostTurns(ranges, first, loop.Steps) is not { } turns)
                continue;
            var limits = new ValueRange[Registers];
            for (var r = 0; r < Registers; r++)
            {
                limits[r] = loop.Steps[r] is { } step && !first[r].IsFull ? first[r].Stepped(step, turns) : ValueRange.Full;
                any |= !ranges[r].IsWithin(limits[r]);
            }

            _limits[header.Id] = limits;
        }

        return any;
    }

    /// <summary>Ranges of the registers where a loop is entered; null: it is not.</summary>
    private ValueRange[]? First(IrBlock header)
    {
        ValueRange[]? joined = null;
        foreach (var block in _predecessors[header.Id])
        {
            if (_order.IsBackEdge(block, header) || _in[block.Id] is null)
                continue;
            Transfer(block);
            for (var s = 0; s < block.Successors.Count; s++)
            {
                if (block.Successors[s] != header || !Leave(block, s))
                    continue;
                joined ??= (ValueRange[])_leaving.Clone();
                for (var r = 0; r < Registers; r++)
                    joined[r] = joined[r].Join(_leaving[r]);
            }
        }

        return joined;
    }

    /// <summary>How often the loop can come back to its header at most; null if no stepped register tells.</summary>
    private static long? MostTurns(ValueRange[] ranges, ValueRange[] first, long?[] steps)
    {
        long? least = null;
        for (var r = 1; r < Registers; r++)
        {
            if (steps[r] is not (>= -MaxStep and <= MaxStep and not 0) || first[r].IsFull || ranges[r].Base != first[r].Base)
                continue;
            // A range with a wide gap: no step leads across it, all the way round.
            if ((Int128)ranges[r].High - ranges[r].Low > long.MaxValue / 2)
                continue;
            var step = steps[r]!.Value;
            // From the end where it may have begun to the end where it may be now.
            var way = step > 0 ? (Int128)ranges[r].High - first[r].Low : (Int128)first[r].High - ranges[r].Low;
            var turns = (long)(way / Math.Abs(step));
            least = Math.Min(least ?? turns, turns);
        }

        return least;
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
        if (low == to.Low && high == to.High)
            return to;
        if (low != long.MinValue && high != long.MaxValue)
            return to with { Low = low, High = high };
        return to.Base == 0 ? new ValueRange(low, high, 1) : ValueRange.Full;
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
