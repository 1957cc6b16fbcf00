namespace Cheri2IL.Conformance;

/// <summary>Outcome of a file: how many rows passed, and a line for each that did not.</summary>
public sealed record VectorResult(int Passed, IReadOnlyList<string> Failures);
