namespace Cheri2IL.Intravisor.Cvms;

/// <summary>What a cVM takes from the host.</summary>
/// <param name="MappedBytes">Bytes mapped with any access: what <see cref="CvmLimits.MemoryBytes"/> limits. 0 when it has ended.</param>
/// <param name="MostMappedBytes">The most that they have been.</param>
/// <param name="ResidentBytes">Bytes of its memory that are in RAM now. 0 when it has ended.</param>
/// <param name="FileBytes">Bytes of file contents that it has written: what <see cref="CvmLimits.FileBytes"/> limits.</param>
/// <param name="Threads">Threads that have not ended.</param>
/// <param name="OpenFiles">Open descriptors.</param>
/// <param name="CpuTime">Processor time of all its threads, also ended ones.</param>
public sealed record CvmUsage(
    ulong MappedBytes, ulong MostMappedBytes, ulong ResidentBytes, long FileBytes, int Threads, int OpenFiles, TimeSpan CpuTime);
