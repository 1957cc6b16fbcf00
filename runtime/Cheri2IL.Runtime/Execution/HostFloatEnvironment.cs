using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>Rounding mode and sticky flags of the calling host thread: its MXCSR. Modes and flags are RISC-V encoded.</summary>
/// <remarks>
/// .NET has no intrinsic for stmxcsr and ldmxcsr, and libm's functions go through the x87 state as well, which costs ten
/// times as much. So both instructions stand in a page of their own and are called without a transition to unmanaged
/// code: they are leaves of three instructions that touch nothing but the red zone of the stack. x86-64 only.
/// </remarks>
internal static unsafe class HostFloatEnvironment
{
    /// <summary>All exceptions masked, to nearest, no flag: the state that host code expects.</summary>
    private const uint HostDefault = 0x1f80;

    private const uint FlagBits = 0x3f;
    private const int RoundingShift = 13;
    private const uint RoundingBits = 3u << RoundingShift;

    private static readonly byte* Code = WriteCode();

    private static readonly delegate* unmanaged[SuppressGCTransition]<uint> Load
        = (delegate* unmanaged[SuppressGCTransition]<uint>)Code;

    private static readonly delegate* unmanaged[SuppressGCTransition]<uint, void> Store
        = (delegate* unmanaged[SuppressGCTransition]<uint, void>)(Code + LoadCode.Length);

    /// <summary>All of it: never 0.</summary>
    public static uint Status
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Load();
    }

    /// <summary>Sticky flags, as fflags bits.</summary>
    public static int Flags
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => FlagsOf((int)Load());
    }

    /// <summary>fflags bits by MXCSR's: five shifts would be half of a transition's instructions.</summary>
    private static ReadOnlySpan<byte> Flag =>
    [
        0, 16, 0, 16, 8, 24, 8, 24, 4, 20, 4, 20, 12, 28, 12, 28, 2, 18, 2, 18, 10, 26, 10, 26, 6, 22, 6, 22, 14, 30, 14, 30,
        1, 17, 1, 17, 9, 25, 9, 25, 5, 21, 5, 21, 13, 29, 13, 29, 3, 19, 3, 19, 11, 27, 11, 27, 7, 23, 7, 23, 15, 31, 15, 31,
    ];

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
        return Flag[mxcsr & (int)FlagBits];
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
