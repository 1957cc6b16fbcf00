namespace Cheri2IL.Intravisor.Cvms;

/// <summary>How a cVM ended.</summary>
/// <param name="Status">Exit status, 0..255; 0 when killed.</param>
/// <param name="Signal">Signal that killed it, or 0.</param>
public sealed record CvmExit(int Status, int Signal)
{
    /// <summary>Status as a shell reports it: 128 + signal when killed.</summary>
    public int ShellStatus => Signal != 0 ? 128 + Signal : Status;
}
