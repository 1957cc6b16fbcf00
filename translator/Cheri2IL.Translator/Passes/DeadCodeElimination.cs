using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Inside each block: drops values that nobody uses and have no effect, and sets that are overwritten before anybody can
/// see them. A register is seen by a Get, and all are seen wherever the guest may fault or leave.
/// </summary>
/// <remarks>
/// Memory faults show no registers: a load, a store or a check sees none, but for what a check needs that may become the poll of its loop.
/// Where they are precise, commits see what is not computed again behind them, and what may fault without one sees all (<see cref="PreciseFaults"/>). Nor does the code behind the block see those that it writes first
/// (<see cref="GuestLiveness"/>).
/// </remarks>
public static class DeadCodeElimination
{
    private const int DynamicRounding = 7;

    private const ulong All = ulong.MaxValue;

    /// <summary>Cleans every block of <paramref name="function"/>.</summary>
    /// <param name="function">Function.</param>
    /// <param name="options">Options.</param>
    /// <param name="areChecksDecided">Whether it is known which checks are elided: only the first other one of a block may become a poll (<see cref="PollPlacement"/>).</param>
    public static void Run(IrFunction function, PassOptions options, bool areChecksDecided = false)
    {
        function.Number();
        var used = Array.Empty<bool>();
        var served = Array.Empty<bool>();
        foreach (var block in function.Blocks)
        {
            var count = block.Instructions.Count;
            if (used.Length < count)
                (used, served) = (new bool[count * 2], new bool[count * 2]);
            Array.Clear(used, 0, count);
            var serves = !options.PreciseFaults;
            foreach (var i in block.Instructions)
            {
                served[i.Id] = serves;
                if (options.PreciseFaults)
                    serves = PreciseFaults.Serves(serves, i);
            }

            Sweep(block, used, served, areChecksDecided);
        }

        function.Number();
    }

    /// <summary>
    /// Whether the guest may fault or leave at <paramref name="i"/> with every register as it is at this moment, even where faults are not
    /// precise; or go on from there.
    /// </summary>
    public static bool ShowsRegisters(IrInstruction i)
    {
        switch (i.Op)
        {
            case IrOp.Check or IrOp.Load or IrOp.Store or IrOp.Jump or IrOp.Branch or IrOp.BranchTable:
                return false;
            case IrOp.CapCheck or IrOp.CapCheckValue:
                return i.Elided is null;
        }

        if ((IrOpInfo.Effects(i.Op) & (IrEffects.MayFault | IrEffects.Terminator)) != 0)
            return true;
        // With an invalid dynamic rounding mode such an instruction is illegal.
        return IrSignature.Of(i.Op).Immediate == ImmediateRule.Rounding && i.Immediate == DynamicRounding;
    }

    /// <summary>Registers that are seen at <paramref name="i"/>, as bits.</summary>
    private static ulong Observed(IrInstruction i, bool mayPoll, bool showsFaults)
    {
        if (ShowsRegisters(i))
            return All;
        return i.Op switch
        {
            IrOp.Check when i.Elided is null => showsFaults ? All : mayPoll ? i.LiveRegisters : 0,
            IrOp.Load or IrOp.Store => showsFaults ? All : 0,
            IrOp.Poll or IrOp.Commit => i.LiveRegisters,
            _ => 0,
        };
    }

    /// <param name="block">The block.</param>
    /// <param name="used">By number: false.</param>
    /// <param name="served">By number: whether a memory fault shows no registers.</param>
    /// <param name="areChecksDecided">As for <see cref="Run"/>.</param>
    private static void Sweep(IrBlock block, bool[] used, bool[] served, bool areChecksDecided)
    {
        var instructions = block.Instructions;
        var polling = areChecksDecided ? instructions.Find(i => i.Op == IrOp.Check && i.Elided is null) : null;

        // Registers that are certain to be set again, metadata and all, before anybody sees them.
        var overwritten = All;
        foreach (var successor in block.Successors)
            overwritten &= ~successor.LiveRegisters;
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
            else if ((IrOpInfo.Effects(i.Op) == IrEffects.None || i.IsConstant) && !used[i.Id])
            {
                continue;
            }
            else if (i.Op is IrOp.Get or IrOp.GetC)
            {
                overwritten &= ~bit;
            }
            else
            {
                overwritten &= ~Observed(i, mayPoll: !areChecksDecided || ReferenceEquals(i, polling), !served[i.Id]);
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
