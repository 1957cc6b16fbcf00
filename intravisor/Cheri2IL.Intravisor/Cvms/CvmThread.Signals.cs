using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Signals;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.Cvms;

/// <content>Signals: state, delivery, faults.</content>
public sealed unsafe partial class CvmThread
{
    /// <summary>How often in a row one access may be tried again because its mapping allows it; beyond, it is a fault.</summary>
    private const int MostRetries = 1000;

    /// <summary>Most frames remembered whose registers are not exact.</summary>
    private const int MostInexactFrames = 64;

    /// <summary>Bytes left free below the last known sp when the real one is not known, largest first.</summary>
    private static ReadOnlySpan<int> FrameGaps => [64 * 1024, 16 * 1024, 4 * 1024];

    private List<long>? _inexactFrames;
    private ulong? _maskAfterHandler;
    private (long Pc, long Address, int Count) _retry;

    /// <summary>Blocked signals. Change with <see cref="SetMask"/>.</summary>
    public ulong Mask { get; private set; }

    /// <summary>Signals that rt_sigtimedwait waits for; they need no delivery.</summary>
    internal ulong AwaitedSignals { get; set; }

    /// <summary>Signals sent to this thread. <see cref="ProcessSignals.Gate"/> guards it.</summary>
    internal SignalQueue Pending { get; } = new();

    /// <summary>The alternate signal stack.</summary>
    internal SignalStack AlternateStack { get; set; } = new() { Flags = Signal.SS_DISABLE };

    /// <summary>Sets the mask of blocked signals.</summary>
    public void SetMask(ulong mask)
    {
        lock (Process.Signals.Gate)
        {
            Mask = mask & ~Signal.Unblockable;
            NoticePending();
        }
    }

    /// <summary>Blocks signals for one waiting call; a handler that interrupts it returns to the mask of before.</summary>
    public void SetMaskForWait(ulong mask)
    {
        _maskAfterHandler ??= Mask;
        SetMask(mask);
    }

    /// <summary>Back to the mask of before <see cref="SetMaskForWait"/>, when no handler is to run first.</summary>
    public void EndMaskForWait()
    {
        if (_maskAfterHandler is not { } mask || IsInterrupted)
            return;
        _maskAfterHandler = null;
        SetMask(mask);
    }

    /// <summary>Whether sp lies on the alternate stack.</summary>
    internal bool IsOnAlternateStack(long sp)
        => (AlternateStack.Flags & Signal.SS_AUTODISARM) == 0
            && (ulong)(sp - AlternateStack.Pointer) - 1 < AlternateStack.Size;

    /// <inheritdoc/>
    public bool Fault(GuestState* state, GuestFault fault)
    {
        if (!IsOver && !MayRetry(fault))
            Force(state, Describe(fault), fault);
        return !IsOver;
    }

    /// <summary>rt_sigreturn: takes registers, mask and alternate stack from the frame at sp.</summary>
    internal void ReturnFromHandler(GuestState* state)
    {
        Redirect();
        _authority?.Set(StackAuthority(state));
        if ((state->X2 & 15) != 0 || !Memory.TryRead(state->X2, out SignalFrame frame) || (_authority is not null && !HasCapabilityFrame(state->X2)))
        {
            Force(state, SignalInfo.OfFault(Signal.SIGSEGV, Signal.SI_KERNEL, 0), null);
            return;
        }

        if (_inexactFrames?.Remove(state->X2) == true)
        {
            // Going on with registers of the last spill would corrupt the guest silently.
            Cvm.ReportFault(Signal.SIGSEGV, $"cvm {Cvm.Id}: thread {Id}: the handler of a memory fault returned to the program; only handlers that leave by longjmp or exit are supported\n");
            Process.Kill(Signal.SIGSEGV);
            return;
        }

        var address = state->X2;
        frame.Restore(state);
        if (_authority is not null)
            RestoreCapabilities(state, address + SignalFrame.Bytes);
        SetMask(frame.Mask);
        // Whoever wrote the frame need not have authority over the stack that it names.
        if (_authority is null)
            _ = TrySetAlternateStack(frame.Stack, state->X2);
        else
            RearmAlternateStack(address, frame.Stack);
        // What the handler's mask held back comes before the guest goes on.
        if (IsInterrupted)
            _guest.RequestExit();
    }

    /// <summary>Sets the alternate stack; 0 or a negated errno.</summary>
    internal long TrySetAlternateStack(SignalStack stack, long sp)
    {
        if (IsOnAlternateStack(sp))
            return -Errno.EPERM;
        var mode = stack.Flags & ~Signal.SS_AUTODISARM;
        if (mode is not (0 or Signal.SS_DISABLE or Signal.SS_ONSTACK))
            return -Errno.EINVAL;
        if (mode == Signal.SS_DISABLE)
        {
            AlternateStack = new SignalStack { Flags = Signal.SS_DISABLE };
            return 0;
        }

        if (stack.Size < Signal.MINSIGSTKSZ)
            return -Errno.ENOMEM;
        AlternateStack = stack with { Flags = stack.Flags & Signal.SS_AUTODISARM };
        return 0;
    }

    /// <summary>fork: the child has the alternate stack of the thread that made it.</summary>
    internal void InheritAlternateStack(CvmThread parent)
        => (AlternateStack, _alternateStack) = (parent.AlternateStack, parent._alternateStack);

    /// <summary>execve: mask and pending signals stay.</summary>
    internal void TakeSignals(CvmThread before)
    {
        lock (Process.Signals.Gate)
        {
            Mask = before.Mask;
            while (before.Pending.TryTake(ulong.MaxValue, out var info))
                Pending.Add(info);
            NoticePending();
        }
    }

    /// <summary>Sets the attention flag when a signal is deliverable. Hold <see cref="ProcessSignals.Gate"/>.</summary>
    internal void NoticePending()
    {
        if (((Pending.Pending | Process.Signals.Pending.Pending) & ~Mask) != 0)
            Volatile.Write(ref _attention, 1);
    }

    /// <summary>Whether the thread is over, or a signal has come that will end it.</summary>
    internal bool IsToEnd
    {
        get
        {
            if (IsOver || Volatile.Read(ref _attention) == 0)
                return IsOver;
            lock (Process.Signals.Gate)
            {
                for (var left = (Pending.Pending | Process.Signals.Pending.Pending) & ~Mask; left != 0; left &= left - 1)
                {
                    var number = System.Numerics.BitOperations.TrailingZeroCount(left) + 1;
                    if (Process.Signals.Action(number).Handler == Signal.SIG_DFL && !Process.Signals.IsIgnored(number) && !Signal.StopsByDefault(number))
                        return true;
                }
            }

            return false;
        }
    }

    /// <summary>Takes and acts on every deliverable signal; whether a handler's frame was pushed.</summary>
    /// <param name="state">Registers, pc at the instruction to go on with.</param>
    /// <param name="restart">ERESTARTSYS or ERESTARTNOHAND when pc is at a call to be made again unless a handler says otherwise.</param>
    private bool DeliverPending(GuestState* state, int restart)
    {
        var delivered = false;
        while (!IsOver)
        {
            SignalInfo info;
            SignalAction action;
            lock (Process.Signals.Gate)
            {
                Volatile.Write(ref _attention, 0);
                if (!Pending.TryTake(~Mask, out info) && !Process.Signals.Pending.TryTake(~Mask, out info))
                    break;
                action = Process.Signals.Action(info.Number);
                if (Process.Signals.IsIgnored(info.Number))
                    continue;
                if (action.Handler != Signal.SIG_DFL && (action.Flags & Signal.SA_RESETHAND) != 0)
                    Process.Signals.Action(info.Number).Handler = Signal.SIG_DFL;
            }

            _trace?.Signalled(this, info);
            if (action.Handler == Signal.SIG_DFL)
            {
                if (!Signal.StopsByDefault(info.Number))
                    Process.Kill(info.Number);
                else if (info.Number == Signal.SIGSTOP || !Process.IsGroupOrphaned)
                    Process.Stop(info.Number);
                else if (info.Number == Signal.SIGTSTP && Process == Cvm.Init)
                    Cvm.Terminal?.Suspend();
                continue;
            }

            if (restart != 0 && (restart == Errno.ERESTARTNOHAND || (action.Flags & Signal.SA_RESTART) == 0))
            {
                SetInterrupted(state);
                state->Pc += 4;
            }

            restart = 0;
            Push(state, info, action, exact: true);
            delivered = true;
        }

        if (Process.IsEnding)
            Volatile.Write(ref _attention, 1);
        else if (!delivered && _maskAfterHandler is { } mask)
        {
            _maskAfterHandler = null;
            SetMask(mask);
        }

        return delivered;
    }

    /// <summary>The system call is not made again.</summary>
    private void SetInterrupted(GuestState* state)
    {
        SetResult(state, -Errno.EINTR);
        if (state->X17 == HostcallTable.Enter && TryGetEntry(out _))
            ForgetEntry();
    }

    /// <summary>Delivers a fault's signal now, or kills the cVM when the guest ignores or blocks it (force_sig_fault).</summary>
    private void Force(GuestState* state, in SignalInfo info, GuestFault? fault)
    {
        SignalAction action;
        lock (Process.Signals.Gate)
        {
            action = Process.Signals.Action(info.Number);
            if ((Mask & Signal.Bit(info.Number)) != 0 || action.Handler == Signal.SIG_IGN)
                action.Handler = Signal.SIG_DFL;
            if (action.Handler != Signal.SIG_DFL && (action.Flags & Signal.SA_RESETHAND) != 0)
                Process.Signals.Action(info.Number).Handler = Signal.SIG_DFL;
        }

        _trace?.Signalled(this, info);
        if (action.Handler == Signal.SIG_DFL)
        {
            Cvm.ReportFault(info.Number, new FaultReport(this).Write(info, fault));
            Process.Kill(info.Number);
            return;
        }

        Push(state, info, action, fault is null || fault.AreRegistersExact);
    }

    /// <summary>Pushes a frame and enters the handler (arch/riscv/kernel/signal.c, setup_rt_frame).</summary>
    private void Push(GuestState* state, in SignalInfo info, in SignalAction action, bool exact)
    {
        var sp = exact ? state->X2 : LowerStack(state->X2);
        var onAlternate = IsOnAlternateStack(sp);
        if ((action.Flags & Signal.SA_ONSTACK) != 0 && !onAlternate && (AlternateStack.Flags & Signal.SS_DISABLE) == 0)
        {
            sp = AlternateStack.Pointer + (long)AlternateStack.Size;
            onAlternate = true;
        }

        var bytes = SignalFrame.Bytes + (_authority is null ? 0 : CapabilityFrameBytes);
        var address = (sp - bytes) & ~15L;
        var stackAuthority = onAlternate && !IsOnAlternateStack(state->X2) ? _alternateStack : StackAuthority(state);
        _authority?.Set(stackAuthority);
        var frame = default(SignalFrame);
        frame.Info = info;
        frame.Stack = AlternateStack;
        if (IsOnAlternateStack(state->X2))
            frame.Stack.Flags |= Signal.SS_ONSTACK;
        frame.Mask = _maskAfterHandler ?? Mask;
        _maskAfterHandler = null;
        frame.Save(state);
        var fits = !onAlternate || address >= AlternateStack.Pointer;
        if (!fits || !Memory.TryWrite(address, frame) || (_authority is not null && !SaveCapabilities(state, address + SignalFrame.Bytes)))
        {
            // force_sigsegv: a SIGSEGV whose own frame does not fit kills.
            if (info.Number == Signal.SIGSEGV)
            {
                lock (Process.Signals.Gate)
                    Process.Signals.Action(Signal.SIGSEGV).Handler = Signal.SIG_DFL;
            }

            Force(state, SignalInfo.OfFault(Signal.SIGSEGV, Signal.SI_KERNEL, 0), null);
            return;
        }

        if ((AlternateStack.Flags & Signal.SS_AUTODISARM) != 0)
            DisarmAlternateStack(address);
        _inexactFrames?.RemoveAll(a => a < address + SignalFrame.Bytes && address < a + SignalFrame.Bytes);
        if (!exact)
        {
            _inexactFrames ??= [];
            if (_inexactFrames.Count == MostInexactFrames)
                _inexactFrames.RemoveAt(0);
            _inexactFrames.Add(address);
        }

        state->X1 = GuestLayout.SignalReturn;
        state->X2 = address;
        state->X10 = info.Number;
        state->X11 = address;
        state->X12 = address + SignalFrame.UserContext;
        state->Pc = action.Handler & ~1L;
        if (_authority is not null)
            EnterHandler(state, info.Number, stackAuthority);
        SetMask(Mask | action.Mask | ((action.Flags & Signal.SA_NODEFER) != 0 ? 0 : Signal.Bit(info.Number)));
    }

    /// <summary>
    /// A stack pointer below what the interrupted function may use, for a trap at which only its caller's sp is known: as
    /// far down as the stack's mapping allows.
    /// </summary>
    private long LowerStack(long sp)
    {
        if (Space.TryFind(sp - 1, out var stack))
        {
            var bottom = IsOnAlternateStack(sp) ? Math.Max((long)stack.Start, AlternateStack.Pointer) : (long)stack.Start;
            foreach (var gap in FrameGaps)
            {
                if (sp - gap - SignalFrame.Bytes >= bottom)
                    return sp - gap;
            }
        }

        return sp;
    }

    /// <summary>
    /// Whether the access is allowed by now: another thread changed the mapping after the hardware trapped, and the
    /// instruction is to run again, as it would after the kernel looked at the mapping.
    /// </summary>
    private bool MayRetry(GuestFault fault)
    {
        if (!fault.AreRegistersExact || fault.Kind is not (GuestFaultKind.LoadAccess or GuestFaultKind.StoreAccess or GuestFaultKind.InstructionAccess)
            || !Space.TryFind(fault.Address, out var mapping) || mapping.Source is not null || !Allows(mapping, fault.Kind))
            return false;
        _retry = _retry.Pc == fault.Pc && _retry.Address == fault.Address
            ? (fault.Pc, fault.Address, _retry.Count + 1)
            : (fault.Pc, fault.Address, 1);
        return _retry.Count <= MostRetries;
    }

    private static bool Allows(Mapping mapping, GuestFaultKind kind) => kind switch
    {
        GuestFaultKind.LoadAccess => mapping.Protection != 0,
        GuestFaultKind.StoreAccess => (mapping.Protection & MemoryFlags.PROT_WRITE) != 0,
        _ => (mapping.Protection & MemoryFlags.PROT_EXEC) != 0,
    };

    private SignalInfo Describe(GuestFault fault)
    {
        switch (fault.Kind)
        {
            case GuestFaultKind.IllegalInstruction:
                return SignalInfo.OfFault(Signal.SIGILL, Signal.ILL_ILLOPC, fault.Pc);
            case GuestFaultKind.Breakpoint:
                return SignalInfo.OfFault(Signal.SIGTRAP, Signal.TRAP_BRKPT, fault.Pc);
            case GuestFaultKind.Capability:
                return SignalInfo.OfFault(Signal.SIGSEGV, CodeOf(fault.CapabilityCause), fault.Address);
            case GuestFaultKind.MisalignedAtomic or GuestFaultKind.MisalignedLoad or GuestFaultKind.MisalignedStore:
                // Linux gives the pc here, not the data's address (arch/riscv/kernel/traps_misaligned.c).
                return SignalInfo.OfFault(Signal.SIGBUS, Signal.BUS_ADRALN, fault.Pc);
            default:
                if (!Space.TryFind(fault.Address, out var mapping))
                    return SignalInfo.OfFault(Signal.SIGSEGV, Signal.SEGV_MAPERR, fault.Address);
                return mapping.Source is not null && Allows(mapping, fault.Kind)
                    ? SignalInfo.OfFault(Signal.SIGBUS, Signal.BUS_ADRERR, fault.Address)
                    : SignalInfo.OfFault(Signal.SIGSEGV, Signal.SEGV_ACCERR, fault.Address);
        }
    }
}
