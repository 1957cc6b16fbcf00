namespace Cheri2IL.Intravisor.LibOs.Abi;

/// <summary>struct timespec.</summary>
public struct TimeSpecification
{
    /// <summary>tv_sec.</summary>
    public long Seconds;

    /// <summary>tv_nsec.</summary>
    public long Nanoseconds;

    /// <summary>Whether Linux accepts it as a time or timeout.</summary>
    public readonly bool IsValid => Seconds >= 0 && (ulong)Nanoseconds < 1_000_000_000;

    /// <summary>The value in nanoseconds, at most <see cref="long.MaxValue"/>. For valid ones.</summary>
    public readonly long TotalNanoseconds
        => Seconds >= long.MaxValue / 1_000_000_000 ? long.MaxValue : (Seconds * 1_000_000_000) + Nanoseconds;

    /// <summary>From nanoseconds.</summary>
    public static TimeSpecification From(long nanoseconds)
        => new() { Seconds = nanoseconds / 1_000_000_000, Nanoseconds = nanoseconds % 1_000_000_000 };
}
