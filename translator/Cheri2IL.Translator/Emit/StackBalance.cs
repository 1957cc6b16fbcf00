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
    private readonly bool[] _isReached;
    private readonly long?[] _in;
    private long?[] _values = [];

    /// <summary>Analyses a numbered function.</summary>
    public StackBalance(IrFunction function)
    {
        _isReached = new bool[function.Blocks.Count];
        _in = new long?[function.Blocks.Count];
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
        if (!_isReached[block.Id])
            return null;
        var distance = _in[block.Id];
        if (_values.Length < block.Instructions.Count)
            _values = new long?[block.Instructions.Count * 2];
        Array.Clear(_values, 0, block.Instructions.Count);
        foreach (var i in block.Instructions)
        {
            switch (i.Op)
            {
                case IrOp.Get or IrOp.GetC when i.Register == GuestRegister.Sp:
                    _values[i.Id] = distance;
                    break;
                case IrOp.Add or IrOp.CapIncrement when i.B is { Op: IrOp.Const }:
                    _values[i.Id] = _values[i.A!.Id] + i.B.Immediate;
                    break;
                case IrOp.Set or IrOp.SetC when i.Register == GuestRegister.Sp:
                    distance = _values[i.A!.Id];
                    break;
            }
        }

        return distance;
    }

    private void Enter(IrBlock block, long? distance, Queue<IrBlock> work)
    {
        var known = _in[block.Id];
        if (!_isReached[block.Id])
            _in[block.Id] = distance;
        else if (known is null || known == distance)
            return;
        else
            _in[block.Id] = null;
        _isReached[block.Id] = true;
        work.Enqueue(block);
    }
}
