using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// One guest thread: its state block and the dispatcher that enters translated methods by table until the guest ends.
/// </summary>
/// <remarks>Created by the Intravisor; <see cref="Run"/> is called once, on the host thread that carries the guest thread.</remarks>
public sealed unsafe class GuestThread : IDisposable
{
    /// <summary>Host stack kept free below the lowest translated frame, for the host's own calls.</summary>
    private const ulong HostStackReserve = 256 * 1024;

    /// <summary>No address of code: they are even.</summary>
    private const long NoReturnPc = -1;

    private readonly IGuestHost _host;
    private readonly IGuestCode _code;
    private readonly DispatchTable _dispatch;
    private GCHandle _handle;
    private ulong _hostStackLimit;
    private long _returnPc = NoReturnPc;
    private GuestState* _state;

    /// <summary>What faulted in translated code, while the evaluator looks for the instruction.</summary>
    private GuestFault? _searched;

    /// <summary>Makes a thread whose registers are all zero.</summary>
    /// <param name="host">System calls and faults.</param>
    /// <param name="code">Translated code of the address space.</param>
    /// <param name="dispatch">Dispatch table of the address space; shared by its threads.</param>
    /// <param name="memoryBase">Host address of the slot.</param>
    /// <param name="slotSize">Bytes of the slot.</param>
    public GuestThread(IGuestHost host, IGuestCode code, DispatchTable dispatch, byte* memoryBase, ulong slotSize)
    {
        _host = host;
        _code = code;
        _dispatch = dispatch;
        _handle = GCHandle.Alloc(this);
        _state = (GuestState*)NativeMemory.AlignedAlloc((nuint)sizeof(GuestState), 64);
        *_state = default;
        _state->MemoryBase = memoryBase;
        _state->Limit = slotSize - 1;
        _state->PollLimit = slotSize - 1;
        _state->Dispatch = dispatch.Entries;
        _state->Thread = GCHandle.ToIntPtr(_handle);
    }

    /// <summary>The state block; valid until <see cref="Dispose"/>.</summary>
    public GuestState* State => _state;

    /// <summary>Gives a thread whose registers are all zero what a program with capabilities has: tags of memory, and code in two modes.</summary>
    /// <param name="tags">Host address of the tag of guest address 0.</param>
    public void AddCapabilities(byte* tags)
    {
        _state->Capabilities.MemoryTags = tags;
        _state->Capabilities.IntegerDispatch = _dispatch.Entries;
        _state->Capabilities.CapabilityDispatch = _dispatch.CapabilityMode.Entries;
    }

    /// <summary>The host side.</summary>
    public IGuestHost Host => _host;

    /// <summary>
    /// Lowest host stack address that translated frames may use in <see cref="Run"/> or <see cref="Invoke"/>; for the thread that is in it.
    /// </summary>
    public ulong HostStackLimit => _hostStackLimit;

    /// <summary>Host stack address of the innermost <see cref="Run"/> or <see cref="Invoke"/>: frames of the guest are below.</summary>
    public ulong DispatcherStack { get; private set; }

    /// <summary>Where the innermost <see cref="Invoke"/> is left; no address of code: the thread is in none.</summary>
    public long ReturnPc => _returnPc;

    /// <summary>The code of the address space.</summary>
    public IGuestCode Code => _code;

    /// <summary>The thread that owns <paramref name="state"/>.</summary>
    // Nothing else makes a state block with a handle: the type needs no test at every system call.
    public static GuestThread Of(GuestState* state) => Unsafe.As<GuestThread>(GCHandle.FromIntPtr(state->Thread).Target!);

    /// <summary>
    /// Makes the guest leave translated code at its next poll (method entry or loop back edge), whence the dispatcher
    /// calls <see cref="IGuestHost.Poll"/>. Any thread may call it.
    /// </summary>
    public void RequestExit() => GuestState.RequestExit(_state);

    /// <summary>
    /// Runs the guest from <see cref="GuestState.Pc"/> on the calling thread until the host ends it.
    /// </summary>
    /// <param name="hostStackBytes">Bytes of host stack below the caller that translated frames may use.</param>
    public void Run(ulong hostStackBytes)
    {
        byte marker;
        DispatcherStack = (ulong)&marker;
        _hostStackLimit = DispatcherStack - hostStackBytes + HostStackReserve;
        Volatile.Write(ref _state->HostStackLimit, _hostStackLimit);
        if (_state->Interrupt != 0)
            Volatile.Write(ref _state->HostStackLimit, ulong.MaxValue);
        var trapped = FaultTrap.EnterThread();
        try
        {
            while (RunToFault())
            {
            }
        }
        finally
        {
            // Also when a defect of the runtime ends the guest: a later host thread may have the same thread pointer.
            FloatStatus.Stop(_state, 0);
            if (trapped)
                FaultTrap.LeaveThread();
        }
    }

    /// <summary>
    /// Calls a function of the guest on the calling thread, which may be another than that of <see cref="Run"/>, while Run is inside a
    /// system call: from <see cref="GuestState.Pc"/> on, until the guest returns to <paramref name="returnPc"/>.
    /// </summary>
    /// <param name="returnPc">Address that nothing can be executed at: the caller has put it into ra.</param>
    /// <param name="hostStackLimit">Lowest host stack address that translated frames may use.</param>
    /// <returns>True: it returned, and the state block is complete. False: the host ended it.</returns>
    /// <remarks>Afterwards the limit of the host stack is the one of here, until <see cref="UseHostStack"/>.</remarks>
    // Left to the JIT compiler, for which no guest waits that is not called: precompiled code takes half as long again for calls between assemblies, and
    // for looks at static fields.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Invoke(long returnPc, ulong hostStackLimit)
    {
        byte marker;
        UseHostStack(hostStackLimit);
        var outer = (_returnPc, DispatcherStack);
        (_returnPc, DispatcherStack) = (returnPc, (ulong)&marker);
        try
        {
            bool goesOn;
            do
            {
                try
                {
                    Enter();
                    goesOn = false;
                }
                catch (Exception exception) when (EndsTranslatedCode(exception))
                {
                    goesOn = Recover(exception);
                }
            }
            while (goesOn);

            if (_state->Pc == returnPc)
                return true;
            // The request to end was served here; the dispatcher outside is to ask the host, too.
            RequestExit();
            return false;
        }
        finally
        {
            (_returnPc, DispatcherStack) = outer;
        }
    }

    /// <summary>Translated frames are on another host stack from now on, or on more or less of it.</summary>
    /// <param name="hostStackLimit">Lowest address that they may use.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void UseHostStack(ulong hostStackLimit)
    {
        if (_hostStackLimit != hostStackLimit)
            ChangeHostStack(hostStackLimit);
    }

    private void ChangeHostStack(ulong hostStackLimit)
    {
        _hostStackLimit = hostStackLimit;
        // With a barrier: a request to leave that comes at the same moment either sees the new limit or is seen here.
        Interlocked.Exchange(ref _state->HostStackLimit, hostStackLimit);
        if (Volatile.Read(ref _state->Interrupt) != 0)
            Volatile.Write(ref _state->HostStackLimit, ulong.MaxValue);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_state == null)
            return;
        NativeMemory.AlignedFree(_state);
        _state = null;
        _handle.Free();
    }

    /// <summary>Enters translated methods until the guest ends (false) or faults and goes on (true).</summary>
    private bool RunToFault()
    {
        try
        {
            Enter();
            return false;
        }
        catch (Exception exception) when (EndsTranslatedCode(exception))
        {
            return Recover(exception);
        }
    }

    /// <summary>Enters translated methods until the guest ends. Then the flags are banked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Enter()
    {
        var state = _state;
        FloatStatus.Enter(state);
        var pc = state->Pc;
        while (true)
        {
            if (GuestState.IsExitRequested(state))
            {
                if (!Poll(state, pc))
                    return;
                pc = state->Pc;
            }

            if (state->RoundingMode > FloatStatus.LastHostMode || state->Capabilities.EvaluatesNext != 0)
            {
                pc = Evaluate(state, pc);
                if (pc != _returnPc)
                    continue;
                FloatStatus.Leave(state);
                return;
            }

            var entry = _dispatch.Of(state).Lookup(pc);
            if (entry == 0)
                entry = GuestRuntime.Resolve(state, pc);
            var sp = state->X2;
            var result = ((delegate* managed<GuestState*, long, long, long, long, long, GuestReturn>)entry)(
                state, sp, state->X1, state->X10, state->X11, state->X12);
            state->X10 = result.A0;
            if (state->Unwinding == 0)
            {
                state->X1 = result.Pc;
                state->X2 = sp;
            }

            state->Unwinding = 0;
            pc = result.Pc & ~1L;
            if (pc == _returnPc)
            {
                FloatStatus.Leave(state);
                state->Pc = pc;
                return;
            }
        }
    }

    /// <summary>Serves a request to leave at <paramref name="pc"/>; false: the guest is to end.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Poll(GuestState* state, long pc)
    {
        state->Pc = pc;
        GuestState.AcknowledgeExit(state, _hostStackLimit);
        FloatStatus.Leave(state);
        if (!_host.Poll(state))
            return false;
        FloatStatus.Enter(state);
        return true;
    }

    /// <summary>
    /// Evaluates from <paramref name="pc"/> on: round-to-nearest-max-magnitude and the invalid modes have no host equivalent, or translated code asked for
    /// it. Where it goes on.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private long Evaluate(GuestState* state, long pc)
    {
        state->Capabilities.EvaluatesNext = 0;
        state->Pc = pc;
        FloatStatus.Leave(state);
        FloatStatus.Forget(state);
        try
        {
            _code.Interpret(state);
            _searched = null;
        }
        finally
        {
            FloatStatus.Enter(state);
        }

        return state->Pc;
    }

    private static bool EndsTranslatedCode(Exception exception) => exception is GuestExit or GuestFault or NullReferenceException;

    /// <summary>After an exception that ended translated code; true: the guest goes on.</summary>
    /// <remarks>
    /// The guest's floating-point environment is entered anew after an exception, not in its handler: the end of a handler
    /// runs host code that raises flags.
    /// </remarks>
    private bool Recover(Exception exception)
    {
        if (exception is GuestExit)
            return true;

        // Otherwise the hardware trapped inside the arena; the fault trap turned it into this exception.
        var fault = exception as GuestFault ?? HardwareFault.Locate(_state, (NullReferenceException)exception);
        FloatStatus.Stop(_state, fault.FloatFlags);
        _state->Pc = fault.Pc;
        if (fault.IsToBeFound)
        {
            _searched = fault;
            _state->Capabilities.EvaluatesNext = 1;
            return true;
        }

        fault.FoundBehind = _searched;
        _searched = null;
        return _host.Fault(_state, fault);
    }
}
