using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Guest timeouts as deadlines of <see cref="CvmThread.Park"/>: monotonic nanoseconds, saturating at "never".</summary>
public static class Deadlines
{
    /// <summary>A timeout from <paramref name="now"/> on.</summary>
    public static long After(long now, in TimeSpecification timeout)
    {
        var length = timeout.TotalNanoseconds;
        return length >= long.MaxValue - now ? long.MaxValue : now + length;
    }

    /// <summary>A timeout in nanoseconds from now on; negative: never.</summary>
    public static long After(IHostInterface host, long nanoseconds)
        => nanoseconds < 0 ? long.MaxValue : After(host.MonotonicNanoseconds, TimeSpecification.From(nanoseconds));

    /// <summary>
    /// What a wait that a signal has ended returns: one without limit is made again if the handler says so, the others would begin anew with all of their
    /// time, and are not, as on Linux.
    /// </summary>
    public static int Interrupted(long deadline) => deadline == long.MaxValue ? -Errno.ERESTARTSYS : -Errno.ERESTARTNOHAND;

    /// <summary>A point of the real-time or the monotonic clock.</summary>
    public static long At(IHostInterface host, in TimeSpecification time, bool realtime)
    {
        if (!realtime)
            return time.TotalNanoseconds;
        var left = time.TotalNanoseconds - host.RealtimeNanoseconds;
        return left <= 0 ? 0 : After(host.MonotonicNanoseconds, TimeSpecification.From(left));
    }
}
