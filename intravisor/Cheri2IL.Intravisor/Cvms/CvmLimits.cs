using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>What a cVM may take from the host.</summary>
public sealed record CvmLimits
{
    /// <summary>Bytes of the slot; a multiple of 1 GiB.</summary>
    public ulong SlotSize { get; init; } = GuestLayout.DefaultSlotSize;

    /// <summary>Most bytes mapped with any access at a time.</summary>
    public ulong MemoryBytes { get; init; } = 8UL << 30;

    /// <summary>Most mappings; the host allows some 65,000 for the whole process.</summary>
    public int Mappings { get; init; } = 8192;

    /// <summary>Most bytes of file contents that the guest has written.</summary>
    public long FileBytes { get; init; } = 4L << 30;

    /// <summary>Most threads at a time.</summary>
    public int Threads { get; init; } = 512;

    /// <summary>Most open descriptors at a time (the hard limit of RLIMIT_NOFILE), 3 to 1,048,576. The soft limit is 1,024 or less.</summary>
    public int OpenFiles { get; init; } = 65536;

    /// <summary>Most processor time of all threads together (RLIMIT_CPU): SIGXCPU then, SIGKILL a second later. Null: no limit.</summary>
    public TimeSpan? CpuTime { get; init; }

    /// <summary>Bytes of host stack for the main thread; deeper guest recursion goes on by unwinding.</summary>
    public int MainHostStack { get; init; } = 256 << 20;

    /// <summary>Bytes of host stack for every other thread.</summary>
    public int ThreadHostStack { get; init; } = 16 << 20;
}
