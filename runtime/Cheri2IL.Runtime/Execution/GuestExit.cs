namespace Cheri2IL.Runtime.Execution;

/// <summary>Unwinds translated frames to the dispatcher after a poll; the state block, pc included, is complete.</summary>
internal sealed class GuestExit : Exception;
