using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Handles one system call on the host thread of the calling guest thread.</summary>
/// <returns>The result, or a negated <see cref="Abi.Errno"/>.</returns>
/// <remarks>
/// A handler never throws because of what the guest passed. One that has to wait uses <see cref="CvmThread.Park"/> and
/// returns -ERESTARTSYS (or -EINTR, where Linux never restarts) when that says interrupted.
/// </remarks>
public delegate long SyscallHandler(CvmThread thread, in SyscallArguments a);
