using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
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
        var (id, number) = ((int)a.A0, (int)a.A1);
        var self = thread.Process;
        var info = SignalInfo.OfSender(number, Signal.SI_USER, self.Id, self.Attributes.UserId);
        if (id > 0)
            return SendTo(thread, thread.Cvm.FindProcess(id), info);

        // The own group, every process but the caller, or a group.
        if (number is < 0 or > Signal.Last)
            return -Errno.EINVAL;
        if (id == int.MinValue)
            return -Errno.ESRCH;
        var group = id == 0 ? self.Group : -id;
        GuestProcess[] targets;
        lock (thread.Cvm.Tasks)
            targets = [.. thread.Cvm.Processes.Where(p => id == -1 ? p != self : p.Group == group)];
        var result = targets.Length == 0 ? -Errno.ESRCH : -Errno.EPERM;
        foreach (var target in targets)
        {
            var sent = SendTo(thread, target, info);
            if (sent == 0 || result == -Errno.EPERM)
                result = (int)sent;
        }

        return result;
    }

    public static long PidfdSendSignal(CvmThread thread, in SyscallArguments a)
    {
        if (a.A3 != 0)
            return -Errno.EINVAL;
        if (PidFile.ProcessOf(thread.Files.Descriptors[(int)a.A0]) is not { } process)
            return -Errno.EBADF;
        var info = SignalInfo.OfSender((int)a.A1, Signal.SI_USER, thread.Process.Id, thread.Process.Attributes.UserId);
        if (a.A2 != 0)
        {
            if (!thread.Memory.TryRead(a.A2, out info))
                return -Errno.EFAULT;
            if (info.Number != (int)a.A1)
                return -Errno.EINVAL;
            if (process != thread.Process && MayNotForge(info))
                return -Errno.EPERM;
        }

        return process.HasEnded ? -Errno.ESRCH : SendTo(thread, process, info);
    }

    public static long Tkill(CvmThread thread, in SyscallArguments a)
        => (int)a.A0 <= 0 ? -Errno.EINVAL : SendTo(thread, 0, (int)a.A0, SignalInfo.OfSender((int)a.A1, Signal.SI_TKILL, thread.Process.Id, thread.Process.Attributes.UserId));

    public static long Tgkill(CvmThread thread, in SyscallArguments a)
        => (int)a.A0 <= 0 || (int)a.A1 <= 0
            ? -Errno.EINVAL
            : SendTo(thread, (int)a.A0, (int)a.A1, SignalInfo.OfSender((int)a.A2, Signal.SI_TKILL, thread.Process.Id, thread.Process.Attributes.UserId));

    public static long RtSigqueueinfo(CvmThread thread, in SyscallArguments a)
    {
        if (!thread.Memory.TryRead(a.A2, out SignalInfo info))
            return -Errno.EFAULT;
        info.Number = (int)a.A1;
        return MayNotForge(info) && (int)a.A0 != thread.Process.Id ? -Errno.EPERM : SendTo(thread, thread.Cvm.FindProcess((int)a.A0), info);
    }

    public static long RtTgsigqueueinfo(CvmThread thread, in SyscallArguments a)
    {
        if ((int)a.A0 <= 0 || (int)a.A1 <= 0)
            return -Errno.EINVAL;
        if (!thread.Memory.TryRead(a.A3, out SignalInfo info))
            return -Errno.EFAULT;
        info.Number = (int)a.A2;
        return MayNotForge(info) && (int)a.A0 != thread.Process.Id ? -Errno.EPERM : SendTo(thread, (int)a.A0, (int)a.A1, info);
    }

    /// <summary>Whether a signal would look like one of the kernel, or of kill: that can be sent to oneself alone.</summary>
    private static bool MayNotForge(in SignalInfo info) => info.Code is >= 0 or Signal.SI_TKILL;

    /// <summary>To a process: ESRCH where there is none; 0 asks for that alone (kernel/signal.c, kill_pid_info).</summary>
    private static long SendTo(CvmThread thread, GuestProcess? target, in SignalInfo info)
    {
        if (target is null)
            return -Errno.ESRCH;
        if (info.Number is < 0 or > Signal.Last)
            return -Errno.EINVAL;
        if (!MaySend(thread.Process, target, info.Number))
            return -Errno.EPERM;
        return info.Number == 0 || target.Send(info) ? 0 : -Errno.EAGAIN;
    }

    /// <summary>To a thread, which belongs to that process unless it is 0.</summary>
    private static long SendTo(CvmThread thread, int process, int id, in SignalInfo info)
    {
        if (thread.Cvm.FindThread(id) is not { } target || (process != 0 && target.Process.Id != process))
            return -Errno.ESRCH;
        if (info.Number is < 0 or > Signal.Last)
            return -Errno.EINVAL;
        if (!MaySend(thread.Process, target.Process, info.Number))
            return -Errno.EPERM;
        return info.Number == 0 || target.Process.Send(target, info) ? 0 : -Errno.EAGAIN;
    }

    /// <summary>kernel/signal.c, check_kill_permission.</summary>
    private static bool MaySend(GuestProcess from, GuestProcess to, int number)
    {
        var (sender, receiver) = (from.Attributes.Users, to.Attributes.Users);
        return from == to || from.Attributes.Credentials.Has(Privilege.Kill) || sender.Effective == receiver.Real || sender.Effective == receiver.Saved
            || sender.Real == receiver.Real || sender.Real == receiver.Saved || (number == Signal.SIGCONT && from.Session == to.Session);
    }
}
