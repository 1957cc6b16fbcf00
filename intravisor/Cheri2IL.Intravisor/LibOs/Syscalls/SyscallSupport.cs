namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>How far a system call is implemented.</summary>
public enum SyscallSupport
{
    /// <summary>Returns ENOSYS.</summary>
    Unsupported,

    /// <summary>Implemented except for what the row's note says.</summary>
    Partial,

    /// <summary>Implemented.</summary>
    Supported,
}
