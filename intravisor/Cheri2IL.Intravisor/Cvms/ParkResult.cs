namespace Cheri2IL.Intravisor.Cvms;

/// <summary>Why <see cref="CvmThread.Park"/> returned.</summary>
public enum ParkResult
{
    /// <summary><see cref="CvmThread.Unpark"/> was called, now or before; what is waited for has to be checked again.</summary>
    Woken,

    /// <summary>The deadline has passed.</summary>
    TimedOut,

    /// <summary>A signal is to be delivered or the cVM is ending: give up and return -ERESTARTSYS or -EINTR.</summary>
    Interrupted,
}
