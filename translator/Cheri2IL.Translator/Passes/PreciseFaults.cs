using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Puts a <see cref="IrOp.Commit"/> before what may fault, so that the state block is as it was before some guest instruction from which nothing
/// has been done yet that shows: wherever the hardware traps behind it, the evaluator goes on from there, faults at the very instruction, and has
/// its registers.
/// </summary>
/// <remarks>
/// <para>What one commit serves ends where memory is written or something else happens that must not happen twice, and where paths meet. Loads are
/// made again: what they yield then is what they could have yielded, for nobody has seen the first.</para>
/// <para><see cref="Place(IrFunction)"/> puts one into every block before any pass: those keep the registers for commits, and then need keep none for what may
/// fault behind them (<see cref="DeadCodeElimination"/>), nor the order of loads. It stands right behind what ended the service of another one, for the
/// evaluator computes again what is computed between that and what may fault: registers that are written there before they are read do not matter to the
/// commit (<see cref="IrInstruction.LiveRegisters"/>). <see cref="Run"/> elides those that another one serves for, late. In
/// a block that only one other leads to, an elided commit at its beginning says which one serves; until there is another, nothing is stored
/// (<see cref="GoesOn"/>).</para>
/// <para>Where nobody comes to the fault that was looked for, since another thread has mended it, and a signal waits at the first poll behind the commit,
/// its context has old values of registers that do not matter.</para>
/// <para>Code with capabilities is not evaluated from a commit on: there, one stands before each guest instruction that may fault.</para>
/// </remarks>
public static class PreciseFaults
{
    /// <summary>Inserts commits in every block of <paramref name="function"/>, which no pass has changed, whatever leads to it.</summary>
    public static void Place(IrFunction function)
    {
        if (function.HasCapabilities)
            return;
        function.Number();
        var liveIn = GuestLiveness.Solve(function, LiveBefore);
        foreach (var block in function.Blocks)
            Place(block, GuestLiveness.LiveOut(block, liveIn));
        function.Number();
    }

    /// <summary>Decides in every block of <paramref name="function"/> which commits are elided, regardless of what was decided before.</summary>
    public static void Run(IrFunction function)
    {
        if (function.HasCapabilities)
        {
            function.Blocks.ForEach(CommitEach);
        }
        else
        {
            function.Blocks.ForEach(Forget);
            Decide(function);
        }

        function.Number();
    }

    /// <summary>Whether a commit before the block still serves where it begins: registers must not be stored on the way to it.</summary>
    public static bool GoesOn(IrBlock block) => block.Instructions[0] is { Op: IrOp.Commit, Elided: not null };

    /// <summary>For each instruction of a block in turn: whether a commit of the block serves at it.</summary>
    internal static bool Serves(bool before, IrInstruction i)
        => i.Op == IrOp.Commit || (before && !EndsService(i));

    private static void Forget(IrBlock block)
    {
        if (GoesOn(block))
            block.Instructions.RemoveAt(0);
        foreach (var i in block.Instructions)
        {
            if (i.Op == IrOp.Commit)
                i.Elided = null;
        }
    }

    private static void Decide(IrFunction function)
    {
        var predecessors = function.Predecessors();
        var serving = new IrInstruction?[function.Blocks.Count];
        // What is not reached is emitted, too.
        var order = ReversePostorder.Of(function).Blocks;
        foreach (var block in order.Concat(function.Blocks.Except(order)))
        {
            var before = predecessors[block.Id] is [{ Terminator.Op: IrOp.Jump or IrOp.Branch } only] && block.Instructions[0].Op != IrOp.Poll
                && block != function.Blocks[0] && !function.ExtraEntries.Contains(block)
                ? serving[only.Id]
                : null;
            serving[block.Id] = Serve(block, before);
        }
    }

    private static void Place(IrBlock block, ulong live)
    {
        var instructions = block.Instructions;
        var places = new HashSet<int>();
        int? open = 0; // where the commit goes that serves the next that may trap
        for (var k = 0; k < instructions.Count; k++)
        {
            if (open is { } place && MayTrap(instructions[k]))
            {
                places.Add(Math.Min(place, k));
                open = null;
            }

            if (EndsService(instructions[k]))
                open = Behind(instructions, k);
        }

        var result = new List<IrInstruction>(instructions.Count + places.Count);
        for (var k = instructions.Count - 1; k >= 0; k--)
        {
            live = LiveBefore(instructions[k], live);
            result.Add(instructions[k]);
            if (places.Contains(k))
                result.Add(new IrInstruction(IrOp.Commit, IrType.Void) { Pc = instructions[k].Pc, LiveRegisters = live });
        }

        result.Reverse();
        instructions.Clear();
        instructions.AddRange(result);
    }

    /// <summary>Index of what comes first behind the guest instruction that ends the service of a commit at index <paramref name="end"/>.</summary>
    private static int Behind(List<IrInstruction> instructions, int end)
    {
        var next = end + 1;
        while (instructions[end].Op != IrOp.Poll && next < instructions.Count && instructions[next].Pc == instructions[end].Pc)
            next++;
        return next;
    }

    /// <summary>What is live before an instruction, where what may trap shows all.</summary>
    private static ulong LiveBefore(IrInstruction i, ulong live)
        => MayTrap(i) || DeadCodeElimination.ShowsRegisters(i) ? GuestLiveness.All : GuestLiveness.LiveBefore(i, live);

    /// <summary>Elides the commits of a block that are not needed, and inserts what is missing: that is exact, for what no commit serves keeps all registers.</summary>
    /// <param name="block">The block.</param>
    /// <param name="serving">The commit that serves where it begins; null: none.</param>
    /// <returns>The one that does where it ends.</returns>
    private static IrInstruction? Serve(IrBlock block, IrInstruction? serving)
    {
        var result = new List<IrInstruction>(block.Instructions.Count + 1);
        if (serving is not null)
            result.Add(new IrInstruction(IrOp.Commit, IrType.Void) { Pc = serving.Pc, Elided = Serving(serving) });
        foreach (var i in block.Instructions)
        {
            if (i.Op == IrOp.Commit)
            {
                if (serving is null)
                    serving = i;
                else
                    i.Elided = Serving(serving);
            }
            else if (serving is null && MayTrap(i))
            {
                // Whether checks are elided or not, which is decided anew where a function is split.
                result.Add(serving = new IrInstruction(IrOp.Commit, IrType.Void) { Pc = i.Pc });
            }

            if (EndsService(i))
                serving = null;
            result.Add(i);
        }

        block.Instructions.Clear();
        block.Instructions.AddRange(result);
        return serving;
    }

    private static string Serving(IrInstruction commit) => $"0x{commit.Pc:x} serves";

    private static bool EndsService(IrInstruction i)
        => i.Op != IrOp.Commit && (IrOpInfo.Effects(i.Op) & (IrEffects.WritesMemory | IrEffects.Ordered)) != 0;

    private static void CommitEach(IrBlock block)
    {
        var result = new List<IrInstruction>(block.Instructions.Count);
        IrInstruction? committed = null;
        block.Instructions.RemoveAll(i => i.Op == IrOp.Commit);
        foreach (var i in block.Instructions)
        {
            if (MayTrap(i) && i.Elided is null && committed?.Pc != i.Pc)
                result.Add(committed = new IrInstruction(IrOp.Commit, IrType.Void) { Pc = i.Pc });
            if (i.Op is IrOp.Set or IrOp.SetC)
                committed = null;
            result.Add(i);
        }

        block.Instructions.Clear();
        block.Instructions.AddRange(result);
    }

    private static bool MayTrap(IrInstruction i)
        => (IrOpInfo.Effects(i.Op) & (IrEffects.MayFault | IrEffects.Terminator)) == IrEffects.MayFault;
}
