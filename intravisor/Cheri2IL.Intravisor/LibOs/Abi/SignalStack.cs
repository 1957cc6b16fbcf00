using System.Runtime.InteropServices;

namespace Cheri2IL.Intravisor.LibOs.Abi;

/// <summary>stack_t.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SignalStack
{
    /// <summary>ss_sp.</summary>
    public long Pointer;

    /// <summary>ss_flags.</summary>
    public int Flags;

    private readonly int _padding;

    /// <summary>ss_size.</summary>
    public ulong Size;
}
