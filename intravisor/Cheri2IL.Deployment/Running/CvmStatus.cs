using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Deployment.Running;

/// <summary>How a cVM of a deployment is doing.</summary>
/// <param name="Name">Name.</param>
/// <param name="Id">Number of the present or last run; 0 before the first.</param>
/// <param name="State">State; null before the first run, and between two.</param>
/// <param name="Restarts">How often it was started anew.</param>
/// <param name="Exit">How the last run that has ended did so; null before.</param>
/// <param name="Failure">Why it could not be started; null if it could.</param>
/// <param name="Usage">What the present or last run takes or took; null before the first.</param>
/// <param name="CpuTime">Processor time of all runs.</param>
/// <param name="Elapsed">Time since the first start, up to the end.</param>
/// <param name="Program">Its program, as the manifest names it.</param>
/// <param name="ProgramHash">SHA-256 of the program's ELF file, in hexadecimal digits.</param>
/// <param name="IsOver">Whether it will not run any more.</param>
public sealed record CvmStatus(
    string Name, int Id, CvmState? State, int Restarts, CvmExit? Exit, string? Failure, CvmUsage? Usage, TimeSpan CpuTime, TimeSpan Elapsed, string Program, string ProgramHash, bool IsOver)
{
    /// <summary>Status that stands for a cVM that could not be started, as shells use it.</summary>
    public const int CannotStart = 126;

    /// <summary>Status as a shell would report it; 0 while there is none.</summary>
    public int ShellStatus => Failure is not null ? CannotStart : Exit?.ShellStatus ?? 0;
}
