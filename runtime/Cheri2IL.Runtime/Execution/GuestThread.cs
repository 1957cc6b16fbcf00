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

    private readonly IGuestHost _host;
    private readonly IGuestCode _code;
    private readonly DispatchTable _dispatch;
    private GCHandle _handle;
    private ulong _hostStackLimit;
    private GuestState* _state;

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

    /// <summary>The host side.</summary>
    public IGuestHost Host => _host;

    /// <summary>The code of the address space.</summary>
    public IGuestCode Code => _code;

    /// <summary>The thread that owns <paramref name="state"/>.</summary>
    public static GuestThread Of(GuestState* state) => (GuestThread)GCHandle.FromIntPtr(state->Thread).Target!;

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
        _hostStackLimit = (ulong)&marker - hostStackBytes + HostStackReserve;
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
    /// <remarks>
    /// The guest's floating-point environment is entered anew after an exception, not in its handler: the end of a handler
    /// runs host code that raises flags. On return the flags are banked.
    /// </remarks>
    private bool RunToFault()
    {
        var state = _state;
        try
        {
            FloatStatus.Enter(state);
            var pc = state->Pc;
            while (true)
            {
                if (GuestState.IsExitRequested(state))
                {
                    state->Pc = pc;
                    GuestState.AcknowledgeExit(state, _hostStackLimit);
                    FloatStatus.Leave(state);
                    if (!_host.Poll(state))
                        return false;
                    FloatStatus.Enter(state);
                    pc = state->Pc;
                }

                if (state->RoundingMode > FloatStatus.LastHostMode || state->Capabilities.EvaluatesNext != 0)
                {
                    // Round-to-nearest-max-magnitude and the invalid modes have no host equivalent.
                    state->Capabilities.EvaluatesNext = 0;
                    state->Pc = pc;
                    FloatStatus.Leave(state);
                    try
                    {
                        _code.Interpret(state);
                    }
                    finally
                    {
                        FloatStatus.Enter(state);
                    }

                    pc = state->Pc;
                    continue;
                }

                var entry = _dispatch.Lookup(pc);
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
            }
        }
        catch (GuestExit)
        {
            return true;
        }
        catch (GuestFault fault)
        {
            FloatStatus.Stop(state, fault.FloatFlags);
            return HandleFault(fault);
        }
        catch (NullReferenceException exception)
        {
            // The hardware trapped inside the arena; the fault trap turned it into this exception.
            var fault = HardwareFault.Locate(state, exception);
            FloatStatus.Stop(state, fault.FloatFlags);
            return HandleFault(fault);
        }
    }

    private bool HandleFault(GuestFault fault)
    {
        _state->Pc = fault.Pc;
        return _host.Fault(_state, fault);
    }
}
