using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>Rounding mode and sticky flags of the calling host thread: its MXCSR. Modes and flags are RISC-V encoded.</summary>
/// <remarks>
/// .NET has no intrinsic for stmxcsr and ldmxcsr, and libm's functions go through the x87 state as well, which costs ten
/// times as much. So both instructions stand in a page of their own and are called as managed code is: they are leaves of three
/// instructions that touch nothing but the red zone of the stack, and leave all registers as they were. A thread that is to stop for a
/// garbage collection there does so behind them, as with SuppressGCTransition, which takes a stub where there is an exception handler. x86-64 only.
/// </remarks>
internal static unsafe class HostFloatEnvironment
{
    /// <summary>All exceptions masked, to nearest, no flag: the state that host code expects.</summary>
    private const uint HostDefault = 0x1f80;

    private const uint FlagBits = 0x3f;
    private const int RoundingShift = 13;
    private const uint RoundingBits = 3u << RoundingShift;

    private static readonly byte* Code = WriteCode();

    private static readonly delegate* managed<uint> Load
        = (delegate* managed<uint>)Code;

    private static readonly delegate* managed<uint, void> Store
        = (delegate* managed<uint, void>)(Code + LoadCode.Length);

    /// <summary>
    /// Where the instructions stand, for <see cref="StatusBy"/>: what is kept of it at hand needs no look at a static field, which takes a call in code that
    /// is compiled ahead of time.
    /// </summary>
    public static byte* Instructions => Code;

    /// <summary>All of it: never 0.</summary>
    /// <param name="instructions"><see cref="Instructions"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint StatusBy(byte* instructions) => ((delegate* managed<uint>)instructions)();

    /// <summary>Sticky flags, as fflags bits.</summary>
    public static int Flags
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => FlagsOf((int)Load());
    }

    /// <summary>
    /// fflags bits by MXCSR's divide, overflow, underflow and inexact, which count the other way round: a digit for each of their values. A constant, because
    /// a table is another call in code that is compiled ahead of time, and five shifts would be half of a transition's instructions.
    /// </summary>
    private const ulong Reversed = 0xf7b3_d591_e6a2_c480;

    private static ReadOnlySpan<byte> LoadCode =>
    [
        0x0f, 0xae, 0x5c, 0x24, 0xfc,   // stmxcsr [rsp-4]
        0x8b, 0x44, 0x24, 0xfc,         // mov eax, [rsp-4]
        0xc3,                           // ret
    ];

    private static ReadOnlySpan<byte> StoreCode =>
    [
        0x89, 0x7c, 0x24, 0xfc,         // mov [rsp-4], edi
        0x0f, 0xae, 0x54, 0x24, 0xfc,   // ldmxcsr [rsp-4]
        0xc3,                           // ret
    ];

    /// <summary>The sticky flags of an MXCSR value, as fflags bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FlagsOf(int mxcsr)
    {
        // MXCSR: invalid 0x01, denormal 0x02 (no RISC-V flag), divide 0x04, overflow 0x08, underflow 0x10, inexact 0x20.
        return ((int)(Reversed >> (mxcsr & 0x3c)) & 15) | ((mxcsr & 1) << 4);
    }

    /// <summary>Clears every sticky flag.</summary>
    public static void ClearFlags() => Store(Load() & ~FlagBits);

    /// <summary>Clears every sticky flag and rounds by <paramref name="mode"/> (0..3) from now on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Reset(int mode) => Store(HostDefault | Control(mode));

    /// <summary>
    /// The same, where it is <paramref name="status"/>, but flags of <paramref name="harmless"/> may stay: writing MXCSR takes as long as the
    /// rest of a short system call, and mostly nothing has changed.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prepare(uint status, int mode, int harmless)
    {
        if ((status & ~FlagBits) != (HostDefault | Control(mode)) || (FlagsOf((int)status) & ~harmless) != 0)
            Reset(mode);
    }

    /// <summary>Rounds by <paramref name="mode"/> (0..3) from now on, and keeps the flags; returns the control for <see cref="Restore"/>.</summary>
    public static uint Change(int mode)
    {
        var control = Load();
        var changed = (control & ~RoundingBits) | Control(mode);
        if (changed != control)
            Store(changed);
        return control;
    }

    /// <summary>Undoes a <see cref="Change"/> that returned <paramref name="previous"/>; flags raised since stay.</summary>
    public static void Restore(uint previous)
    {
        var control = Load();
        var restored = (control & ~RoundingBits) | (previous & RoundingBits);
        if (restored != control)
            Store(restored);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Control(int mode)
    {
        // x86 counts nearest, down, up, zero; RISC-V nearest, zero, down, up.
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)mode, (uint)FloatStatus.LastHostMode, nameof(mode));
        return ((0b10_01_11_00u >> (2 * mode)) & 3) << RoundingShift;
    }

    private static byte* WriteCode()
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64)
            throw new PlatformNotSupportedException("guest floating-point status needs an x86-64 host");
        var page = HostMemory.MapZero(HostMemory.PageSize);
        LoadCode.CopyTo(new Span<byte>(page, HostMemory.PageSize));
        StoreCode.CopyTo(new Span<byte>(page + LoadCode.Length, HostMemory.PageSize - LoadCode.Length));
        HostMemory.Protect(page, HostMemory.PageSize, HostMemory.Read | HostMemory.Execute);
        return page;
    }
}
