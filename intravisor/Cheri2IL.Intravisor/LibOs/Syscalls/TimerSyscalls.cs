using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Timers that send signals (kernel/time/itimer.c, posix-timers.c).</summary>
internal static class TimerSyscalls
{
    private const int SIGEV_SIGNAL = 0;
    private const int SIGEV_NONE = 1;
    private const int SIGEV_THREAD_ID = 4;
    private const int TIMER_ABSTIME = 1;

    public static long Getitimer(CvmThread thread, in SyscallArguments a)
    {
        if ((uint)a.A0 >= ProcessTimers.IntervalTimers)
            return -Errno.EINVAL;
        return TryWriteInterval(thread, a.A1, thread.Process.Timers.Interval((int)a.A0).Left) ? 0 : -Errno.EFAULT;
    }

    public static long Setitimer(CvmThread thread, in SyscallArguments a)
    {
        if ((uint)a.A0 >= ProcessTimers.IntervalTimers)
            return -Errno.EINVAL;
        (long Interval, long First) wanted = default;
        if (a.A1 != 0 && (!TryReadMicroseconds(thread, a.A1, out wanted.Interval, out var error) || !TryReadMicroseconds(thread, a.A1 + 16, out wanted.First, out error)))
            return error;
        var timer = thread.Process.Timers.Interval((int)a.A0);
        var now = a.A0 == 0 ? thread.Cvm.Host.MonotonicNanoseconds : thread.Process.CpuNanoseconds;
        var before = timer.Set(wanted.First == 0 ? long.MaxValue : Sum(now, wanted.First), wanted.First == 0 ? 0 : wanted.Interval);
        return a.A2 == 0 || TryWriteInterval(thread, a.A2, before) ? 0 : -Errno.EFAULT;
    }

    public static long TimerCreate(CvmThread thread, in SyscallArguments a)
    {
        var clock = (int)a.A0;
        if (!TimeSyscalls.TryRead(thread, clock, out _))
            return -Errno.EINVAL;
        var isCpu = TimeSyscalls.IsCpuClock(clock);

        // struct sigevent: value, signo, notify, tid.
        var (signal, notification, value) = (Signal.SIGALRM, SIGEV_SIGNAL, (long?)null);
        CvmThread? receiver = null;
        if (a.A1 != 0)
        {
            if (!thread.Memory.TryRead(a.A1, out long given) || !thread.Memory.TryRead(a.A1 + 8, out signal) || !thread.Memory.TryRead(a.A1 + 12, out notification)
                || !thread.Memory.TryRead(a.A1 + 16, out int id))
                return -Errno.EFAULT;
            value = given;
            if (notification is not (SIGEV_SIGNAL or SIGEV_NONE or (SIGEV_SIGNAL | SIGEV_THREAD_ID)))
                return -Errno.EINVAL;
            if (notification != SIGEV_NONE && signal is < 1 or > Signal.Last)
                return -Errno.EINVAL;
            if ((notification & SIGEV_THREAD_ID) != 0)
            {
                receiver = thread.Process.FindThread(id);
                if (receiver is null)
                    return -Errno.EINVAL;
            }
        }

        var made = thread.Process.Timers.Create(
            () => TimeSyscalls.TryRead(thread, clock, out var now) ? now : 0, isCpu ? thread.Cvm.Host.ProcessorCount : 1, notification, signal, value, receiver);
        if (made < 0 || thread.Memory.TryWrite(a.A2, (int)made))
            return Math.Min(made, 0);
        thread.Process.Timers.Delete((int)made);
        return -Errno.EFAULT;
    }

    public static long TimerSettime(CvmThread thread, in SyscallArguments a)
    {
        if (a.A2 == 0)
            return -Errno.EINVAL;
        if (!thread.Memory.TryRead(a.A2, out TimeSpecification interval) || !thread.Memory.TryRead(a.A2 + 16, out TimeSpecification first))
            return -Errno.EFAULT;
        if (!interval.IsValid || !first.IsValid)
            return -Errno.EINVAL;
        if (thread.Process.Timers.Find((int)a.A0) is not { } timer)
            return -Errno.EINVAL;
        var wanted = first.TotalNanoseconds;
        var deadline = wanted == 0 ? long.MaxValue : ((int)a.A1 & TIMER_ABSTIME) != 0 ? wanted : Sum(timer.Clock(), wanted);
        var before = timer.Timer.Set(deadline, wanted == 0 ? 0 : interval.TotalNanoseconds);
        return a.A3 == 0 || TryWriteSpecification(thread, a.A3, before) ? 0 : -Errno.EFAULT;
    }

    public static long TimerGettime(CvmThread thread, in SyscallArguments a)
        => thread.Process.Timers.Find((int)a.A0) is not { } timer ? -Errno.EINVAL
            : TryWriteSpecification(thread, a.A1, timer.Timer.Left) ? 0 : -Errno.EFAULT;

    public static long TimerGetoverrun(CvmThread thread, in SyscallArguments a)
        => thread.Process.Timers.Find((int)a.A0)?.Overrun ?? -Errno.EINVAL;

    public static long TimerDelete(CvmThread thread, in SyscallArguments a) => thread.Process.Timers.Delete((int)a.A0) ? 0 : -Errno.EINVAL;

    private static long Sum(long now, long length) => length >= long.MaxValue - now ? long.MaxValue : now + length;

    /// <summary>A struct timeval, in nanoseconds.</summary>
    private static bool TryReadMicroseconds(CvmThread thread, long address, out long nanoseconds, out int error)
    {
        nanoseconds = 0;
        error = -Errno.EFAULT;
        if (!thread.Memory.TryRead(address, out long seconds) || !thread.Memory.TryRead(address + 8, out long microseconds))
            return false;
        error = -Errno.EINVAL;
        var time = new TimeSpecification { Seconds = seconds, Nanoseconds = (ulong)microseconds < 1_000_000 ? microseconds * 1000 : -1 };
        if (!time.IsValid)
            return false;
        nanoseconds = time.TotalNanoseconds;
        return true;
    }

    private static bool TryWriteInterval(CvmThread thread, long address, (long Left, long Interval) time)
    {
        // At least a microsecond is left of what is set.
        var left = time.Left == 0 ? 0 : Math.Max(1, time.Left / 1000);
        return thread.Memory.TryWrite(address, (time.Interval / 1_000_000_000, time.Interval % 1_000_000_000 / 1000, left / 1_000_000, left % 1_000_000));
    }

    private static bool TryWriteSpecification(CvmThread thread, long address, (long Left, long Interval) time)
        => thread.Memory.TryWrite(address, (TimeSpecification.From(time.Interval), TimeSpecification.From(time.Left)));
}
