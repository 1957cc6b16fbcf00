namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>How often each system call and hostcall was made.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class SyscallCounts
{
    private readonly long[] _counts = new long[SyscallTable.Rows[^1].Number + 1];
    private readonly long[] _hostcalls = new long[HostcallTable.Rows[^1].Number + 1 - HostcallTable.FirstNumber];
    private long _unknown;

    /// <summary>Counts a call.</summary>
    /// <param name="number">Number in a7, which may be none of Linux.</param>
    public void Add(long number)
    {
        if (SyscallTable.Find(number) is null)
            Interlocked.Increment(ref _unknown);
        else if (number >= HostcallTable.FirstNumber)
            Interlocked.Increment(ref _hostcalls[number - HostcallTable.FirstNumber]);
        else
            Interlocked.Increment(ref _counts[number]);
    }

    /// <summary>Names and counts of the calls that were made, in order of the number; those with unknown numbers last, as "unknown".</summary>
    public IEnumerable<(string Name, long Count)> NonZero()
    {
        foreach (var row in SyscallTable.Rows)
        {
            if (_counts[row.Number] is var count and > 0)
                yield return (row.Name, count);
        }

        foreach (var row in HostcallTable.Rows)
        {
            if (_hostcalls[row.Number - HostcallTable.FirstNumber] is var count and > 0)
                yield return (row.Name, count);
        }

        if (_unknown > 0)
            yield return ("unknown", _unknown);
    }
}
