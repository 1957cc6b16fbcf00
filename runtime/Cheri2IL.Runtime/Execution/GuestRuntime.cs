using System.Runtime.CompilerServices;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Runtime.Execution;

/// <summary>The entry points that translated code calls, besides arithmetic (<see cref="FloatOps"/>).</summary>
public static unsafe class GuestRuntime
{
    /// <summary>Entry point for <paramref name="pc"/> when the dispatch table has none; faults when it is not executable.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint Resolve(GuestState* state, long pc)
    {
        FloatStatus.Leave(state);
        try
        {
            return GuestThread.Of(state).Code.Resolve(state, pc);
        }
        finally
        {
            FloatStatus.Enter(state);
        }
    }

    /// <summary><c>ecall</c>: see <see cref="IGuestHost.SystemCall"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool SystemCall(GuestState* state)
    {
        FloatStatus.Leave(state);
        var goOn = GuestThread.Of(state).Host.SystemCall(state);
        FloatStatus.Enter(state);
        if (goOn && state->Interrupt != 0)
        {
            // Somebody wants the thread out of translated code: the call is done, the next instruction is four bytes on.
            state->Pc += 4;
            return false;
        }

        return goOn;
    }

    /// <summary>
    /// Starts unwinding to the dispatcher, which goes on at <paramref name="pc"/>; the state block is complete.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static GuestReturn Leave(GuestState* state, long pc)
    {
        state->Unwinding = 1;
        return new GuestReturn { Pc = pc | 1, A0 = state->X10 };
    }

    /// <summary>
    /// The exception by which a loop leaves for the dispatcher, which goes on at <paramref name="pc"/>; the state block is
    /// complete. A throw rather than a return, because RyuJIT then keeps the registers of the loop as if the exit were not there.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Exception LeaveLoop(GuestState* state, long pc)
    {
        FloatStatus.Leave(state);
        state->Pc = pc;
        return new GuestExit();
    }

    /// <summary>
    /// The exception to throw when a check that polls failed: the fault if <paramref name="value"/> is beyond the slot, else the
    /// exit that somebody asked for, to go on at the check. The state block is complete.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Exception LeaveOrFault(GuestState* state, GuestFaultKind kind, bool isExact, long pc, long value, long offset)
        => (ulong)value > state->Limit ? Fault(kind, isExact, pc, value + offset) : LeaveLoop(state, pc);

    /// <summary>
    /// A callee, entered with <paramref name="sp"/>, came back to another pc than its call's return address: completes the state
    /// block and passes its result upward.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static GuestReturn Unwind(GuestState* state, GuestReturn result, long sp)
    {
        if (state->Unwinding == 0)
        {
            state->Unwinding = 1;
            state->X1 = result.Pc;
            state->X2 = sp;
            result.Pc |= 1;
        }

        return result;
    }

    /// <summary>
    /// Whether frames unwind to the code behind a call, with the call's stack pointer: then they need not any more, and it goes
    /// on as after an ordinary return.
    /// </summary>
    /// <param name="state">State block.</param>
    /// <param name="result">What the callee returned.</param>
    /// <param name="sp">Stack pointer of the call.</param>
    /// <param name="continuation">Guest address behind the call.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool HasReturned(GuestState* state, GuestReturn result, long sp, long continuation)
    {
        if (state->Unwinding == 0 || result.Pc != (continuation | 1) || state->X1 != continuation || state->X2 != sp || !MayGoOn(state))
            return false;
        state->Unwinding = 0;
        return true;
    }

    /// <summary>Whether the thread may stay in translated code.</summary>
    private static bool MayGoOn(GuestState* state) => state->RoundingMode <= FloatStatus.LastHostMode && !GuestState.IsExitRequested(state);

    /// <summary>
    /// The method to enter when a callee came back to another place of the function that called it, [start, end), with the stack
    /// pointer of the call: longjmp. The state block is complete then. 0: the frames have to unwind. Other host stack frames than
    /// the guest expects cost time, never correctness, since every call verifies where it comes back to.
    /// </summary>
    /// <param name="state">State block.</param>
    /// <param name="result">What the callee returned.</param>
    /// <param name="sp">Stack pointer of the call.</param>
    /// <param name="start">First guest address of the function, where unwinding for the host stack's sake goes on.</param>
    /// <param name="end">Guest address behind the function.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint Reenter(GuestState* state, GuestReturn result, long sp, long start, long end)
    {
        var pc = result.Pc & ~1L;
        var isUnwinding = state->Unwinding != 0;
        if (pc <= start || pc >= end || (isUnwinding && state->X2 != sp) || !MayGoOn(state))
            return 0;
        state->X10 = result.A0;
        if (!isUnwinding)
        {
            state->X1 = result.Pc;
            state->X2 = sp;
        }

        state->Unwinding = 0;
        return Resolve(state, pc);
    }

    /// <summary>After a system call that said not to go on: unwinds to the dispatcher with the state it left.</summary>
    public static GuestReturn LeaveAfterSystemCall(GuestState* state) => Leave(state, state->Pc);

    /// <summary>The fault that a check or trap raises; translated code throws it.</summary>
    /// <param name="kind">Cause.</param>
    /// <param name="isExact">Whether the state block holds the registers.</param>
    /// <param name="pc">Guest address of the instruction.</param>
    /// <param name="address">Guest address that was accessed.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Exception Fault(GuestFaultKind kind, bool isExact, long pc, long address)
    {
        // First of all: allocating and throwing run host code.
        var flags = HostFloatEnvironment.Flags;
        return new GuestFault(kind, pc, address) { FloatFlags = flags, AreRegistersExact = isExact };
    }

    /// <summary>Something faulted in translated code that keeps its registers in the state block at commits alone; it throws this.</summary>
    /// <param name="pc">Guest address of the commit.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Exception FaultBehind(long pc)
    {
        // First of all, as in Fault.
        var flags = HostFloatEnvironment.Flags;
        return new GuestFault(GuestFaultKind.LoadAccess, pc, 0) { FloatFlags = flags, IsToBeFound = true };
    }

    /// <summary>The fault of a capability check that failed; translated code throws it.</summary>
    /// <param name="violation">What <see cref="CapabilityChecks"/> found.</param>
    /// <param name="isExact">Whether the state block holds the registers.</param>
    /// <param name="pc">Guest address of the instruction.</param>
    /// <param name="address">What was to be accessed, or executed.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Exception CapabilityFault(int violation, bool isExact, long pc, long address)
    {
        // First of all, as in Fault.
        var flags = HostFloatEnvironment.Flags;
        return GuestFault.OfCapability(violation, pc, address, flags, isExact);
    }

    /// <summary>The fault of an access that is outside of its authority's window; translated code throws it.</summary>
    /// <param name="state">State block.</param>
    /// <param name="metadata">Metadata of the authority.</param>
    /// <param name="address">Address of the authority.</param>
    /// <param name="isTagged">Tag of the authority.</param>
    /// <param name="at">Address of the access.</param>
    /// <param name="needed">Every permission that it needs.</param>
    /// <param name="size">Its bytes.</param>
    /// <param name="register">Number of the authority, as in <see cref="CapabilityState.Read"/>.</param>
    /// <param name="isExact">Whether the state block holds the registers. Otherwise it gets the authority at least, for reports.</param>
    /// <param name="pc">Guest address of the instruction.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Exception AccessFault(
        GuestState* state, ulong metadata, ulong address, bool isTagged, ulong at, CapabilityPermissions needed, int size, int register, bool isExact, long pc)
    {
        // First of all, as in Fault.
        var flags = HostFloatEnvironment.Flags;
        var authority = new Capability(metadata, address, isTagged);
        var violation = CapabilityChecks.Access(authority, at, needed, size, register == CapabilityState.Ddc ? CapabilityChecks.Ddc : register);
        if (!isExact)
            CapabilityState.Write(state, register, authority);

        // Only the last bytes of the address space are allowed and yet outside (AccessWindow): no slot has them.
        return violation != 0
            ? GuestFault.OfCapability(violation, pc, (long)at, flags, isExact)
            : new GuestFault(GuestFaultKind.LoadAccess, pc, (long)at) { FloatFlags = flags, AreRegistersExact = isExact };
    }

    /// <summary>
    /// The exception by which code leaves for the evaluator, which goes on at <paramref name="pc"/>; the state block is complete.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Exception LeaveToEvaluator(GuestState* state, long pc)
    {
        state->Capabilities.EvaluatesNext = 1;
        return LeaveLoop(state, pc);
    }

    /// <summary><c>fence.i</c>: forgets what was derived from executable memory.</summary>
    public static void FenceI(GuestState* state)
    {
        FloatStatus.Leave(state);
        GuestThread.Of(state).Code.Invalidate(0, (long)state->Limit + 1);
        FloatStatus.Enter(state);
    }

    /// <summary>Counter CSR <paramref name="csr"/>.</summary>
    public static long ReadCounter(GuestState* state, int csr)
    {
        FloatStatus.Leave(state);
        var value = GuestThread.Of(state).Host.ReadCounter(csr);
        FloatStatus.Enter(state);
        return value;
    }
}
