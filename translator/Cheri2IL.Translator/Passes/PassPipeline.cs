using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>The passes, in the order in which every function goes through them.</summary>
public static class PassPipeline
{
    /// <summary>All passes, in order.</summary>
    public static IReadOnlyList<IrPass> Passes { get; } =
    [
        // Before all: it is about the code as the guest has it. With precise faults commits are what sees registers, and polls see all.
        new("guest-liveness", (function, options) =>
        {
            if (options.PreciseFaults)
                PreciseFaults.Place(function);
            else
                GuestLiveness.Run(function);
        }),

        // Before the others: what may fault at every instruction would hide everything from the others.
        new("fetch-checks", (function, _) => FetchChecks.Run(function)),

        // First of those: they see values instead of register traffic, and constants instead of auipc/addi pairs.
        new("local-simplification", (function, _) => LocalSimplification.Run(function)),

        // After simplification, which forwards the index and the entry; before what they were in is dropped, or checked.
        new("branch-tables", (function, _) => BranchTables.Run(function)),

        // After simplification, which leaves operands behind that nobody uses and sets that are overwritten.
        new("dead-code", (function, options) => DeadCodeElimination.Run(function, options)),

        // After dead code, so that a block that only moves a register looks like one.
        new("if-conversion", (function, _) => IfConversion.Run(function)),

        // After if-conversion, which leaves jumps to blocks that nothing else goes to.
        new("block-merging", (function, _) => BlockMerging.Run(function)),

        // After dead code, whose sets would make values look needed whole; simplification then sees rotations and double extensions.
        new("narrowing", (function, _) => Narrowing.Run(function)),
        new("local-simplification-2", (function, _) => LocalSimplification.Run(function)),
        new("dead-code-2", (function, options) => DeadCodeElimination.Run(function, options)),

        // Before unrolling, which leaves these loops alone. The vector form has one check for many accesses, and no registers for
        // the hardware to trap with; nor has it tags.
        new("vector-loops", (function, options) =>
        {
            if (options.Checks != CheckMode.All && !options.PreciseFaults && !function.HasCapabilities)
                VectorLoop.Mark(function);
        }),

        // Before checks are elided, so that one check can serve several turns; after dead code, so that sizes are true.
        new("loop-unrolling", (function, options) =>
        {
            if (options.UnrollLoops)
                LoopUnrolling.Run(function, options);
        }),

        // After both: addresses are in the form register + constant, and dead definitions kill no facts.
        new("check-elimination", CheckElimination.Run),

        // After it, which decides anew about everything that can be elided.
        new("capability-check-elimination", CapabilityCheckElimination.Run),

        // After check elimination: only the checks that are left may become polls, which need registers.
        new("dead-code-3", (function, options) => DeadCodeElimination.Run(function, options, areChecksDecided: true)),

        // After it, which drops the registers that partial words went through. The first byte's fault may no longer come first, but to the evaluator.
        new("load-combining", (function, options) =>
        {
            if (!function.HasCapabilities)
                LoadCombining.Run(function, options.PreciseFaults);
        }),

        // After dead code, which leaves nothing of the way to the table but the jump by it; before the comparison may be dead code.
        new("branch-table-bounds", (function, _) => BranchTableBounds.Run(function)),

        // Values that registers no longer show whole may be computed in 32 bits.
        new("narrowing-2", (function, _) => Narrowing.Run(function)),
        new("local-simplification-3", (function, _) => LocalSimplification.Run(function)),
        new("dead-code-4", (function, options) => DeadCodeElimination.Run(function, options, areChecksDecided: true)),

        // After check elimination: checks that are left take over the polls of their loops.
        new("poll-placement", (function, _) => PollPlacement.Run(function)),

        // After all that removes or copies commits and accesses, or joins blocks.
        new("precise-faults", (function, options) =>
        {
            if (options.PreciseFaults)
                PreciseFaults.Run(function);
        }),

        // Last: it undoes the forwarding of values through registers where the register still holds them, which is
        // what the emitter wants and what would hide values from every pass before.
        new("register-reuse", (function, _) => RegisterReuse.Run(function)),
    ];

    /// <summary>Runs every pass and leaves the function numbered.</summary>
    /// <exception cref="InvalidOperationException">Verification is on and a pass broke an invariant.</exception>
    public static void Run(IrFunction function, PassOptions options)
    {
        Watch("input", function, options);
        foreach (var pass in Passes)
        {
            pass.Run(function, options);
            Watch(pass.Name, function, options);
        }

        function.Number();
    }

    private static void Watch(string after, IrFunction function, PassOptions options)
    {
        if (options.Verify)
            IrVerifier.ThrowIfInvalid(function, after);
        options.Dump?.Invoke(after, function);
    }
}
