using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>A program in memory, ready to run.</summary>
/// <param name="First">The file whose code runs first: the dynamic linker or, without one, the program.</param>
/// <param name="Stack">The stack that it starts with.</param>
internal sealed record LoadedProgram(LoadedImage First, InitialStack Stack);
