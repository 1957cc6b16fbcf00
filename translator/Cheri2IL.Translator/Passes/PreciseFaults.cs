using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Puts a <see cref="IrOp.Commit"/> before what may fault, so that the state block is as it was before some guest instruction from which nothing
/// has been done yet that shows: wherever the hardware traps behind it, the evaluator goes on from there, faults at the very instruction, and has
/// its registers.
/// </summary>
/// <remarks>
/// <para>What one commit serves ends with its block, and where memory is written or something else happens that must not happen twice. Loads are
/// made again: what they yield then is what they could have yielded, for nobody has seen the first.</para>
/// <para>Before the check of an access rather than behind it. No guest instruction sets a register before its access, so all of the registers set
/// are those of the instructions before.</para>
/// <para>Code with capabilities is not evaluated from a commit on: there, one stands before each guest instruction that may fault.</para>
/// </remarks>
public static class PreciseFaults
{
    /// <summary>Inserts in every block of <paramref name="function"/>.</summary>
    public static void Run(IrFunction function)
    {
        foreach (var block in function.Blocks)
            Commit(block, function.HasCapabilities);
        function.Number();
    }

    private static void Commit(IrBlock block, bool isEach)
    {
        var result = new List<IrInstruction>(block.Instructions.Count);
        IrInstruction? committed = null;
        foreach (var i in block.Instructions)
        {
            // Which checks are elided is decided anew where a function is split.
            if (MayTrap(i) && !(isEach && i.Elided is not null) && (committed is null || (isEach && committed.Pc != i.Pc)))
                result.Add(committed = new IrInstruction(IrOp.Commit, IrType.Void) { Pc = i.Pc });
            if (isEach ? i.Op is IrOp.Set or IrOp.SetC : (IrOpInfo.Effects(i.Op) & (IrEffects.WritesMemory | IrEffects.Ordered)) != 0)
                committed = null;
            result.Add(i);
        }

        block.Instructions.Clear();
        block.Instructions.AddRange(result);
    }

    private static bool MayTrap(IrInstruction i)
        => (IrOpInfo.Effects(i.Op) & (IrEffects.MayFault | IrEffects.Terminator)) == IrEffects.MayFault;
}
