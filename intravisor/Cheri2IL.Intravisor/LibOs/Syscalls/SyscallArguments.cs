namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>The six arguments of a system call, as the guest passed them in a0 to a5.</summary>
public readonly struct SyscallArguments(long a0, long a1, long a2, long a3, long a4, long a5)
{
    /// <summary>a0.</summary>
    public readonly long A0 = a0;

    /// <summary>a1.</summary>
    public readonly long A1 = a1;

    /// <summary>a2.</summary>
    public readonly long A2 = a2;

    /// <summary>a3.</summary>
    public readonly long A3 = a3;

    /// <summary>a4.</summary>
    public readonly long A4 = a4;

    /// <summary>a5.</summary>
    public readonly long A5 = a5;

    /// <summary>Argument <paramref name="index"/> (0 to 5).</summary>
    public long this[int index] => index switch
    {
        0 => A0,
        1 => A1,
        2 => A2,
        3 => A3,
        4 => A4,
        5 => A5,
        _ => throw new ArgumentOutOfRangeException(nameof(index)),
    };
}
