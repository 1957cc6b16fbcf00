using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.Cvms;

/// <content>Calls between cVMs: those that this thread makes, and those that it serves.</content>
public sealed unsafe partial class CvmThread
{
    private readonly OuterLayer? _outer;
    private CallServer? _visited;

    /// <summary>What served its last system call in the outer cVM, most likely idle.</summary>
    internal CallServer? LastHandler;

    /// <summary>What makes this thread serve calls of others; null: it never has.</summary>
    internal CallServer? Server { get; set; }

    /// <summary>Lowest host stack address that frames of the guest may use.</summary>
    internal ulong HostStackLimit => _guest.HostStackLimit;

    /// <summary>
    /// This host thread runs a function of another cVM from now on, with the state of one of its threads; look after this whether this
    /// thread is over. A plain store, as <see cref="BeginUse"/>.
    /// </summary>
    internal void BeginVisit(CallServer server) => Volatile.Write(ref _visited, server);

    /// <summary>And does not any more.</summary>
    internal void EndVisit() => Volatile.Write(ref _visited, null);

    /// <summary>Runs a function of this thread's guest on the calling host thread; whether it returned.</summary>
    internal bool Invoke(long returnPc, ulong hostStackLimit) => _guest.Invoke(returnPc, hostStackLimit);

    /// <summary>Frames of this thread's guest are on another host stack from now on.</summary>
    internal void UseHostStack(ulong hostStackLimit) => _guest.UseHostStack(hostStackLimit);

    /// <summary>A second result of the running system call, in a1: an integer.</summary>
    internal void ReturnSecond(long value)
    {
        State->X11 = value;
        if (_authority is not null)
            CapabilityState.ClearMetadata(State, A0 + 1);
    }

    /// <summary>Whether c31 is what CInvoke leaves there of a pair that enters a function of another cVM, and which.</summary>
    internal bool TryGetEntry(out ulong number)
    {
        number = 0;
        return _authority is not null && ProcessCapabilities.TryGetEntry(CapabilityState.Read(State, InvokedData), out number);
    }

    /// <summary>What the running call lends is by the authority of this capability alone, whatever else the program has.</summary>
    internal void LendBy(in Capability buffer) => _authority!.Nested = buffer;

    /// <summary>After the call: it goes back without it, because the program has only the sealed pair.</summary>
    internal void ForgetEntry() => CapabilityState.Write(State, InvokedData, Capability.Null);

    /// <summary>Whether so many bytes of host stack are left for frames of another guest.</summary>
    internal bool HasHostStack(ulong bytes)
    {
        byte marker;
        return (ulong)&marker >= HostStackLimit + bytes;
    }

    /// <summary>Makes the thread look whether to go on waiting, in its own system call or in that of an outer cVM which it has called.</summary>
    internal void InterruptWait()
    {
        Unpark();
        Volatile.Read(ref _visited)?.CallerInterrupted(isOver: false);
    }

    /// <summary>
    /// Makes the running system call again from the dispatcher, with the guest's own frames gone from the host stack, if that gives
    /// <paramref name="bytes"/> of it.
    /// </summary>
    internal bool TryUnwind(ulong bytes)
    {
        if (_guest.DispatcherStack < HostStackLimit + bytes)
            return false;
        Redirect();
        return true;
    }

    /// <summary>After an interruption: the call that this thread makes, or the wait for calls, is looked at.</summary>
    private void InterruptCalls()
    {
        var isOver = IsOver;
        if (!isOver && Server is null && _outer is null)
            return;
        Interlocked.MemoryBarrierProcessWide();
        Volatile.Read(ref _visited)?.CallerInterrupted(isOver);
        Server?.Wake();
    }
}
