namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>One row of <see cref="SyscallTable"/>.</summary>
/// <param name="Number">Number in a7.</param>
/// <param name="Name">Linux name.</param>
/// <param name="Support">Level of support.</param>
/// <param name="Note">What is partial about it, one sentence; or empty.</param>
/// <param name="Handler">The handler; null when unsupported.</param>
public sealed record SyscallRow(int Number, string Name, SyscallSupport Support, string Note, SyscallHandler? Handler);
