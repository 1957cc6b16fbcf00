using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Emit;

/// <summary>Where the value of an IR instruction is computed.</summary>
internal enum Placement : byte
{
    /// <summary>Not at all: nobody uses it and it has no effect.</summary>
    Dropped,

    /// <summary>At its only use, on the evaluation stack (constants and registers: at every use).</summary>
    Inline,

    /// <summary>In its own place; its result, if any, goes to a temporary local.</summary>
    Own,
}

/// <summary>
/// Decides which values of a block are computed on the evaluation stack where they are used, so that RyuJIT sees
/// expression trees, and which need a temporary. Never moves an instruction across one it may not pass.
/// </summary>
internal sealed class BlockScheduler
{
    private Placement[] _placement = [];
    private int[] _uses = [];
    private int[] _at = [];
    private bool _isPrecise;

    /// <summary>Analyses a block of a numbered function; results hold until the next call.</summary>
    public void Schedule(IrBlock block)
    {
        var code = block.Instructions;
        var count = code.Count;
        _isPrecise = code.Exists(i => i.Op == IrOp.Commit);
        if (_placement.Length < count)
        {
            _placement = new Placement[count * 2];
            _uses = new int[count * 2];
            _at = new int[count * 2];
        }

        Array.Clear(_uses, 0, count);
        for (var k = 0; k < count; k++)
        {
            Use(code[k].A);
            Use(code[k].B);
            Use(code[k].C);
        }

        // Backward, so that the place of every user is known; _at[k] is where the last use of k's value is computed.
        for (var k = 0; k < count; k++)
            _at[k] = k;
        for (var k = count - 1; k >= 0; k--)
        {
            _placement[k] = Place(code, k);
            var place = _placement[k] == Placement.Inline ? _at[k] : k;
            if (_placement[k] != Placement.Dropped)
            {
                Reach(code[k].A, place);
                Reach(code[k].B, place);
                Reach(code[k].C, place);
            }
            else
            {
                // What only dropped instructions use is not used: it is dropped, too, or computed for its effects.
                Unuse(code[k].A);
                Unuse(code[k].B);
                Unuse(code[k].C);
            }
        }
    }

    /// <summary>The decision for an instruction of the block.</summary>
    public Placement this[IrInstruction instruction] => _placement[instruction.Id];

    /// <summary>Number of uses of an instruction's value in the block.</summary>
    public int Uses(IrInstruction instruction) => _uses[instruction.Id];

    private void Use(IrInstruction? value)
    {
        if (value is not null)
            _uses[value.Id]++;
    }

    private void Unuse(IrInstruction? value)
    {
        if (value is not null)
            _uses[value.Id]--;
    }

    private void Reach(IrInstruction? value, int place)
    {
        if (value is null)
            return;
        ref var at = ref _at[value.Id];
        at = Math.Max(at, place);
    }

    private Placement Place(List<IrInstruction> code, int k)
    {
        var i = code[k];
        var effects = IrOpInfo.Effects(i.Op);
        if (i.Type == IrType.Void)
            return Placement.Own;
        if (i.Op == IrOp.Const)
            return Placement.Inline;
        if (_uses[k] == 0)
            return effects == IrEffects.None ? Placement.Dropped : Placement.Own;
        if (i.Op is IrOp.Get or IrOp.GetC)
            return IsOverwritten(code, i.Register, k, _at[k]) ? Placement.Own : Placement.Inline;
        if (_uses[k] > 1 || MethodEmitter.ChecksNaN(i) || i.Op == IrOp.CapLoad)
            return Placement.Own;
        return CanMove(code, effects, k, _at[k]) ? Placement.Inline : Placement.Own;
    }

    private static bool IsOverwritten(List<IrInstruction> code, int register, int from, int to)
    {
        for (var k = from + 1; k < to; k++)
        {
            if (code[k].Op is IrOp.Set or IrOp.SetC && code[k].Register == register)
                return true;
        }

        return false;
    }

    private bool CanMove(List<IrInstruction> code, IrEffects effects, int from, int to)
    {
        if (effects == IrEffects.None)
            return true;
        const IrEffects Memory = IrEffects.MayFault | IrEffects.ReadsMemory | IrEffects.WritesMemory | IrEffects.Ordered;
        for (var k = from + 1; k < to; k++)
        {
            var other = IrOpInfo.Effects(code[k].Op);
            if (code[k].Op is IrOp.Check or IrOp.CapCheck or IrOp.CapCheckValue or IrOp.Commit && code[k].Elided is not null)
                continue;
            if (_isPrecise && (effects & IrEffects.MayFault) != 0 && (other & IrEffects.FloatStatus) != 0)
                return false; // the flags at a trap are those of the instructions before

            // Arithmetic that raises flags may pass anything but what reads or writes the float status, or leaves.
            if (effects == IrEffects.FloatStatus ? (other & (IrEffects.Ordered | IrEffects.MayFault)) != 0 : (other & Memory) != 0)
                return false;
        }

        return true;
    }
}
