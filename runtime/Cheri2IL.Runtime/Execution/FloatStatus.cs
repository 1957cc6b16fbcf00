using System.Reflection;
using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// fcsr of a guest thread on the host's MXCSR, where sticky flags and rounding mode live while translated code runs, so
/// that arithmetic costs nothing extra.
/// </summary>
/// <remarks>
/// Between <see cref="Enter"/> and <see cref="Leave"/>, fflags is <see cref="GuestState.FloatFlags"/> or-ed with the
/// host's flags. The runtime's own arithmetic on a guest thread shows as guest flags: when it compiles a method at its
/// first call (not when it enters precompiled code) and when it collects garbage, inexact may be raised without the
/// guest's doing. So when the guest first clears flags, what translated code calls is compiled, and the guest's own functions
/// are, unless there are too many (<see cref="TranslatedCode"/>). Most guests never do, and start sooner for it.
/// </remarks>
public static unsafe class FloatStatus
{
    /// <summary>Largest frm value (RUP; RNE, RTZ and RDN are 0 to 2) that the host can round by.</summary>
    public const int LastHostMode = 3;

    /// <summary>In <see cref="GuestState.HostFloatStatus"/>: the host's status is still that. A bit that MXCSR does not have.</summary>
    private const uint IsCurrent = 1u << 31;

    private static volatile bool _isRuntimeCompiled;

    /// <summary>Before translated code runs: drops the flags that host code raised and sets the guest's rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Enter(GuestState* state)
    {
        var mode = state->RoundingMode;
        var status = state->HostFloatStatus;
        state->HostFloatStatus = 0;
        HostFloatEnvironment.Prepare((int)status < 0 ? status & ~IsCurrent : HostFloatEnvironment.StatusBy(InstructionsFor(state)), mode <= LastHostMode ? mode : 0, state->FloatFlags);
    }

    /// <summary>After translated code ran: banks the flags it raised and restores round-to-nearest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Leave(GuestState* state)
    {
        var status = HostFloatEnvironment.StatusBy(InstructionsFor(state));
        state->FloatFlags |= HostFloatEnvironment.FlagsOf((int)status);
        state->HostFloatStatus = status;
        if (state->RoundingMode is > 0 and <= LastHostMode)
        {
            HostFloatEnvironment.Reset(0);
            state->HostFloatStatus = 0;
        }
    }

    /// <summary>
    /// The code of one guest thread goes on where that of another left off, on the same host thread with next to nothing in between: the next
    /// <see cref="Enter"/> need not read the host's status again, which takes as long as all the rest of a transition. Not for guests that
    /// have cleared flags: they would notice if the little in between had to be compiled (the remarks above).
    /// </summary>
    /// <param name="from">State that <see cref="Leave"/> was called with last.</param>
    /// <param name="to">State that <see cref="Enter"/> is called with next.</param>
    /// <returns>Whether the status was still known.</returns>
    public static bool Continue(GuestState* from, GuestState* to)
    {
        var status = from->HostFloatStatus;
        to->HostFloatStatus = status != 0 && to->HasClearedFlags == 0 ? status | IsCurrent : 0;
        return status != 0;
    }

    /// <summary>The host has done something since <see cref="Leave"/>: its status is not known any more.</summary>
    public static void Forget(GuestState* state) => state->HostFloatStatus = 0;

    /// <summary>
    /// After an exception ended translated code: banks <paramref name="flags"/>, which were live when it was thrown, and
    /// restores round-to-nearest. What the host has raised meanwhile is not the guest's.
    /// </summary>
    public static void Stop(GuestState* state, int flags)
    {
        state->FloatFlags |= flags;
        state->HostFloatStatus = 0;
        HostFloatEnvironment.Reset(0);
    }

    /// <summary>Flags that the host has raised since they were last cleared, as fflags bits.</summary>
    public static int LiveFlags => HostFloatEnvironment.Flags;

    /// <summary>Whether the host has flags raised that are not banked: by the guest, or by host code such as the JIT.</summary>
    public static bool HasUnbankedFlags(GuestState* state) => (HostFloatEnvironment.Flags & ~state->FloatFlags) != 0;

    /// <summary>fflags: banked and live.</summary>
    public static long ReadFlags(GuestState* state) => state->FloatFlags |= HostFloatEnvironment.Flags;

    /// <summary>Sets fflags to the low 5 bits of <paramref name="flags"/>.</summary>
    public static void WriteFlags(GuestState* state, long flags)
    {
        if (state->HasClearedFlags == 0)
            CompileAhead(state, isClearing: (ReadFlags(state) & ~flags) != 0);
        state->FloatFlags = (int)flags & 31;
        HostFloatEnvironment.ClearFlags();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* InstructionsFor(GuestState* state)
        => state->HostFloatInstructions != null ? state->HostFloatInstructions : KeepInstructions(state);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte* KeepInstructions(GuestState* state) => state->HostFloatInstructions = HostFloatEnvironment.Instructions;

    /// <summary>The runtime's part at the first write of flags; the guest's functions, which may be many, at the first that clears some.</summary>
    private static void CompileAhead(GuestState* state, bool isClearing)
    {
        if (isClearing)
            state->HasClearedFlags = 1;
        else if (_isRuntimeCompiled)
            return;
        var control = HostFloatEnvironment.Change(0);
        if (!_isRuntimeCompiled)
            CompileRuntime();
        if (isClearing && state->Thread != 0)
            GuestThread.Of(state).Code.CompileAhead();
        HostFloatEnvironment.Restore(control);
    }

    private static void CompileRuntime()
    {
        foreach (var type in (Type[])[typeof(FloatOps), typeof(SoftFloat), typeof(Unsigned128), typeof(FloatFlags), typeof(FloatStatus), typeof(HostFloatEnvironment), typeof(IntegerOps), typeof(Atomics), typeof(GuestRuntime)])
        {
            foreach (var method in type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            {
                if (!method.ContainsGenericParameters)
                    RuntimeHelpers.PrepareMethod(method.MethodHandle);
            }
        }

        RuntimeHelpers.PrepareMethod(typeof(DispatchTable).GetMethod(nameof(DispatchTable.Lookup))!.MethodHandle);

        // What these call in turn, 128-bit arithmetic above all, is compiled by running them.
        const int NearestAway = LastHostMode + 1;
        var third = SoftFloat.Divide(1.0, 3.0, NearestAway);
        third = SoftFloat.MultiplyAdd(third, third, SoftFloat.SquareRoot(SoftFloat.Multiply(third, third, NearestAway), NearestAway), NearestAway);
        SoftFloat.ToInteger(-SoftFloat.Add(third, third, NearestAway), NearestAway, 0, ulong.MaxValue);
        SoftFloat.Narrow(SoftFloat.DoubleOf(negative: true, ulong.MaxValue, NearestAway), NearestAway);
        _isRuntimeCompiled = true;
    }

    /// <summary>frm, 0..7.</summary>
    public static long ReadRounding(GuestState* state) => state->RoundingMode;

    /// <summary>
    /// Sets frm to the low 3 bits of <paramref name="mode"/>. Modes above <see cref="LastHostMode"/> are not the host's:
    /// the guest is made to leave translated code at the next poll, which has to follow before the next
    /// dynamically rounded operation.
    /// </summary>
    public static void WriteRounding(GuestState* state, long mode)
    {
        var next = (int)mode & 7;
        if (next == state->RoundingMode)
            return;
        state->RoundingMode = next;
        if (next <= LastHostMode)
        {
            HostFloatEnvironment.Change(next);
            return;
        }

        HostFloatEnvironment.Change(0);
        GuestState.RequestExit(state);
    }
}
