namespace Cheri2IL.InstructionTests;

/// <summary>The ways in which the project executes guest code; all must agree with the oracle.</summary>
public enum Engine
{
    /// <summary>The evaluator on IR as the lifter made it.</summary>
    EvaluatorPlain,

    /// <summary>The evaluator on IR after all passes.</summary>
    EvaluatorOptimized,

    /// <summary>The evaluator on IR after all passes, which keep registers exact at memory faults.</summary>
    EvaluatorPrecise,

    /// <summary>The evaluator of blocks, as it runs what is not translated yet.</summary>
    EvaluatorBlocks,

    /// <summary>Emitted IL with the checks that the passes leave.</summary>
    Emitted,

    /// <summary>Emitted IL with every check.</summary>
    EmittedAllChecks,

    /// <summary>Emitted IL whose registers are exact at faults that the hardware finds.</summary>
    EmittedPrecise,
}
