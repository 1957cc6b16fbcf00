using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Puts a <see cref="IrOp.Commit"/> before the check and the access of every guest instruction that may fault. Where the
/// hardware traps, what is in the host's registers is lost; the state block then has it all.
/// </summary>
/// <remarks>
/// Before the check of an access rather than behind it, so that the cold path of the check has nothing left to store. No
/// guest instruction sets a register before its access, so all of the registers set are those of the instructions before.
/// </remarks>
public static class PreciseFaults
{
    /// <summary>Inserts in every block of <paramref name="function"/>.</summary>
    public static void Run(IrFunction function)
    {
        foreach (var block in function.Blocks)
            Commit(block);
        function.Number();
    }

    private static void Commit(IrBlock block)
    {
        var result = new List<IrInstruction>(block.Instructions.Count);
        IrInstruction? committed = null;
        foreach (var i in block.Instructions)
        {
            if (MayTrap(i) && committed?.Pc != i.Pc)
                result.Add(committed = new IrInstruction(IrOp.Commit, IrType.Void) { Pc = i.Pc });
            if (i.Op is IrOp.Set or IrOp.SetC)
                committed = null;
            result.Add(i);
        }

        block.Instructions.Clear();
        block.Instructions.AddRange(result);
    }

    private static bool MayTrap(IrInstruction i)
        => i.Elided is null && (IrOpInfo.Effects(i.Op) & (IrEffects.MayFault | IrEffects.Terminator)) == IrEffects.MayFault;
}
