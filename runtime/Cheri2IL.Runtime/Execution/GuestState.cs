using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// The architectural state of one guest thread, at a fixed unmanaged address outside every range that a guest can
/// reach. Translated methods receive its address as first argument and keep registers in IL locals between calls;
/// at every exit to the host (system call, fault, return to the dispatcher) this block is the truth.
/// </summary>
/// <remarks>
/// Owned by one <see cref="GuestThread"/>; only that thread touches it, except <see cref="Interrupt"/>,
/// <see cref="HostStackLimit"/> and <see cref="PollLimit"/>, which any thread may set to make the guest leave translated code.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct GuestState
{
    /// <summary>x0: always 0; nothing writes it.</summary>
    public long X0;
    /// <summary>Integer register x1.</summary>
    public long X1;
    /// <summary>Integer register x2.</summary>
    public long X2;
    /// <summary>Integer register x3.</summary>
    public long X3;
    /// <summary>Integer register x4.</summary>
    public long X4;
    /// <summary>Integer register x5.</summary>
    public long X5;
    /// <summary>Integer register x6.</summary>
    public long X6;
    /// <summary>Integer register x7.</summary>
    public long X7;
    /// <summary>Integer register x8.</summary>
    public long X8;
    /// <summary>Integer register x9.</summary>
    public long X9;
    /// <summary>Integer register x10.</summary>
    public long X10;
    /// <summary>Integer register x11.</summary>
    public long X11;
    /// <summary>Integer register x12.</summary>
    public long X12;
    /// <summary>Integer register x13.</summary>
    public long X13;
    /// <summary>Integer register x14.</summary>
    public long X14;
    /// <summary>Integer register x15.</summary>
    public long X15;
    /// <summary>Integer register x16.</summary>
    public long X16;
    /// <summary>Integer register x17.</summary>
    public long X17;
    /// <summary>Integer register x18.</summary>
    public long X18;
    /// <summary>Integer register x19.</summary>
    public long X19;
    /// <summary>Integer register x20.</summary>
    public long X20;
    /// <summary>Integer register x21.</summary>
    public long X21;
    /// <summary>Integer register x22.</summary>
    public long X22;
    /// <summary>Integer register x23.</summary>
    public long X23;
    /// <summary>Integer register x24.</summary>
    public long X24;
    /// <summary>Integer register x25.</summary>
    public long X25;
    /// <summary>Integer register x26.</summary>
    public long X26;
    /// <summary>Integer register x27.</summary>
    public long X27;
    /// <summary>Integer register x28.</summary>
    public long X28;
    /// <summary>Integer register x29.</summary>
    public long X29;
    /// <summary>Integer register x30.</summary>
    public long X30;
    /// <summary>Integer register x31.</summary>
    public long X31;
    /// <summary>Floating-point register f0: 64 bits; a single is NaN-boxed in it.</summary>
    public double F0;
    /// <summary>Floating-point register f1: 64 bits; a single is NaN-boxed in it.</summary>
    public double F1;
    /// <summary>Floating-point register f2: 64 bits; a single is NaN-boxed in it.</summary>
    public double F2;
    /// <summary>Floating-point register f3: 64 bits; a single is NaN-boxed in it.</summary>
    public double F3;
    /// <summary>Floating-point register f4: 64 bits; a single is NaN-boxed in it.</summary>
    public double F4;
    /// <summary>Floating-point register f5: 64 bits; a single is NaN-boxed in it.</summary>
    public double F5;
    /// <summary>Floating-point register f6: 64 bits; a single is NaN-boxed in it.</summary>
    public double F6;
    /// <summary>Floating-point register f7: 64 bits; a single is NaN-boxed in it.</summary>
    public double F7;
    /// <summary>Floating-point register f8: 64 bits; a single is NaN-boxed in it.</summary>
    public double F8;
    /// <summary>Floating-point register f9: 64 bits; a single is NaN-boxed in it.</summary>
    public double F9;
    /// <summary>Floating-point register f10: 64 bits; a single is NaN-boxed in it.</summary>
    public double F10;
    /// <summary>Floating-point register f11: 64 bits; a single is NaN-boxed in it.</summary>
    public double F11;
    /// <summary>Floating-point register f12: 64 bits; a single is NaN-boxed in it.</summary>
    public double F12;
    /// <summary>Floating-point register f13: 64 bits; a single is NaN-boxed in it.</summary>
    public double F13;
    /// <summary>Floating-point register f14: 64 bits; a single is NaN-boxed in it.</summary>
    public double F14;
    /// <summary>Floating-point register f15: 64 bits; a single is NaN-boxed in it.</summary>
    public double F15;
    /// <summary>Floating-point register f16: 64 bits; a single is NaN-boxed in it.</summary>
    public double F16;
    /// <summary>Floating-point register f17: 64 bits; a single is NaN-boxed in it.</summary>
    public double F17;
    /// <summary>Floating-point register f18: 64 bits; a single is NaN-boxed in it.</summary>
    public double F18;
    /// <summary>Floating-point register f19: 64 bits; a single is NaN-boxed in it.</summary>
    public double F19;
    /// <summary>Floating-point register f20: 64 bits; a single is NaN-boxed in it.</summary>
    public double F20;
    /// <summary>Floating-point register f21: 64 bits; a single is NaN-boxed in it.</summary>
    public double F21;
    /// <summary>Floating-point register f22: 64 bits; a single is NaN-boxed in it.</summary>
    public double F22;
    /// <summary>Floating-point register f23: 64 bits; a single is NaN-boxed in it.</summary>
    public double F23;
    /// <summary>Floating-point register f24: 64 bits; a single is NaN-boxed in it.</summary>
    public double F24;
    /// <summary>Floating-point register f25: 64 bits; a single is NaN-boxed in it.</summary>
    public double F25;
    /// <summary>Floating-point register f26: 64 bits; a single is NaN-boxed in it.</summary>
    public double F26;
    /// <summary>Floating-point register f27: 64 bits; a single is NaN-boxed in it.</summary>
    public double F27;
    /// <summary>Floating-point register f28: 64 bits; a single is NaN-boxed in it.</summary>
    public double F28;
    /// <summary>Floating-point register f29: 64 bits; a single is NaN-boxed in it.</summary>
    public double F29;
    /// <summary>Floating-point register f30: 64 bits; a single is NaN-boxed in it.</summary>
    public double F30;
    /// <summary>Floating-point register f31: 64 bits; a single is NaN-boxed in it.</summary>
    public double F31;
    /// <summary>Guest pc on entry to and exit from translated code.</summary>
    public long Pc;

    /// <summary>Host address of the slot's first byte: host = <c>MemoryBase + a</c> for a guest address a.</summary>
    public byte* MemoryBase;

    /// <summary>Largest guest address that passes the check: slot size - 1.</summary>
    public ulong Limit;

    /// <summary>
    /// <see cref="Limit"/>, or 0 while somebody wants the thread out of translated code: what a check compares with that
    /// is also the poll of its loop.
    /// </summary>
    public ulong PollLimit;

    /// <summary>Methods by guest pc, in the mode of PCC (<see cref="DispatchTable.Entries"/>).</summary>
    public nint* Dispatch;

    /// <summary>
    /// Lowest host stack address at which a translated method may still make a frame. Set to the maximum by
    /// <see cref="GuestThread.RequestExit"/>, so that the check at method entry doubles as a poll.
    /// </summary>
    public ulong HostStackLimit;

    /// <summary>Non-zero: leave translated code at the next poll (loop back edge).</summary>
    public int Interrupt;

    /// <summary>
    /// Non-zero while host frames unwind to the dispatcher: the whole state, ra included, is in this block. Otherwise a
    /// returning method has stored everything but a0 (returned), ra (equal to the pc it returned to) and sp (what it was at
    /// the method's entry).
    /// </summary>
    public int Unwinding;

    /// <summary>Which entry a multi-entry part of a split function starts at, and then <see cref="Pc"/> is its address; 0 for the function's own entry.</summary>
    public int PartEntry;

    /// <summary>sp at the entry of the split function whose part is entered.</summary>
    public long PartSp;

    /// <summary>Receives a product whose only purpose is the exception flags that computing it raises.</summary>
    public double Scratch;

    /// <summary>Dynamic rounding mode, the frm field (0..7; 5 to 7 make dynamic-rounded instructions illegal).</summary>
    public int RoundingMode;

    /// <summary>Accrued exceptions, the fflags field, banked at exits; live ones are in the host's sticky flags.</summary>
    public int FloatFlags;

    /// <summary>Non-zero once the guest thread has written fflags.</summary>
    public int HasClearedFlags;

    /// <summary>The host's floating-point status as it was left last (<see cref="FloatStatus.Continue"/>); 0: not known.</summary>
    public uint HostFloatStatus;

    /// <summary>The instructions that read it, for <see cref="FloatStatus"/> alone; null: not looked up yet.</summary>
    public byte* HostFloatInstructions;

    /// <summary>Bytes (4 or 8) of the reservation that LR took; 0 when none is held.</summary>
    public int ReservationSize;

    /// <summary>Guest address of the reservation.</summary>
    public long ReservationAddress;

    /// <summary>Value that LR loaded, sign-extended; SC compares memory with it.</summary>
    public long ReservationValue;

    /// <summary>A <see cref="GCHandle"/> of the owning <see cref="GuestThread"/>; 0 if there is none.</summary>
    public nint Thread;

    /// <summary>What was counted.</summary>
    public CheckCounts Counts;

    /// <summary>State of code with capabilities; other code does not touch it.</summary>
    public CapabilityState Capabilities;

    /// <summary>Words of <see cref="Temporaries"/>.</summary>
    public const int TemporaryCount = 64;

    /// <summary>Values of one instruction while it is evaluated.</summary>
    public fixed long Temporaries[TemporaryCount];

    /// <summary>
    /// Makes the thread leave translated code: at the next loop turn, method entry or system call. Any thread may call it.
    /// </summary>
    /// <remarks>The flag is set first: <see cref="AcknowledgeExit"/> relies on that.</remarks>
    public static void RequestExit(GuestState* state)
    {
        Volatile.Write(ref state->Interrupt, 1);
        Volatile.Write(ref state->HostStackLimit, ulong.MaxValue);
        Volatile.Write(ref state->PollLimit, 0);
    }

    /// <summary>Whether an exit was requested, wholly or in part. For the owning thread.</summary>
    public static bool IsExitRequested(GuestState* state)
        => Volatile.Read(ref state->Interrupt) != 0 || Volatile.Read(ref state->HostStackLimit) == ulong.MaxValue
            || Volatile.Read(ref state->PollLimit) != state->Limit;

    /// <summary>Takes a request back, before it is served. For the owning thread.</summary>
    /// <remarks>
    /// Clearing in the order of <see cref="RequestExit"/>, with <see cref="IsExitRequested"/> looking at all three, neither loses a
    /// request that arrives in between nor leaves a limit behind that no frame can satisfy.
    /// </remarks>
    public static void AcknowledgeExit(GuestState* state, ulong hostStackLimit)
    {
        Volatile.Write(ref state->Interrupt, 0);
        Volatile.Write(ref state->HostStackLimit, hostStackLimit);
        Volatile.Write(ref state->PollLimit, state->Limit);
    }

    /// <summary>Address of integer register <paramref name="index"/> (0..31).</summary>
    public static ref long X(GuestState* state, int index) => ref (&state->X0)[index & 31];

    /// <summary>Address of floating-point register <paramref name="index"/> (0..31).</summary>
    public static ref double F(GuestState* state, int index) => ref (&state->F0)[index & 31];
}
