using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Inside each block: drops values that nobody uses and have no effect, and sets that are overwritten before anybody can
/// see them. A register is seen by a Get, and all are seen wherever the guest may fault or leave.
/// </summary>
public static class DeadCodeElimination
{
    private const int DynamicRounding = 7;

    /// <summary>Cleans every block of <paramref name="function"/>.</summary>
    public static void Run(IrFunction function)
    {
        function.Number();
        var used = Array.Empty<bool>();
        foreach (var block in function.Blocks)
        {
            var instructions = block.Instructions;
            if (used.Length < instructions.Count)
                used = new bool[instructions.Count * 2];
            Array.Clear(used, 0, instructions.Count);
            Sweep(instructions, used);
        }

        function.Number();
    }

    /// <summary>Whether the guest may fault or leave at <paramref name="i"/>, with the registers of this moment.</summary>
    public static bool ObservesRegisters(IrInstruction i)
    {
        if (i.Op is IrOp.Check or IrOp.CapCheck or IrOp.CapCheckValue)
            return i.Elided is null;
        if (i.Op is IrOp.Poll or IrOp.Commit || (IrOpInfo.Effects(i.Op) & (IrEffects.MayFault | IrEffects.Terminator)) != 0)
            return true;
        // With an invalid dynamic rounding mode such an instruction is illegal.
        return IrSignature.Of(i.Op).Immediate == ImmediateRule.Rounding && i.Immediate == DynamicRounding;
    }

    private static void Sweep(List<IrInstruction> instructions, bool[] used)
    {
        // Registers that are certain to be set again, metadata and all, before anybody sees them.
        var overwritten = 0UL;
        var keep = instructions.Count;
        for (var k = instructions.Count - 1; k >= 0; k--)
        {
            var i = instructions[k];
            var bit = i.Register < GuestRegister.Count ? 1UL << i.Register : 0;
            if (i.Op is IrOp.Set or IrOp.SetC)
            {
                if ((overwritten & bit) != 0)
                    continue;
                overwritten |= bit;
            }
            else if (IrOpInfo.Effects(i.Op) == IrEffects.None && !used[i.Id])
            {
                continue;
            }
            else if (i.Op is IrOp.Get or IrOp.GetC)
            {
                overwritten &= ~bit;
            }
            else if (ObservesRegisters(i))
            {
                overwritten = 0;
            }

            Mark(i.A);
            Mark(i.B);
            Mark(i.C);
            instructions[--keep] = i;
        }

        instructions.RemoveRange(0, keep);

        void Mark(IrInstruction? operand)
        {
            if (operand is not null)
                used[operand.Id] = true;
        }
    }
}
