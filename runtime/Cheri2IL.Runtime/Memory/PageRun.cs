namespace Cheri2IL.Runtime;

/// <summary>Pages one after another.</summary>
/// <param name="Start">Bytes from where the search began; a multiple of the page size.</param>
/// <param name="Length">Bytes, whole pages.</param>
public readonly record struct PageRun(ulong Start, ulong Length);
