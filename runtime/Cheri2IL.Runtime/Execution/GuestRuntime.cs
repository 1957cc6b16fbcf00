namespace Cheri2IL.Runtime.Execution;

/// <summary>The entry points that translated code calls, besides arithmetic (<see cref="FloatOps"/>).</summary>
public static unsafe class GuestRuntime
{
    /// <summary>Entry point for <paramref name="pc"/> when the dispatch table has none; faults when it is not executable.</summary>
    public static nint Resolve(GuestState* state, long pc) => GuestThread.Of(state).Code.Resolve(state, pc);

    /// <summary><c>ecall</c>: see <see cref="IGuestHost.SystemCall"/>.</summary>
    public static bool SystemCall(GuestState* state)
    {
        FloatStatus.Leave(state);
        var goOn = GuestThread.Of(state).Host.SystemCall(state);
        FloatStatus.Enter(state);
        return goOn;
    }

    /// <summary>The fault that a check or trap raises; translated code throws it.</summary>
    public static Exception Fault(GuestFaultKind kind, long pc, long address) => new GuestFault(kind, pc, address);

    /// <summary><c>fence.i</c>: forgets what was derived from executable memory.</summary>
    public static void FenceI(GuestState* state) => GuestThread.Of(state).Code.Invalidate(0, (long)state->Limit + 1);

    /// <summary>Counter CSR <paramref name="csr"/>.</summary>
    public static long ReadCounter(GuestState* state, int csr) => GuestThread.Of(state).Host.ReadCounter(csr);
}
