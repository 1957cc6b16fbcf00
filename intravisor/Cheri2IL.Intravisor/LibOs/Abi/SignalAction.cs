using System.Runtime.InteropServices;

namespace Cheri2IL.Intravisor.LibOs.Abi;

/// <summary>struct sigaction as the kernel of riscv64 sees it (include/linux/signal_types.h, without sa_restorer).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SignalAction
{
    /// <summary>sa_handler or sa_sigaction: guest address, SIG_DFL or SIG_IGN.</summary>
    public long Handler;

    /// <summary>sa_flags.</summary>
    public ulong Flags;

    /// <summary>sa_mask.</summary>
    public ulong Mask;
}
