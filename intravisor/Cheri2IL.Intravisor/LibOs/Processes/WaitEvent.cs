namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>What a parent can learn about a child with wait.</summary>
/// <param name="Code">CLD_ value: exited, killed, dumped, stopped or continued.</param>
/// <param name="Status">Exit status, or the signal.</param>
public readonly record struct WaitEvent(int Code, int Status);
