using System.Runtime.CompilerServices;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Futexes;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.LibOs.Tracing;
using Cheri2IL.Intravisor.LibOs.Waiting;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>One thread of a guest, carried by one host thread: dispatches its system calls, faults and signals.</summary>
/// <remarks>
/// Members are for the carrying host thread, except <see cref="Interrupt"/> and <see cref="Unpark"/>, which any thread may call
/// at any time, also after the thread has ended.
/// </remarks>
public sealed unsafe partial class CvmThread : IGuestHost, IWaiter, IDisposable
{
    private readonly Lock _life = new();
    private readonly ParkToken _token;
    private readonly GuestThread _guest;

    // What every system call looks at, without the way over process and cVM.
    private readonly SyscallCounts? _counts;
    private readonly IntravisorTelemetry? _telemetry;
    private readonly SyscallTrace? _trace;
    private int _attention;
    private bool _redirected;
    private bool _ending;
    private bool _disposed;
    private bool _isWaiting;

    internal CvmThread(GuestProcess process, ProcessImage image, int id)
    {
        (Process, Image, Space, Id) = (process, image, image.Space, id);
        _outer = Cvm.Outer;
        Affinity = AllProcessors(Cvm.Host);
        (_counts, _telemetry, _trace) = (Cvm.Options.SystemCalls, Cvm.Telemetry, Cvm.Options.Trace);
        _token = new ParkToken(process.Cvm.Host);
        Waits = new WaitSet(this);
        Waiter = new FutexWaiter(this);
        _guest = new GuestThread(this, image.Code, image.Dispatch, Space.Base, Space.Size);
        Memory = Space.Memory;
        if (Space.Tags is { } tags)
        {
            _guest.AddCapabilities(tags.Base);
            _authority = new GuestAuthority();
            Memory = Space.MemoryFor(_authority);
        }
    }

    /// <summary>A bit for every processor, of 64 at most.</summary>
    internal static ulong AllProcessors(IHostInterface host) => ulong.MaxValue >> (64 - Math.Min(64, host.ProcessorCount));

    /// <summary>The cVM.</summary>
    public Cvm Cvm => Process.Cvm;

    /// <summary>The process.</summary>
    public GuestProcess Process { get; }

    /// <summary>Memory and code that it runs in; the same all its life.</summary>
    public ProcessImage Image { get; }

    /// <summary>The image's memory.</summary>
    public AddressSpace Space { get; }

    /// <summary>Thread id; the main thread's is the process id.</summary>
    public int Id { get; }

    /// <summary>It as one who walks paths.</summary>
    internal FileCaller FileCaller => Process.FileCaller with { Thread = Id };

    /// <summary>Processors that sched_setaffinity allows, a bit each; kept and told, and nothing else.</summary>
    internal ulong Affinity { get; set; }

    /// <summary>Validated guest memory, on behalf of this thread.</summary>
    public GuestMemory Memory { get; }

    /// <summary>Registers.</summary>
    public GuestState* State => _guest.State;

    /// <summary>Where the kernel writes 0 and wakes a futex when the thread ends; 0: nowhere.</summary>
    public long ClearChildId { get; set; }

    /// <summary>Head of the list of robust futexes; 0: none.</summary>
    public long RobustList { get; set; }

    /// <summary>Name (PR_SET_NAME), at most 15 bytes.</summary>
    public byte[] Name { get; set; } = [];

    /// <summary>Whether it waits for something (<see cref="Park"/>), or for calls of others.</summary>
    internal bool IsWaiting => Volatile.Read(ref _isWaiting) || Server is { IsIdle: true };

    /// <summary>Host thread, for CPU clocks; 0 before it runs.</summary>
    public int HostThread { get; private set; }

    /// <summary>
    /// CPU time that it has taken, in nanoseconds. For the thread itself, or while <see cref="Cvm.Tasks"/> is held and it is among those of its process:
    /// of one that has ended, the host may have given the number to another.
    /// </summary>
    internal long CpuNanoseconds => HostThread == 0 ? 0 : Cvm.Host.CpuNanoseconds(HostThread);

    /// <summary>Status that exit gave.</summary>
    internal int ExitStatus { get; private set; }

    /// <summary>What goes on in its place when it ends: execve has given the process another image. Null otherwise.</summary>
    internal CvmThread? Successor { get; private set; }

    /// <summary>What this thread waits with on wait queues.</summary>
    internal WaitSet Waits { get; }

    /// <inheritdoc/>
    WaitSet IWaiter.Waits => Waits;

    /// <summary>What this thread waits with on a futex.</summary>
    internal FutexWaiter Waiter { get; }

    /// <summary>Whether a wait has to be given up: a signal is to be delivered or the cVM ends.</summary>
    public bool IsInterrupted => Volatile.Read(ref _attention) != 0 || Server is { IsCallerInterrupted: true };

    /// <inheritdoc/>
    [SkipLocalsInit]
    public bool SystemCall(GuestState* state)
    {
        var firstArgument = state->X10;
        var arguments = new SyscallArguments(firstArgument, state->X11, state->X12, state->X13, state->X14, state->X15);
        _counts?.Add(state->X17);
        var row = SyscallTable.Find(state->X17);
        _telemetry?.Called(Cvm, state->X17, row);
        if (_authority is not null)
            TakeAuthority(state, row?.PointerArguments ?? 0);
        var traced = _trace?.Begin(this, state->X17, in arguments);
        if (traced is not null)
            FloatStatus.Forget(state);
        long result;
        try
        {
            result = !MayMakeSystemCalls(state) ? -Errno.EPERM
                : _outer is not null && !OuterLayer.IsNative(state->X17, in arguments) ? _outer.SystemCall(this, state->X17, in arguments)
                : row is { Handler: { } handler } ? handler(this, in arguments)
                : -Errno.ENOSYS;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // A defect of the library OS must not look like a fault of the guest, nor reach other cVMs.
            Cvm.Fail(exception, $"system call {state->X17}");
            result = -Errno.EFAULT;
        }

        if (traced is not null)
            _trace!.End(this, traced, _redirected || IsOver ? null : result);
        if (_redirected)
        {
            _redirected = false;
            return false;
        }

        SetResult(state, result);
        return (Volatile.Read(ref _attention) == 0 && result is not (-Errno.ERESTARTSYS or -Errno.ERESTARTNOHAND))
            || FinishInterrupted(state, result, firstArgument);
    }

    /// <inheritdoc/>
    public bool Poll(GuestState* state)
    {
        Cvm.AwaitResumption(this);
        if (IsOver)
            return false;
        if (Volatile.Read(ref _attention) != 0)
            DeliverPending(state, 0);

        return !IsOver;
    }

    /// <inheritdoc/>
    public long ReadCounter(int csr)
    {
        // time counts at 10 MHz, as on common boards; cycle and instret have no better source than nanoseconds.
        const int time = 0xC01;

        // For the vDSO (vdso.c): nanoseconds since 1970.
        const int realTime = 0xCC0;
        if (csr == realTime)
            return Cvm.Host.RealtimeNanoseconds;
        var nanoseconds = Cvm.Host.MonotonicNanoseconds;
        return csr == time ? nanoseconds / 100 : nanoseconds;
    }

    /// <summary>The state block says where to go on: the running system call writes no result.</summary>
    public void Redirect() => _redirected = true;

    /// <summary>Whether <see cref="Redirect"/> was called in the running system call.</summary>
    internal bool IsRedirected => _redirected;

    /// <summary>Ends this thread after the running system call (exit).</summary>
    public void End(int status)
    {
        ExitStatus = status;
        _ending = true;
        Interrupt();
    }

    /// <summary>
    /// Sleeps until <see cref="Unpark"/>, an interruption, or <paramref name="deadline"/> (monotonic nanoseconds;
    /// <see cref="long.MaxValue"/>: none), or until a descriptor of the host is ready that it waits for. Wake-ups may be spurious.
    /// </summary>
    public ParkResult Park(long deadline)
    {
        while (true)
        {
            if (_token.TryTake())
                return IsInterrupted ? ParkResult.Interrupted : ParkResult.Woken;
            if (IsInterrupted)
                return ParkResult.Interrupted;
            var left = -1L;
            if (deadline != long.MaxValue)
            {
                left = deadline - Cvm.Host.MonotonicNanoseconds;
                if (left <= 0)
                    return ParkResult.TimedOut;
            }

            var isReady = false;
            Volatile.Write(ref _isWaiting, true);
            if (Waits.HasHost)
                isReady = _token.Sleep(left, Waits);
            else
                _token.Sleep(left);
            Volatile.Write(ref _isWaiting, false);
            if (isReady)
                return IsInterrupted ? ParkResult.Interrupted : ParkResult.Woken;
        }
    }

    /// <summary>Ends this thread's <see cref="Park"/>, the present or else the next one.</summary>
    public void Unpark() => _token.Wake();

    /// <summary>Makes the thread leave guest code, or a wait, and look for signals and for the end of the cVM.</summary>
    public void Interrupt()
    {
        Volatile.Write(ref _attention, 1);
        lock (_life)
        {
            if (!_disposed)
                _guest.RequestExit();
        }

        Unpark();
        InterruptCalls();
    }

    /// <summary>Makes the guest pass through the dispatcher soon; waits are not disturbed.</summary>
    internal void LeaveTranslatedCode()
    {
        lock (_life)
        {
            if (!_disposed)
                _guest.RequestExit();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_life)
        {
            if (_disposed)
                return;
            _disposed = true;
            Server?.Dispose();
            _token.Dispose();
            _guest.Dispose();
        }
    }

    /// <summary>The thread is to end, and the host thread to go on with another.</summary>
    internal void ReplaceBy(CvmThread next)
    {
        Successor = next;
        Redirect();
        End(0);
    }

    /// <summary>Starts at the first instruction of a program.</summary>
    internal void Enter(LoadedProgram program)
    {
        State->X2 = program.Stack.Pointer;
        State->Pc = program.First.Entry;
        Name = Image.Start!.Name;
        if (Image.Capabilities is not null)
            SetInitialCapabilities(program.First, program.Stack);
    }

    /// <summary>Takes over the registers and the signal mask of the thread that starts this one.</summary>
    internal void CopyRegisters(CvmThread parent)
    {
        var from = parent.State;
        var to = State;
        for (var k = 1; k < 32; k++)
            GuestState.X(to, k) = GuestState.X(from, k);
        if (_authority is not null)
            CopyCapabilities(from);
        for (var k = 0; k < 32; k++)
            GuestState.F(to, k) = GuestState.F(from, k);
        to->Pc = from->Pc;
        to->RoundingMode = from->RoundingMode;
        to->FloatFlags = from->FloatFlags;
        Mask = parent.Mask;
        Name = parent.Name;
    }

    /// <summary>Runs the guest on the calling host thread until the thread ends.</summary>
    internal void Run(int hostStackBytes)
    {
        HostThread = Cvm.Host.CurrentThread;
        // What lies above this frame, and what the runtime keeps below, is not the guest's.
        const int runtimeShare = 512 * 1024;
        _guest.Run((ulong)(hostStackBytes - runtimeShare));
    }

    /// <summary>What Linux does for an ending thread: gives up robust futexes, clears the id and wakes who joins.</summary>
    internal void CleanUp()
    {
        // Guest memory is touched outside Run here.
        var entered = Runtime.FaultTrap.EnterThread();
        _authority?.Set(IsPure ? _clearChildId : CapabilityState.Read(State, CapabilityState.Ddc));
        RobustFutexes.Release(this);
        if (ClearChildId != 0 && Memory.TryWrite(ClearChildId, 0))
            Cvm.Futexes.Wake(FutexKey.Of(this, ClearChildId, isPrivate: false), 1, uint.MaxValue);
        if (entered)
            Runtime.FaultTrap.LeaveThread();
    }

    /// <summary>Whether what it executes is not to go on: the thread, its cVM, or the call that another cVM makes of it is over.</summary>
    internal bool IsOver
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _ending || Process.IsEnding || Server is { IsAborted: true };
    }

    /// <summary>
    /// After a system call that was interrupted, or during which something came up. Returns whether to go on in line.
    /// </summary>
    private bool FinishInterrupted(GuestState* state, long result, long firstArgument)
    {
        FloatStatus.Forget(state);
        if (IsOver)
            return false;
        var next = state->Pc + 4;
        var restart = result is -Errno.ERESTARTSYS or -Errno.ERESTARTNOHAND;
        if (restart && Server is { IsCallerInterrupted: true })
        {
            // The inner cVM's thread whose system call this thread serves has a signal or is to end: it would only wait again.
            SetInterrupted(state);
            restart = false;
        }

        if (restart)
        {
            // Without a handler the call is made again.
            state->X10 = firstArgument;
            if (_authority is not null)
                CapabilityState.Write(state, A0, _firstArgument);
        }
        else
        {
            state->Pc = next;
        }

        var delivered = DeliverPending(state, restart ? (int)-result : 0);
        if (IsOver || delivered || restart)
            return false;
        state->Pc = next - 4;
        return true;
    }
}
