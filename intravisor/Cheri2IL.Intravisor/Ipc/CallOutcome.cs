namespace Cheri2IL.Intravisor.Ipc;

/// <summary>What became of a call.</summary>
/// <param name="Error">0, or a negated errno: then there is no value.</param>
/// <param name="Value">What the function returned.</param>
internal readonly record struct CallOutcome(int Error, long Value);
