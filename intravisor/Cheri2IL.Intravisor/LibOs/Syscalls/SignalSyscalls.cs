using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Signal actions, masks, waiting and sending.</summary>
internal static partial class SignalSyscalls
{
    private const int SIG_BLOCK = 0;
    private const int SIG_UNBLOCK = 1;
    private const int SIG_SETMASK = 2;
    private const int SetSize = 8;

    public static unsafe long RtSigaction(CvmThread thread, in SyscallArguments a)
    {
        var number = a.A0;
        if (a.A3 != SetSize || number is < 1 or > Signal.Last
            || (a.A1 != 0 && number is Signal.SIGKILL or Signal.SIGSTOP))
            return -Errno.EINVAL;
        var next = default(SignalAction);
        var handler = default(Capability);
        if (a.A1 != 0 && !(thread.IsPure ? TryReadAction(thread, a.A1, out next, out handler) : thread.Memory.TryRead(a.A1, out next)))
            return -Errno.EFAULT;
        if (number is Signal.SIGSEGV or Signal.SIGBUS && next.Handler is not (Signal.SIG_DFL or Signal.SIG_IGN))
            thread.Image.RequirePreciseFaults();
        SignalAction previous;
        var previousHandler = default(Capability);
        lock (thread.Process.Signals.Gate)
        {
            ref var action = ref thread.Process.Signals.Action((int)number);
            previous = action;
            if (thread.IsPure)
                previousHandler = thread.Process.Signals.Handler((int)number);
            if (a.A1 != 0)
            {
                next.Mask &= ~Signal.Unblockable;
                action = next;
                if (thread.IsPure)
                    thread.Process.Signals.Handler((int)number) = handler;
                if (thread.Process.Signals.IsIgnored((int)number))
                {
                    // POSIX: setting a signal to ignored discards the pending one.
                    thread.Process.Signals.Pending.Discard(Signal.Bit((int)number));
                    thread.Pending.Discard(Signal.Bit((int)number));
                }
            }
        }

        return a.A2 == 0 || (thread.IsPure ? TryWriteAction(thread, a.A2, previous, previousHandler) : thread.Memory.TryWrite(a.A2, previous)) ? 0 : -Errno.EFAULT;
    }

    public static long RtSigprocmask(CvmThread thread, in SyscallArguments a)
    {
        if (a.A3 != SetSize)
            return -Errno.EINVAL;
        var previous = thread.Mask;
        if (a.A1 != 0)
        {
            if (!thread.Memory.TryRead(a.A1, out ulong set))
                return -Errno.EFAULT;
            switch (a.A0)
            {
                case SIG_BLOCK:
                    thread.SetMask(previous | set);
                    break;
                case SIG_UNBLOCK:
                    thread.SetMask(previous & ~set);
                    break;
                case SIG_SETMASK:
                    thread.SetMask(set);
                    break;
                default:
                    return -Errno.EINVAL;
            }
        }

        return a.A2 == 0 || thread.Memory.TryWrite(a.A2, previous) ? 0 : -Errno.EFAULT;
    }

    public static long RtSigpending(CvmThread thread, in SyscallArguments a)
    {
        if ((ulong)a.A1 > SetSize)
            return -Errno.EINVAL;
        ulong pending;
        lock (thread.Process.Signals.Gate)
            pending = (thread.Pending.Pending | thread.Process.Signals.Pending.Pending) & thread.Mask;
        Span<byte> bytes = stackalloc byte[SetSize];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(bytes, pending);
        return thread.Memory.TryWrite(a.A0, bytes[..(int)a.A1]) ? 0 : -Errno.EFAULT;
    }

    public static long RtSigsuspend(CvmThread thread, in SyscallArguments a)
    {
        if (a.A1 != SetSize)
            return -Errno.EINVAL;
        if (!thread.Memory.TryRead(a.A0, out ulong mask))
            return -Errno.EFAULT;
        thread.SetMaskForWait(mask);
        while (thread.Park(long.MaxValue) != ParkResult.Interrupted)
        {
            // A stale wake-up.
        }

        return -Errno.ERESTARTNOHAND;
    }

    public static long RtSigtimedwait(CvmThread thread, in SyscallArguments a)
    {
        if (a.A3 != SetSize)
            return -Errno.EINVAL;
        if (!thread.Memory.TryRead(a.A0, out ulong set))
            return -Errno.EFAULT;
        var deadline = long.MaxValue;
        if (a.A2 != 0)
        {
            if (!thread.Memory.TryRead(a.A2, out TimeSpecification timeout))
                return -Errno.EFAULT;
            if (!timeout.IsValid)
                return -Errno.EINVAL;
            deadline = Deadlines.After(thread.Cvm.Host.MonotonicNanoseconds, timeout);
        }

        set &= ~Signal.Unblockable;
        while (true)
        {
            SignalInfo info;
            lock (thread.Process.Signals.Gate)
            {
                if (thread.Pending.TryTake(set, out info) || thread.Process.Signals.Pending.TryTake(set, out info))
                    thread.AwaitedSignals = 0;
                else
                    thread.AwaitedSignals = set;
            }

            if (info.Number != 0)
                return a.A1 == 0 || thread.Memory.TryWrite(a.A1, info) ? info.Number : -Errno.EFAULT;
            var parked = thread.Park(deadline);
            if (parked == ParkResult.Woken)
                continue;
            lock (thread.Process.Signals.Gate)
            {
                thread.AwaitedSignals = 0;
                if (((thread.Pending.Pending | thread.Process.Signals.Pending.Pending) & set) != 0)
                    continue;
            }

            return parked == ParkResult.TimedOut ? -Errno.EAGAIN : -Errno.EINTR;
        }
    }

    public static unsafe long RtSigreturn(CvmThread thread, in SyscallArguments a)
    {
        thread.ReturnFromHandler(thread.State);
        return 0;
    }

    public static unsafe long Sigaltstack(CvmThread thread, in SyscallArguments a)
    {
        var sp = thread.State->X2;
        var previous = thread.AlternateStack;
        if (thread.IsOnAlternateStack(sp))
            previous.Flags |= Signal.SS_ONSTACK;
        if (a.A0 != 0)
        {
            if (!TryReadStack(thread, a.A0, out var stack, out var authority))
                return -Errno.EFAULT;
            var error = thread.TrySetAlternateStack(stack, sp);
            if (error < 0)
                return error;
            if (thread.Image.Capabilities is not null)
                thread.SetAlternateStackAuthority(authority);
        }

        return a.A1 == 0 || TryWriteStack(thread, a.A1, previous) ? 0 : -Errno.EFAULT;
    }

    public static long Kill(CvmThread thread, in SyscallArguments a)
    {
        var (process, number) = ((int)a.A0, (int)a.A1);
        if (number is < 0 or > Signal.Last)
            return -Errno.EINVAL;
        var id = thread.Process.Id;

        // Every process, the own group, or the process itself: all are the one process there is.
        if (process != id && process != 0 && process != -1 && process != -id)
            return -Errno.ESRCH;
        if (number == 0)
            return 0;
        return thread.Process.Send(SignalInfo.OfSender(number, Signal.SI_USER, id, thread.Process.Attributes.UserId)) ? 0 : -Errno.EAGAIN;
    }

    public static long Tkill(CvmThread thread, in SyscallArguments a)
        => a.A0 <= 0 ? -Errno.EINVAL : SendTo(thread, (int)a.A0, SignalInfo.OfSender((int)a.A1, Signal.SI_TKILL, thread.Process.Id, thread.Process.Attributes.UserId));

    public static long Tgkill(CvmThread thread, in SyscallArguments a)
    {
        if ((int)a.A0 <= 0 || (int)a.A1 <= 0)
            return -Errno.EINVAL;
        return (int)a.A0 != thread.Process.Id
            ? -Errno.ESRCH
            : SendTo(thread, (int)a.A1, SignalInfo.OfSender((int)a.A2, Signal.SI_TKILL, thread.Process.Id, thread.Process.Attributes.UserId));
    }

    public static long RtSigqueueinfo(CvmThread thread, in SyscallArguments a)
    {
        if (!thread.Memory.TryRead(a.A2, out SignalInfo info))
            return -Errno.EFAULT;
        info.Number = (int)a.A1;
        if (info.Number is < 0 or > Signal.Last)
            return -Errno.EINVAL;
        if ((int)a.A0 != thread.Process.Id)
            return -Errno.ESRCH;
        return info.Number == 0 || thread.Process.Send(info) ? 0 : -Errno.EAGAIN;
    }

    public static long RtTgsigqueueinfo(CvmThread thread, in SyscallArguments a)
    {
        if (!thread.Memory.TryRead(a.A3, out SignalInfo info))
            return -Errno.EFAULT;
        info.Number = (int)a.A2;
        return (int)a.A0 != thread.Process.Id ? -Errno.ESRCH : SendTo(thread, (int)a.A1, info);
    }

    private static long SendTo(CvmThread thread, int id, in SignalInfo info)
    {
        if (info.Number is < 0 or > Signal.Last)
            return -Errno.EINVAL;
        if (thread.Process.FindThread(id) is not { } target)
            return -Errno.ESRCH;
        return info.Number == 0 || thread.Process.Send(target, info) ? 0 : -Errno.EAGAIN;
    }
}
