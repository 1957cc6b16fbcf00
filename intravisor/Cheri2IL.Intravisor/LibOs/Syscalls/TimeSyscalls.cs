using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Clocks, sleeping, and CPU time.</summary>
internal static class TimeSyscalls
{
    private const int CLOCK_REALTIME = 0;
    private const int CLOCK_MONOTONIC = 1;
    private const int CLOCK_PROCESS_CPUTIME_ID = 2;
    private const int CLOCK_THREAD_CPUTIME_ID = 3;
    private const int CLOCK_MONOTONIC_RAW = 4;
    private const int CLOCK_REALTIME_COARSE = 5;
    private const int CLOCK_MONOTONIC_COARSE = 6;
    private const int CLOCK_BOOTTIME = 7;
    private const int CLOCK_TAI = 11;
    private const int TIMER_ABSTIME = 1;
    private const int RUSAGE_SELF = 0;
    private const int RUSAGE_CHILDREN = -1;
    private const int RUSAGE_THREAD = 1;
    private const int RusageSize = 144;
    private const long TickNanoseconds = 10_000_000;

    public static long ClockGettime(CvmThread thread, in SyscallArguments a)
    {
        if (!TryRead(thread, (int)a.A0, out var now))
            return -Errno.EINVAL;
        return thread.Memory.TryWrite(a.A1, TimeSpecification.From(now)) ? 0 : -Errno.EFAULT;
    }

    /// <summary>The clock is the host's: nobody may set it, whatever else is right (kernel/time/posix-timers.c).</summary>
    public static long ClockSettime(CvmThread thread, in SyscallArguments a)
    {
        if ((int)a.A0 != 0)
            return -Errno.EINVAL;
        if (!thread.Memory.TryRead(a.A1, out TimeSpecification time))
            return -Errno.EFAULT;
        return time.IsValid ? -Errno.EPERM : -Errno.EINVAL;
    }

    public static long Settimeofday(CvmThread thread, in SyscallArguments a)
    {
        if (a.A0 != 0)
        {
            if (!thread.Memory.TryRead(a.A0, out long seconds) || !thread.Memory.TryRead(a.A0 + sizeof(long), out long microseconds))
                return -Errno.EFAULT;
            if (seconds < 0 || (ulong)microseconds >= 1_000_000)
                return -Errno.EINVAL;
        }

        // struct timezone.
        return a.A1 != 0 && !thread.Memory.TryRead(a.A1, out long _) ? -Errno.EFAULT : -Errno.EPERM;
    }

    public static long ClockGetres(CvmThread thread, in SyscallArguments a)
    {
        if (!TryRead(thread, (int)a.A0, out _))
            return -Errno.EINVAL;
        return a.A1 == 0 || thread.Memory.TryWrite(a.A1, TimeSpecification.From(1)) ? 0 : -Errno.EFAULT;
    }

    public static long Nanosleep(CvmThread thread, in SyscallArguments a)
    {
        if (!thread.Memory.TryRead(a.A0, out TimeSpecification time))
            return -Errno.EFAULT;
        return !time.IsValid ? -Errno.EINVAL : Sleep(thread, Deadlines.After(thread.Cvm.Host.MonotonicNanoseconds, time), a.A1);
    }

    public static long ClockNanosleep(CvmThread thread, in SyscallArguments a)
    {
        var clock = (int)a.A0;
        if (clock is not (CLOCK_REALTIME or CLOCK_MONOTONIC or CLOCK_BOOTTIME or CLOCK_TAI))
            return clock == CLOCK_THREAD_CPUTIME_ID ? -Errno.EINVAL : -Errno.EOPNOTSUPP;
        if (!thread.Memory.TryRead(a.A2, out TimeSpecification time))
            return -Errno.EFAULT;
        if (!time.IsValid)
            return -Errno.EINVAL;
        return (a.A1 & TIMER_ABSTIME) == 0
            ? Sleep(thread, Deadlines.After(thread.Cvm.Host.MonotonicNanoseconds, time), a.A3)
            : Sleep(thread, Deadlines.At(thread.Cvm.Host, time, clock is CLOCK_REALTIME or CLOCK_TAI), 0);
    }

    public static long Gettimeofday(CvmThread thread, in SyscallArguments a)
    {
        if (a.A0 != 0)
        {
            var now = thread.Cvm.Host.RealtimeNanoseconds;
            if (!thread.Memory.TryWrite(a.A0, now / 1_000_000_000) || !thread.Memory.TryWrite(a.A0 + 8, now % 1_000_000_000 / 1000))
                return -Errno.EFAULT;
        }

        // The time zone is UTC.
        return a.A1 == 0 || thread.Memory.TryWrite(a.A1, 0L) ? 0 : -Errno.EFAULT;
    }

    public static long Times(CvmThread thread, in SyscallArguments a)
    {
        // User time alone is known.
        Span<long> times = stackalloc long[] { thread.Process.CpuNanoseconds / TickNanoseconds, 0, thread.Process.ChildrenCpuNanoseconds / TickNanoseconds, 0 };
        return a.A0 == 0 || thread.Memory.TryWrite(a.A0, Words.AsBytes(times))
            ? thread.Cvm.Host.MonotonicNanoseconds / TickNanoseconds
            : -Errno.EFAULT;
    }

    public static long Getrusage(CvmThread thread, in SyscallArguments a)
    {
        var who = (int)a.A0;
        if (who is not (RUSAGE_SELF or RUSAGE_CHILDREN or RUSAGE_THREAD))
            return -Errno.EINVAL;
        var cpu = who switch
        {
            RUSAGE_SELF => thread.Process.CpuNanoseconds,
            RUSAGE_THREAD => thread.CpuNanoseconds,
            _ => thread.Process.ChildrenCpuNanoseconds,
        };
        return TryWriteUsage(thread, a.A1, cpu) ? 0 : -Errno.EFAULT;
    }

    /// <summary>Writes a struct rusage of which the user time alone is known.</summary>
    public static bool TryWriteUsage(CvmThread thread, long address, long cpu)
    {
        Span<long> usage = stackalloc long[RusageSize / sizeof(long)];
        usage.Clear();
        (usage[0], usage[1]) = (cpu / 1_000_000_000, cpu % 1_000_000_000 / 1000);
        return thread.Memory.TryWrite(address, Words.AsBytes(usage));
    }

    /// <summary>Sleeps; when a handler interrupts, tells what was left.</summary>
    private static long Sleep(CvmThread thread, long deadline, long remainder)
    {
        while (true)
        {
            switch (thread.Park(deadline))
            {
                case ParkResult.TimedOut:
                    return 0;
                case ParkResult.Interrupted:
                    var left = Math.Max(0, deadline - thread.Cvm.Host.MonotonicNanoseconds);
                    return remainder == 0 || thread.Memory.TryWrite(remainder, TimeSpecification.From(left))
                        ? -Errno.ERESTARTNOHAND
                        : -Errno.EFAULT;
                default:
                    continue;
            }
        }
    }

    /// <summary>Reads a clock; false when there is no such clock.</summary>
    public static bool TryRead(CvmThread thread, int clock, out long now)
    {
        var host = thread.Cvm.Host;
        switch (clock)
        {
            case CLOCK_REALTIME:
            case CLOCK_REALTIME_COARSE:
            case CLOCK_TAI:
                now = host.RealtimeNanoseconds;
                return true;
            case CLOCK_MONOTONIC:
            case CLOCK_MONOTONIC_RAW:
            case CLOCK_MONOTONIC_COARSE:
            case CLOCK_BOOTTIME:
                now = host.MonotonicNanoseconds;
                return true;
            case CLOCK_PROCESS_CPUTIME_ID:
                now = thread.Process.CpuNanoseconds;
                return true;
            case CLOCK_THREAD_CPUTIME_ID:
                now = host.CpuNanoseconds(thread.HostThread);
                return true;
            default:
                return TryReadCpuClock(thread, clock, out now);
        }
    }

    /// <summary>Whether a clock that exists counts processor time.</summary>
    public static bool IsCpuClock(int clock) => clock is < 0 or CLOCK_PROCESS_CPUTIME_ID or CLOCK_THREAD_CPUTIME_ID;

    /// <summary>CPU clocks of a process or thread: ~id in the upper bits (include/linux/posix-timers.h).</summary>
    private static bool TryReadCpuClock(CvmThread thread, int clock, out long now)
    {
        const int perThread = 4;
        now = 0;
        if (clock >= 0 || (clock & 3) == 3)
            return false;
        var id = ~(clock >> 3);
        if ((clock & perThread) == 0)
        {
            var process = id == 0 ? thread.Process : thread.Cvm.FindProcess(id);
            now = process?.CpuNanoseconds ?? 0;
            return process is not null;
        }

        var target = id == 0 ? thread : thread.Process.FindThread(id);
        now = target is null ? 0 : thread.Cvm.Host.CpuNanoseconds(target.HostThread);
        return target is not null;
    }
}
