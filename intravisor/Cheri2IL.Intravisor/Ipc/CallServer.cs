using System.Runtime.CompilerServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Waiting;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>
/// A guest thread that serves calls of other cVMs: it waits in cp_call_serve, and gives its stack, its thread pointer and its registers
/// to one call at a time. The function runs on the host thread of the caller, who borrows them, or, for callers that ask for it, on its own.
/// </summary>
/// <remarks>
/// One word says who has it: the low bits its state, the others the number of the call, so that whatever is late for a call (a time-out,
/// the end of the caller) does not meet the next one.
/// <para>What every call goes through is left to the JIT compiler (AggressiveOptimization): precompiled code takes half as long again, for calls between
/// assemblies and looks at fields behind them.</para>
/// </remarks>
internal sealed unsafe partial class CallServer : IDisposable
{
    private const int StateBits = 3;
    private const long StateMask = (1 << StateBits) - 1;

    /// <summary>Waits for a call.</summary>
    private const long Idle = 0;

    /// <summary>A caller's host thread runs the function.</summary>
    private const long Visited = 1;

    /// <summary>A caller waits for this thread to run the function.</summary>
    private const long Posted = 2;

    /// <summary>This thread has run it; the caller has not taken the value yet.</summary>
    private const long Finished = 3;

    /// <summary>The caller does not wait any more.</summary>
    private const long Abandoned = 4;

    /// <summary>The thread does not serve.</summary>
    private const long Gone = 5;

    /// <summary>Added to the word: the next call.</summary>
    private const long NextCall = StateMask + 1;

    private readonly CvmThread _thread;
    private readonly GuestState* _state;
    private readonly ParkToken _token;
    private readonly long _returnPc;
    private CpCall? _call;
    private Timer? _timer;
    private long _word = Gone;
    private CvmThread? _caller;

    /// <summary>Whether the function goes on when its caller is to end: its waits are interrupted instead.</summary>
    private bool _isCompleted;
    private long _timed;
    private long _deadline;
    private long _expired;

    /// <summary>Registers of the system call in which the thread serves; null while it does not.</summary>
    private GuestState* _own;
    private long _stackPointer;
    private long _globalPointer;
    private long _threadPointer;
    private ulong _ownStackLimit;
    private SpinBudget _serveSpins;
    private SpinBudget _postSpins;
    private IWaiter? _waiter;
    private CallArguments _arguments;
    private CallOutcome _outcome;

    public CallServer(CvmThread thread)
    {
        _thread = thread;
        _state = thread.State;
        _token = new ParkToken(thread.Cvm.Host);
        _returnPc = GuestLayout.CallReturn(thread.Space.Size);
    }

    /// <summary>Whether the call that runs is not to go on: its time is up, or the thread that lent its host thread is to end.</summary>
    public bool IsAborted
    {
        get
        {
            var word = Volatile.Read(ref _word);
            return (word & StateMask) == Visited && (Volatile.Read(ref _expired) == word >> StateBits || (!_isCompleted && _caller is { IsOver: true }));
        }
    }

    /// <summary>Whether waits of the function that runs are to be given up, because its caller is wanted elsewhere.</summary>
    public bool IsCallerInterrupted => _isCompleted && IsVisitorInterrupted;

    /// <summary>Whether it waits for a call.</summary>
    public bool IsIdle => (Volatile.Read(ref _word) & StateMask) == Idle;

    /// <summary>Whether a call's function runs.</summary>
    public bool IsRunning => (Volatile.Read(ref _word) & StateMask) is Visited or Posted or Abandoned;

    /// <summary>
    /// Serves until a signal or the end of the thread or of the publication comes; -ERESTARTSYS or -EPIPE. On the thread itself, inside
    /// its system call.
    /// </summary>
    public long Serve(CpCall call)
    {
        var state = _thread.State;
        (_call, _stackPointer, _globalPointer, _threadPointer) = (call, state->X2 & ~15L, state->X3, state->X4);
        _ownStackLimit = _thread.HostStackLimit;
        var own = *state;
        _own = &own;
        // Another number: whoever has looked at the word while the thread served another function does not get it.
        Interlocked.Exchange(ref _word, (_word & ~StateMask) + NextCall + Idle);
        call.Add(this);
        try
        {
            var (turns, left) = (0, 0);
            while (true)
            {
                var word = Volatile.Read(ref _word);
                switch (word & StateMask)
                {
                    case Posted or Abandoned:
                        if (left > 0)
                            _serveSpins.Paid(turns - left);
                        RunPosted(word);
                        turns = left = _serveSpins.Turns;
                        continue;
                    case Idle when (_thread.IsInterrupted || call.IsRevoked) && Interlocked.CompareExchange(ref _word, (word & ~StateMask) | Gone, word) == word:
                        return _thread.IsInterrupted ? -Errno.ERESTARTSYS : -Errno.EPIPE;
                }

                if (left > 0)
                {
                    Thread.SpinWait(2);
                    if (--left == 0)
                        _serveSpins.Failed();
                }
                else if (!_token.TryTake())
                {
                    _token.Sleep(-1);
                }
            }
        }
        finally
        {
            call.Remove(this);
            _thread.UseHostStack(_ownStackLimit);
            Restore(state, &own);
            _thread.RestoreAfterCalls(&own);
            _own = null;
        }
    }

    /// <summary>Takes it for a call of a function, if it is idle and serves that one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryClaim(CpCall call)
    {
        var word = Volatile.Read(ref _word);
        // A posted call is announced when its arguments are there: until then it looks like a visit.
        return (word & StateMask) == Idle && _call == call && Interlocked.CompareExchange(ref _word, (word & ~StateMask) + NextCall + Visited, word) == word;
    }

    /// <summary>Runs the function on the calling thread, after <see cref="TryClaim"/>, and gives the server back.</summary>
    /// <param name="arguments">a0 to a7.</param>
    /// <param name="caller">The guest thread that this host thread carries; null: it is one of the host's own.</param>
    /// <param name="hostStackLimit">Lowest host stack address for the function's frames.</param>
    /// <param name="nanoseconds">Time-out; negative: none.</param>
    /// <param name="isCompleted">Whether the function is to return even if the caller is to end meanwhile.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public CallOutcome Visit(in CallArguments arguments, CvmThread? caller, ulong hostStackLimit, long nanoseconds, bool isCompleted = false)
    {
        _caller = caller;
        _isCompleted = isCompleted;
        caller?.BeginVisit(this);
        if (nanoseconds >= 0)
            Arm(nanoseconds);
        var isOver = !isCompleted && caller is { IsOver: true };
        var isContinued = !isOver && caller is not null && FloatStatus.Continue(caller.State, _state);
        var outcome = isOver ? new CallOutcome(-Errno.EINTR, 0) : Run(arguments, hostStackLimit);
        if (outcome.Error != 0)
        {
            // The guest's code may not have been entered: what this host thread's status was is not for the next one.
            FloatStatus.Forget(_state);
        }
        else if (isContinued)
            FloatStatus.Continue(_state, caller!.State);
        if (_lent.Bytes != 0)
            EndLending(outcome.Error == 0);
        caller?.EndVisit();
        _caller = null;
        GiveBack();
        return outcome;
    }

    /// <summary>Lets the server's own thread run the function, after <see cref="TryClaim"/>, and waits for it.</summary>
    /// <param name="arguments">a0 to a7.</param>
    /// <param name="waiter">The calling thread.</param>
    /// <param name="deadline">Until when it waits.</param>
    public CallOutcome Post(in CallArguments arguments, IWaiter waiter, long deadline)
    {
        _waiter = waiter;
        _arguments = arguments;
        var number = _word & ~StateMask;
        Interlocked.Exchange(ref _word, number | Posted);
        _token.Wake();
        _ = _postSpins.Await(static s => Volatile.Read(ref s.Server._word) == s.Word, (Server: this, Word: number | Finished));
        while (Volatile.Read(ref _word) != (number | Finished))
        {
            var result = waiter.Park(deadline);
            if (result == ParkResult.Woken || !TryAbandon(number))
                continue;
            return new CallOutcome(result == ParkResult.TimedOut ? -Errno.ETIMEDOUT : -Errno.EINTR, 0);
        }

        var outcome = _outcome;
        EndLending(isReturned: false);
        GiveBack();
        return outcome;
    }

    /// <summary>Makes the function that runs look whether it is to go on.</summary>
    public void Interrupt()
    {
        _thread.Interrupt();
        _thread.Cvm.WakePaused();
    }

    /// <summary>The caller was interrupted: makes the function that runs look whether it is to go on, or to go on waiting.</summary>
    /// <param name="isOver">Whether the caller is to end.</param>
    public void CallerInterrupted(bool isOver)
    {
        if (_isCompleted)
            _thread.InterruptWait();
        else if (isOver)
            Interrupt();
    }

    /// <summary>Makes the serving thread look whether it is to stop.</summary>
    public void Wake() => _token.Wake();

    /// <inheritdoc/>
    public void Dispose() => _timer?.Dispose();

    private bool IsVisitorInterrupted => (Volatile.Read(ref _word) & StateMask) == Visited && _caller is { IsInterrupted: true };

    private void RunPosted(long word)
    {
        var number = word & ~StateMask;
        _outcome = Run(_arguments, _ownStackLimit);
        if (_window is not null)
            EndLending(_outcome.Error == 0);
        if (Interlocked.CompareExchange(ref _word, number | Finished, number | Posted) == (number | Posted))
        {
            _waiter!.Unpark();
            return;
        }

        // The caller takes back what it has lent within the gate: only then may the next one lend.
        _lending.Enter();
        _lending.Exit();
        GiveBack();
    }

    /// <summary>Sets up the registers, of which the caller gives the arguments alone, and runs the function.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private CallOutcome Run(in CallArguments arguments, ulong hostStackLimit)
    {
        var state = _state;
        (state->X1, state->X2, state->X3, state->X4) = (_returnPc, _stackPointer, _globalPointer, _threadPointer);
        (state->X10, state->X11, state->X12, state->X13) = (arguments.A0, arguments.A1, arguments.A2, arguments.A3);
        (state->X14, state->X15, state->X16, state->X17) = (arguments.A4, arguments.A5, arguments.A6, arguments.A7);
        if (_call!.Code.IsTagged)
            _thread.EnterFunction(_call, _own, _returnPc);
        state->Pc = _call!.Function;
        try
        {
            if (_thread.Invoke(_returnPc, hostStackLimit))
                return new CallOutcome(0, state->X10);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // A defect of this project shown by the callee's code: it ends the callee, not the caller.
            _thread.Cvm.Fail(exception, "a call");
        }

        return new CallOutcome(
            !IsAborted ? -Errno.ECONNRESET : Volatile.Read(ref _expired) == _word >> StateBits ? -Errno.ETIMEDOUT : -Errno.EINTR, 0);
    }

    /// <summary>Idle again; whoever waits for that, or wants the thread itself, looks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void GiveBack()
    {
        // A plain store, before which nobody else may take it: who interrupts the thread or revokes the function executes a barrier for all
        // processors, and then either finds it idle or is seen here.
        Volatile.Write(ref _word, (_word & ~StateMask) | Idle);
        if (_thread.IsInterrupted || _call!.IsRevoked)
            _token.Wake();
        if (_call!.Idle.HasWaiters)
            _call.Idle.Wake();
    }

    private void Arm(long nanoseconds)
    {
        _timer ??= new Timer(static s => ((CallServer)s!).OnTime(), this, Timeout.Infinite, Timeout.Infinite);
        _deadline = nanoseconds >= long.MaxValue / 2 ? long.MaxValue : _thread.Cvm.Host.MonotonicNanoseconds + nanoseconds;
        Volatile.Write(ref _timed, _word >> StateBits);
        _timer.Change(Math.Min((nanoseconds / 1_000_000) + 1, int.MaxValue), Timeout.Infinite);
    }

    /// <summary>A timer that was meant for a call before finds the deadline of this one not reached.</summary>
    private void OnTime()
    {
        var number = Volatile.Read(ref _timed);
        if (_thread.Cvm.Host.MonotonicNanoseconds < Volatile.Read(ref _deadline))
            return;
        Volatile.Write(ref _expired, number);
        Interrupt();
    }

    /// <summary>The registers of before; what other threads set to make the thread leave translated code stays.</summary>
    private static void Restore(GuestState* state, GuestState* saved)
    {
        for (var k = 1; k < 32; k++)
            GuestState.X(state, k) = GuestState.X(saved, k);
        for (var k = 0; k < 32; k++)
            GuestState.F(state, k) = GuestState.F(saved, k);
        (state->Pc, state->RoundingMode, state->FloatFlags) = (saved->Pc, saved->RoundingMode, saved->FloatFlags);
    }
}

/// <summary>Argument registers of a call, a0 to a7.</summary>
internal readonly record struct CallArguments(long A0, long A1, long A2, long A3, long A4 = 0, long A5 = 0, long A6 = 0, long A7 = 0);
