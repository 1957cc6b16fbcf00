using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>The host's floating-point environment of the calling thread, through libm. Modes and flags are RISC-V encoded.</summary>
/// <remarks>
/// The calls are a few instructions each, block on nothing and call nothing back, so they skip the transition to
/// unmanaged code. Constants: bits/fenv.h of glibc, x86-64.
/// </remarks>
internal static partial class HostFloatEnvironment
{
    private const int AllExceptions = 0x3d;
    private const int RoundingShift = 10;

    /// <summary>Sticky flags, as fflags bits.</summary>
    public static int Flags
    {
        get
        {
            // x86: invalid 0x01, denormal 0x02 (no RISC-V flag), divide 0x04, overflow 0x08, underflow 0x10, inexact 0x20.
            var raised = TestExceptions(AllExceptions);
            return ((raised & 0x01) << 4) | ((raised & 0x04) << 1) | ((raised & 0x08) >> 1) | ((raised & 0x10) >> 3)
                | ((raised & 0x20) >> 5);
        }
    }

    /// <summary>Clears every sticky flag. Some 40 ns: the x87 state goes through memory.</summary>
    public static void ClearFlags() => _ = ClearExceptions(AllExceptions);

    /// <summary>Rounds by <paramref name="mode"/> (0..3) from now on; returns the mode before.</summary>
    public static int Set(int mode)
    {
        var previous = Current;
        if (mode != previous)
            Change(mode);
        return previous;
    }

    /// <summary>Undoes <see cref="Set"/>(<paramref name="mode"/>), which returned <paramref name="previous"/>.</summary>
    public static void Restore(int previous, int mode)
    {
        if (previous != mode)
            Change(previous);
    }

    /// <summary>Rounds by <paramref name="mode"/> (0..3) from now on, whatever the mode before.</summary>
    public static void Change(int mode)
    {
        // x86 counts nearest, down, up, zero; RISC-V nearest, zero, down, up.
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)mode, (uint)FloatStatus.LastHostMode, nameof(mode));
        _ = SetRounding((mode == 0 ? 0 : mode == 1 ? 3 : mode - 1) << RoundingShift);
    }

    private static int Current
    {
        get
        {
            var mode = GetRounding() >> RoundingShift;
            return mode == 0 ? 0 : mode == 3 ? 1 : mode + 1;
        }
    }

    [LibraryImport("libm.so.6", EntryPoint = "fetestexcept")]
    [SuppressGCTransition]
    private static partial int TestExceptions(int exceptions);

    [LibraryImport("libm.so.6", EntryPoint = "feclearexcept")]
    [SuppressGCTransition]
    private static partial int ClearExceptions(int exceptions);

    [LibraryImport("libm.so.6", EntryPoint = "fegetround")]
    [SuppressGCTransition]
    private static partial int GetRounding();

    [LibraryImport("libm.so.6", EntryPoint = "fesetround")]
    [SuppressGCTransition]
    private static partial int SetRounding(int mode);
}
