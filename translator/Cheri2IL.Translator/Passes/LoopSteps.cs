using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>A loop and the registers that every turn of it changes by the same constant: a forward data flow over its body.</summary>
internal sealed class LoopSteps
{
    private const int Registers = 32;

    /// <summary>Larger loops are not looked at; what steps through memory does so in small ones.</summary>
    private const int MaxBlocks = 64;

    private readonly IrBlock _header;
    private readonly List<IrBlock> _body;

    /// <summary>By place in the body and register: what the register differs by from some register at the header; null: not reached.</summary>
    private readonly Origin[]?[] _in;

    private LoopSteps(IrBlock header, List<IrBlock> body)
    {
        _header = header;
        _body = body;
        _in = new Origin[]?[body.Count];
    }

    /// <summary>Blocks of the loop, header first, in reverse postorder.</summary>
    public IReadOnlyList<IrBlock> Body => _body;

    /// <summary>What each turn adds to each register, modulo 2^64; null where that is not the same in every turn.</summary>
    public long?[] Steps { get; } = new long?[Registers];

    /// <summary>Finds the loop that begins at <paramref name="header"/>.</summary>
    /// <param name="function">The function.</param>
    /// <param name="header">A block that is the target of a back edge.</param>
    /// <param name="predecessors">By block: which others lead to it. Blocks that are not reached are not among them.</param>
    /// <param name="order">Order of the blocks.</param>
    /// <returns>null if the loop is too large or is entered beside its header.</returns>
    public static LoopSteps? Of(IrFunction function, IrBlock header, List<IrBlock>[] predecessors, ReversePostorder order)
    {
        var body = new HashSet<IrBlock> { header };
        var work = new Stack<IrBlock>(predecessors[header.Id].FindAll(p => order.IsBackEdge(p, header)));
        while (work.TryPop(out var block))
        {
            if (!body.Add(block))
                continue;
            if (body.Count > MaxBlocks || order[block] < order[header] || block == function.Blocks[0] || function.ExtraEntries.Contains(block))
                return null;
            foreach (var predecessor in predecessors[block.Id])
                work.Push(predecessor);
        }

        var loop = new LoopSteps(header, [.. body.OrderBy(b => order[b])]);
        loop.Solve();
        return loop;
    }

    private void Solve()
    {
        _in[0] = new Origin[Registers];
        for (var r = 0; r < Registers; r++)
            _in[0]![r] = new Origin(r, 0);
        var places = new Dictionary<IrBlock, int>();
        for (var k = 0; k < _body.Count; k++)
            places.Add(_body[k], k);

        Origin[]? returning = null;
        for (var changed = true; changed;)
        {
            changed = false;
            returning = null;
            for (var k = 0; k < _body.Count; k++)
            {
                if (_in[k] is null)
                    continue;
                var leaving = Leaving(_body[k], _in[k]!);
                foreach (var successor in _body[k].Successors)
                {
                    if (successor == _header)
                        Join(ref returning, leaving);
                    else if (places.TryGetValue(successor, out var place))
                        changed |= Join(ref _in[place], leaving);
                }
            }
        }

        for (var r = 1; r < Registers && returning is not null; r++)
            Steps[r] = returning[r].Register == r ? returning[r].Distance : null;
    }

    private static Origin[] Leaving(IrBlock block, Origin[] entering)
    {
        var registers = (Origin[])entering.Clone();
        var values = new Origin[block.Instructions.Count];
        foreach (var i in block.Instructions)
        {
            switch (i.Op)
            {
                case IrOp.Get when i.Register < Registers:
                    values[i.Id] = registers[i.Register];
                    break;
                case IrOp.Set when i.Register < Registers:
                    registers[i.Register] = values[i.A!.Id];
                    break;
                case IrOp.SetC when i.Register < Registers:
                    registers[i.Register] = default;
                    break;
                case IrOp.Add when i.B!.Op == IrOp.Const:
                    values[i.Id] = values[i.A!.Id].Plus(i.B.Immediate);
                    break;
                case IrOp.Add when i.A!.Op == IrOp.Const:
                    values[i.Id] = values[i.B!.Id].Plus(i.A.Immediate);
                    break;
                case IrOp.Sub when i.B!.Op == IrOp.Const:
                    values[i.Id] = values[i.A!.Id].Plus(-i.B.Immediate);
                    break;
            }
        }

        if (block.Terminator.Op is IrOp.Call or IrOp.Ecall)
            Array.Clear(registers);
        return registers;
    }

    /// <summary>Keeps what is the same on both paths. True when that changed <paramref name="into"/>.</summary>
    private static bool Join(ref Origin[]? into, Origin[] from)
    {
        if (into is null)
        {
            into = (Origin[])from.Clone();
            return true;
        }

        var changed = false;
        for (var r = 0; r < Registers; r++)
        {
            if (into[r] == from[r] || into[r] == default)
                continue;
            into[r] = default;
            changed = true;
        }

        return changed;
    }

    /// <summary>What a register held at the header, plus a distance. Register 0: nothing known.</summary>
    private readonly record struct Origin(int Register, long Distance)
    {
        public Origin Plus(long distance) => Register == 0 ? this : new Origin(Register, unchecked(Distance + distance));
    }
}
