namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>One row of <see cref="SyscallTable"/>.</summary>
/// <param name="Number">Number in a7.</param>
/// <param name="Name">Linux name.</param>
/// <param name="Arguments">
/// How a trace shows the arguments: a word for each, in order, of <see cref="Tracing.ArgumentFormats"/>. ">" behind a word says
/// that the call fills it, so that it is shown as it is afterwards; "= word" at the end is for the result, which is otherwise
/// decimal. Null when unsupported.
/// </param>
/// <param name="Support">Level of support.</param>
/// <param name="Note">What is partial about it, one sentence; or empty.</param>
/// <param name="Handler">The handler; null when unsupported.</param>
public sealed record SyscallRow(int Number, string Name, string? Arguments, SyscallSupport Support, string Note, SyscallHandler? Handler);
