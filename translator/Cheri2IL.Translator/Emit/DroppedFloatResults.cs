using Cheri2IL.Translator.Ir;
using RegisterSet = System.UInt128;

namespace Cheri2IL.Translator.Emit;

/// <summary>
/// Finds floating-point operations whose results nothing observable depends on. RyuJIT, which knows nothing of exception
/// flags, would drop them together with the flags they raise.
/// </summary>
/// <remarks>
/// Backward over the function, as RyuJIT does it: a register is live where a path leads to a place that stores it or to a
/// needed use of it, and a value is needed if a live register, memory or control flow depends on it. The cold paths of
/// checks do not count as stores, for RyuJIT drops a check that repeats an earlier one, nor does a branch whose sides do nothing
/// before they meet.
/// </remarks>
internal sealed class DroppedFloatResults
{
    private readonly IrFunction _function;
    private readonly RegisterAnalysis _registers;
    private readonly Dictionary<IrBlock, RegisterSet> _liveIn = [];
    private readonly HashSet<IrInstruction> _needed = [];
    private readonly HashSet<IrInstruction> _dropped = [];

    /// <summary>Blocks that do nothing but go on, and where.</summary>
    private readonly Dictionary<IrBlock, IrBlock> _onward = [];

    /// <summary>Where they lead in the end, as far as this round has asked.</summary>
    private readonly Dictionary<IrBlock, IrBlock> _destinations = [];

    private DroppedFloatResults(IrFunction function, RegisterAnalysis registers)
    {
        _function = function;
        _registers = registers;
    }

    /// <summary>The operations whose results must be kept (<see cref="Runtime.Execution.FloatOps.Keep(double)"/>).</summary>
    public static HashSet<IrInstruction> Find(IrFunction function, RegisterAnalysis registers)
    {
        var analysis = new DroppedFloatResults(function, registers);
        if (function.Blocks.Exists(block => block.Instructions.Exists(RaisesFlags)))
            analysis.Solve();
        return analysis._dropped;
    }

    private static bool RaisesFlags(IrInstruction i) => i.Type != IrType.Void && (IrOpInfo.Effects(i.Op) & IrEffects.FloatStatus) != 0;

    private static bool IsCheck(IrInstruction i) => i.Op is IrOp.Check or IrOp.CheckAlignment;

    /// <summary>x - x, x ^ x, x &lt; x...: RyuJIT computes these without looking at x.</summary>
    private static bool IsConstantAnyhow(IrInstruction i)
        => i.Op is IrOp.Sub or IrOp.Xor or (>= IrOp.Eq and <= IrOp.GeU) && AreSame(i.A!, i.B!);

    private static bool AreSame(IrInstruction a, IrInstruction b) => a == b || (a.Op == IrOp.Get && b.Op == IrOp.Get && a.Register == b.Register);

    /// <summary>What follows a block, without the side to which, as RyuJIT sees as well, its branch never goes.</summary>
    private static List<IrBlock> Followers(IrBlock block)
        => block.Instructions is [.., { Op: IrOp.Branch, A: { } condition }] && Outcome(condition) is { } isTaken ? [block.Successors[isTaken ? 0 : 1]] : block.Successors;

    /// <summary>What a condition is in any case; null: it depends.</summary>
    private static bool? Outcome(IrInstruction condition) => condition.Op switch
    {
        IrOp.Const => condition.Immediate != 0,
        IrOp.LtU when condition.B is { Op: IrOp.Const, Immediate: 0 } => false,
        IrOp.GeU when condition.B is { Op: IrOp.Const, Immediate: 0 } => true,
        IrOp.Eq or IrOp.GeS or IrOp.GeU when AreSame(condition.A!, condition.B!) => true,
        IrOp.Ne or IrOp.LtS or IrOp.LtU when AreSame(condition.A!, condition.B!) => false,
        _ => null,
    };

    private void Solve()
    {
        foreach (var block in _function.Blocks)
        {
            if (block.Terminator.Op is IrOp.Jump or IrOp.Branch && block.Instructions.TrueForAll(i => IrOpInfo.IsTerminator(i.Op) || IsIdle(i, live: 0)))
                _onward.Add(block, Followers(block)[0]);
        }

        // Live registers only become more, and blocks that do nothing fewer: it ends.
        bool changed;
        do
        {
            changed = false;
            _needed.Clear();
            _dropped.Clear();
            _destinations.Clear();
            for (var b = _function.Blocks.Count - 1; b >= 0; b--)
            {
                var block = _function.Blocks[b];
                var idle = _onward.Count;
                var live = Walk(block);
                changed |= live != _liveIn.GetValueOrDefault(block) || idle != _onward.Count;
                _liveIn[block] = live;
            }
        }
        while (changed);
    }

    private RegisterSet Walk(IrBlock block)
    {
        var code = block.Instructions;
        var dirty = new RegisterSet[code.Count];
        var before = _registers.DirtyIn(block);
        for (var k = 0; k < code.Count; k++)
        {
            dirty[k] = before;
            before = _registers.DirtyAfter(code[k], before);
        }

        var stored = before & _registers.StoredAtEnd(block);
        var live = stored;
        var followers = Followers(block);
        foreach (var successor in followers)
            live |= _liveIn.GetValueOrDefault(successor);
        var decidesNothing = block.Terminator.Op is IrOp.Jump or IrOp.Branch && followers.TrueForAll(f => Destination(f) == Destination(followers[0]));
        var isIdle = decidesNothing && stored == 0;
        for (var k = code.Count - 1; k >= 0; k--)
        {
            // Whichever way a branch goes, it comes to the same place: RyuJIT drops it, and what its condition was computed from.
            if (code[k].Op == IrOp.Branch && decidesNothing)
                continue;
            isIdle &= code[k].Op == IrOp.Jump || IsIdle(code[k], live);
            live = Before(code[k], live, dirty[k]);
        }

        if (!isIdle)
            _onward.Remove(block);
        return live;
    }

    /// <summary>Whether nothing is left of an instruction for RyuJIT, but for the flags that it raises.</summary>
    private static bool IsIdle(IrInstruction i, RegisterSet live)
        => i.Op == IrOp.Set ? (live & RegisterAnalysis.Bit(i.Register)) == 0
            : (IsCheck(i) && !i.Polls) || (i.Type != IrType.Void && (IrOpInfo.Effects(i.Op) & ~IrEffects.FloatStatus) == IrEffects.None);

    /// <summary>The first block from <paramref name="block"/> on that does something. Every loop has one: it polls.</summary>
    private IrBlock Destination(IrBlock block)
    {
        var end = block;
        for (var step = 0; step <= _onward.Count; step++)
        {
            if (_destinations.TryGetValue(end, out var known))
            {
                end = known;
                break;
            }

            if (!_onward.TryGetValue(end, out var next))
                break;
            end = next;
        }

        // What leads there need not be followed again, however long a chain a guest makes.
        for (var at = block; at != end && !_destinations.ContainsKey(at) && _onward.TryGetValue(at, out var next); at = next)
            _destinations.Add(at, end);
        return end;
    }

    private RegisterSet Before(IrInstruction i, RegisterSet live, RegisterSet dirty)
    {
        var isNeeded = _needed.Contains(i);
        switch (i.Op)
        {
            case IrOp.Get:
                return isNeeded ? live | RegisterAnalysis.Bit(i.Register) : live;
            case IrOp.Set:
                if ((live & RegisterAnalysis.Bit(i.Register)) != 0)
                    NeedOperands(i);
                return _registers.LiveBefore(i, live, dirty);
        }

        if (IsCheck(i))
            return live;
        if (RaisesFlags(i) && !isNeeded)
            _dropped.Add(i);

        // What raises flags is performed in any case: if nothing else needs it, it will be kept.
        if ((isNeeded || i.Type == IrType.Void || IrOpInfo.Effects(i.Op) != IrEffects.None) && !IsConstantAnyhow(i))
            NeedOperands(i);
        return _registers.LiveBefore(i, live, dirty);
    }

    private void NeedOperands(IrInstruction user)
    {
        foreach (var value in (ReadOnlySpan<IrInstruction?>)[user.A, user.B, user.C])
        {
            if (value is not null)
                _needed.Add(value);
        }
    }
}
