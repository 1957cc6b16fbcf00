namespace Cheri2IL.Conformance;

/// <summary>Outcome of a file: how many rows passed, and a line for each that did not.</summary>
public sealed record VectorResult(int Passed, IReadOnlyList<string> Failures)
{
    /// <summary>Regions of traces that were evaluated: with emitted code, those that PCC does not allow to be run to their end.</summary>
    public int Evaluations { get; init; }
}
