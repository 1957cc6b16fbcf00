using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.LibOs.Signals;

/// <summary>
/// struct rt_sigframe of riscv64 (arch/riscv/kernel/signal.c): what lies at a handler's stack pointer. siginfo, then ucontext
/// with mcontext: user_regs_struct and the floating-point state of the D extension.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Bytes)]
internal unsafe struct SignalFrame
{
    /// <summary>sizeof(struct rt_sigframe); a multiple of 16.</summary>
    public const int Bytes = UserContext + 176 + 256 + 528;

    /// <summary>Offset of the ucontext.</summary>
    public const int UserContext = 128;

    /// <summary>siginfo.</summary>
    [FieldOffset(0)]
    public SignalInfo Info;

    /// <summary>uc_stack.</summary>
    [FieldOffset(UserContext + 16)]
    public SignalStack Stack;

    /// <summary>uc_sigmask.</summary>
    [FieldOffset(UserContext + 40)]
    public ulong Mask;

    /// <summary>sc_regs: pc, then x1 to x31. uc_mcontext is 16-byte aligned behind 128 bytes kept for the mask.</summary>
    [FieldOffset(UserContext + 176)]
    public fixed long Registers[32];

    /// <summary>sc_fpregs.d: f0 to f31.</summary>
    [FieldOffset(UserContext + 176 + 256)]
    public fixed double Floats[32];

    /// <summary>sc_fpregs.d.fcsr: fflags, and frm from bit 5 on.</summary>
    [FieldOffset(UserContext + 176 + 256 + 256)]
    public uint ControlStatus;

    /// <summary>Copies the registers of a thread into the frame.</summary>
    public void Save(GuestState* state)
    {
        Registers[0] = state->Pc;
        for (var k = 1; k < 32; k++)
            Registers[k] = GuestState.X(state, k);
        for (var k = 0; k < 32; k++)
            Floats[k] = GuestState.F(state, k);
        ControlStatus = (uint)(state->FloatFlags & 31) | ((uint)(state->RoundingMode & 7) << 5);
    }

    /// <summary>Copies the frame, which the guest may have changed at will, to the registers of a thread.</summary>
    public readonly void Restore(GuestState* state)
    {
        state->Pc = Registers[0] & ~1L;
        for (var k = 1; k < 32; k++)
            GuestState.X(state, k) = Registers[k];
        for (var k = 0; k < 32; k++)
            GuestState.F(state, k) = Floats[k];
        state->FloatFlags = (int)(ControlStatus & 31);
        state->RoundingMode = (int)((ControlStatus >> 5) & 7);
    }
}
