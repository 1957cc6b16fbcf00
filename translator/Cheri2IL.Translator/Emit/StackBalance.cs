using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Emit;

/// <summary>
/// How far sp is from what it was when the method was entered, wherever that is one known constant: a forward data flow over
/// the blocks. A place where control leaves the method with distance 0 needs no comparison at run time.
/// </summary>
/// <remarks>
/// Only sp's own arithmetic is followed (sp + constant): a frame pointer is reloaded from guest memory or from the state
/// block, and proves nothing. Calls keep the distance, because the code behind a call runs only when sp is what it was.
/// </remarks>
public sealed class StackBalance
{
    private readonly Dictionary<IrBlock, long?> _in = [];
    private readonly Dictionary<IrInstruction, long?> _values = [];

    /// <summary>Analyses <paramref name="function"/>.</summary>
    public StackBalance(IrFunction function)
    {
        var work = new Queue<IrBlock>();
        Enter(function.Blocks[0], 0, work);
        // Where sp was at the entry of the function is not known from its value at the entry of a part.
        foreach (var entry in function.ExtraEntries)
            Enter(entry, null, work);
        while (work.TryDequeue(out var block))
        {
            var distance = AtEnd(block);
            foreach (var successor in block.Successors)
                Enter(successor, distance, work);
        }
    }

    /// <summary>sp minus sp at entry at the end of <paramref name="block"/>, or null when it is not one constant.</summary>
    public long? AtEnd(IrBlock block)
    {
        if (!_in.TryGetValue(block, out var distance))
            return null;
        _values.Clear();
        foreach (var i in block.Instructions)
        {
            switch (i.Op)
            {
                case IrOp.Get or IrOp.GetC when i.Register == GuestRegister.Sp:
                    _values[i] = distance;
                    break;
                case IrOp.Add or IrOp.CapIncrement when i.B is { Op: IrOp.Const }:
                    _values[i] = Of(i.A!) + i.B.Immediate;
                    break;
                case IrOp.Set or IrOp.SetC when i.Register == GuestRegister.Sp:
                    distance = Of(i.A!);
                    break;
            }
        }

        return distance;
    }

    private long? Of(IrInstruction value) => _values.TryGetValue(value, out var distance) ? distance : null;

    private void Enter(IrBlock block, long? distance, Queue<IrBlock> work)
    {
        if (!_in.TryGetValue(block, out var known))
            _in[block] = distance;
        else if (known is null || known == distance)
            return;
        else
            _in[block] = null;
        work.Enqueue(block);
    }
}
