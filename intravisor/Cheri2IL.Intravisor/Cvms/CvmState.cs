namespace Cheri2IL.Intravisor.Cvms;

/// <summary>Where a cVM is in its life.</summary>
public enum CvmState
{
    /// <summary>Made, not started yet.</summary>
    Created,

    /// <summary>Its threads run or wait.</summary>
    Running,

    /// <summary>Its threads stand still until it is resumed.</summary>
    Paused,

    /// <summary>Its end is decided; some thread has not ended yet.</summary>
    Ending,

    /// <summary>It has ended, and what it took from the host is given back.</summary>
    Ended,
}
