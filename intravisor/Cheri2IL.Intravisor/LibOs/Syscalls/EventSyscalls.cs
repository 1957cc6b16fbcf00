using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>epoll, eventfd, signalfd and timerfd.</summary>
internal static class EventSyscalls
{
    private const int Descriptors = FileAbi.O_CLOEXEC | FileAbi.O_NONBLOCK;
    private const int EPOLL_CTL_ADD = 1;
    private const int EPOLL_CTL_DEL = 2;
    private const int EPOLL_CTL_MOD = 3;
    private const int EFD_SEMAPHORE = 1;
    private const int TFD_TIMER_ABSTIME = 1;
    private const int TFD_TIMER_CANCEL_ON_SET = 2;

    public static long EpollCreate1(CvmThread thread, in SyscallArguments a)
        => ((int)a.A0 & ~FileAbi.O_CLOEXEC) != 0 ? -Errno.EINVAL
            : Enter(thread, new Epoll(Node(thread), FileAbi.O_RDWR) { Path = "anon_inode:[eventpoll]" }, (int)a.A0);

    public static long EpollCtl(CvmThread thread, in SyscallArguments a)
    {
        var entry = default(Epoll.EpollEvent);
        if ((int)a.A1 != EPOLL_CTL_DEL && !thread.Memory.TryRead(a.A3, out entry))
            return -Errno.EFAULT;
        var table = thread.Files.Descriptors;
        if (table[(int)a.A0] is not { } instance || table[(int)a.A2] is not { } file)
            return -Errno.EBADF;
        if (file.WaitersFor(thread) is null)
            return -Errno.EPERM;
        if (instance is not Epoll epoll || file == instance)
            return -Errno.EINVAL;
        // One at a time, so that two instances do not come to watch each other.
        lock (thread.Files.FileSystem.EpollGate)
        {
            return (int)a.A1 switch
            {
                EPOLL_CTL_ADD => epoll.Add(thread, (int)a.A2, file, (uint)entry.Events, entry.Data),
                EPOLL_CTL_DEL => epoll.Remove((int)a.A2, file),
                EPOLL_CTL_MOD => epoll.Modify(thread, (int)a.A2, file, (uint)entry.Events, entry.Data),
                _ => -Errno.EINVAL,
            };
        }
    }

    public static long EpollPwait(CvmThread thread, in SyscallArguments a)
    {
        var milliseconds = (int)a.A3;
        var deadline = milliseconds < 0 ? long.MaxValue : Deadlines.After(thread.Cvm.Host, milliseconds * 1_000_000L);
        return Wait(thread, a, deadline);
    }

    public static long EpollPwait2(CvmThread thread, in SyscallArguments a)
    {
        var deadline = long.MaxValue;
        if (a.A3 != 0)
        {
            if (!thread.Memory.TryRead(a.A3, out TimeSpecification timeout))
                return -Errno.EFAULT;
            if (!timeout.IsValid)
                return -Errno.EINVAL;
            deadline = Deadlines.After(thread.Cvm.Host.MonotonicNanoseconds, timeout);
        }

        return Wait(thread, a, deadline);
    }

    public static long Eventfd2(CvmThread thread, in SyscallArguments a)
    {
        var flags = (int)a.A1;
        if ((flags & ~(Descriptors | EFD_SEMAPHORE)) != 0)
            return -Errno.EINVAL;
        var file = new EventCounter(Node(thread), FileAbi.O_RDWR | (flags & FileAbi.O_NONBLOCK), (uint)a.A0, (flags & EFD_SEMAPHORE) != 0);
        file.Path = "anon_inode:[eventfd]";
        return Enter(thread, file, flags);
    }

    public static long Signalfd4(CvmThread thread, in SyscallArguments a)
    {
        if (a.A2 != sizeof(ulong))
            return -Errno.EINVAL;
        if (!thread.Memory.TryRead(a.A1, out ulong set))
            return -Errno.EFAULT;
        if (((int)a.A3 & ~Descriptors) != 0)
            return -Errno.EINVAL;
        set &= ~Signal.Unblockable;
        if ((int)a.A0 == -1)
        {
            var made = new SignalFile(Node(thread), FileAbi.O_RDWR | ((int)a.A3 & FileAbi.O_NONBLOCK), set) { Path = "anon_inode:[signalfd]" };
            return Enter(thread, made, (int)a.A3);
        }

        if (thread.Files.Descriptors[(int)a.A0] is not { } file)
            return -Errno.EBADF;
        if (file is not SignalFile changed)
            return -Errno.EINVAL;
        changed.Set = set;
        thread.Process.Signals.Arrivals.Wake(FileAbi.POLLIN);
        return (int)a.A0;
    }

    public static long TimerfdCreate(CvmThread thread, in SyscallArguments a)
    {
        const int realtime = 0, monotonic = 1, boottime = 7, realtimeAlarm = 8, boottimeAlarm = 9;
        if (((int)a.A1 & ~Descriptors) != 0 || (int)a.A0 is not (realtime or monotonic or boottime or realtimeAlarm or boottimeAlarm))
            return -Errno.EINVAL;
        var file = new TimerFile(Node(thread), FileAbi.O_RDWR | ((int)a.A1 & FileAbi.O_NONBLOCK), thread.Cvm.Host)
        {
            IsRealtime = (int)a.A0 is realtime or realtimeAlarm,
            Path = "anon_inode:[timerfd]",
        };
        return Enter(thread, file, (int)a.A1);
    }

    public static long TimerfdSettime(CvmThread thread, in SyscallArguments a)
    {
        if (!thread.Memory.TryRead(a.A2, out TimerSetting setting))
            return -Errno.EFAULT;
        if (((int)a.A1 & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0 || !setting.Interval.IsValid || !setting.Value.IsValid)
            return -Errno.EINVAL;
        if (thread.Files.Descriptors[(int)a.A0] is not { } file)
            return -Errno.EBADF;
        if (file is not TimerFile timer)
            return -Errno.EINVAL;
        var host = thread.Cvm.Host;
        // A time that has passed is not 0, which disarms.
        var next = setting.Value.TotalNanoseconds == 0 ? 0
            : ((int)a.A1 & TFD_TIMER_ABSTIME) != 0 ? Math.Max(1, Deadlines.At(host, setting.Value, timer.IsRealtime))
            : Deadlines.After(host.MonotonicNanoseconds, setting.Value);
        var (left, interval) = timer.Set(next, setting.Interval.TotalNanoseconds);
        return a.A3 == 0 ? 0 : Write(thread, a.A3, left, interval);
    }

    public static long TimerfdGettime(CvmThread thread, in SyscallArguments a)
    {
        if (thread.Files.Descriptors[(int)a.A0] is not { } file)
            return -Errno.EBADF;
        if (file is not TimerFile timer)
            return -Errno.EINVAL;
        var (left, interval) = timer.Get();
        return Write(thread, a.A1, left, interval);
    }

    private static long Write(CvmThread thread, long address, long left, long interval)
    {
        var setting = new TimerSetting { Interval = TimeSpecification.From(interval), Value = TimeSpecification.From(left) };
        return thread.Memory.TryWrite(address, setting) ? 0 : -Errno.EFAULT;
    }

    private static long Wait(CvmThread thread, in SyscallArguments a, long deadline)
    {
        var most = (int)a.A2;
        const int size = Epoll.EpollEvent.Size;
        if (most <= 0 || most > int.MaxValue / size)
            return -Errno.EINVAL;
        if (!thread.Memory.Permits(a.A1, (ulong)((long)most * size), isWrite: true))
            return -Errno.EFAULT;
        if (thread.Files.Descriptors[(int)a.A0] is not { } file)
            return -Errno.EBADF;
        if (file is not Epoll epoll)
            return -Errno.EINVAL;
        if (a.A4 != 0)
        {
            var error = PollSyscalls.ChangeMask(thread, a.A4, a.A5);
            if (error != 0)
                return error;
        }

        var result = Wait(thread, epoll, a.A1, most, deadline);
        if (result != -Errno.EINTR)
            thread.EndMaskForWait();
        return result;
    }

    private static long Wait(CvmThread thread, Epoll epoll, long address, int most, long deadline)
    {
        var count = epoll.Collect(thread, address, most);
        if (count != 0 || IsOver(thread, deadline))
            return count;
        thread.Waits.Enter(epoll.Waiters, FileAbi.POLLIN);
        try
        {
            for (var isInterrupted = false; ; isInterrupted = thread.Park(Math.Min(deadline, epoll.ChangesAt)) == ParkResult.Interrupted)
            {
                count = epoll.Collect(thread, address, most);
                if (count != 0 || isInterrupted || IsOver(thread, deadline))
                    return count != 0 || !isInterrupted ? count : -Errno.EINTR;
            }
        }
        finally
        {
            thread.Waits.LeaveAll();
        }
    }

    private static bool IsOver(CvmThread thread, long deadline) => deadline != long.MaxValue && thread.Cvm.Host.MonotonicNanoseconds >= deadline;

    private static AnonymousNode Node(CvmThread thread) => new(thread.Files.FileSystem, mode: 0x180);

    private static long Enter(CvmThread thread, OpenFile file, int flags)
        => thread.Files.Descriptors.AddNew(file, (flags & FileAbi.O_CLOEXEC) != 0);

    /// <summary>struct itimerspec.</summary>
    private struct TimerSetting
    {
        public TimeSpecification Interval;
        public TimeSpecification Value;
    }
}
