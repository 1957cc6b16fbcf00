using System.Collections.Concurrent;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>
/// The functions of others that programs of a cVM enter by CInvoke, by the numbers that the data capabilities of the sealed pairs stand for: one for each open
/// description that pairs were made of, for as long as it is open. No number is given twice.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class CallEntries
{
    private readonly ConcurrentDictionary<ulong, CpCallFile> _files = new();
    private long _last;

    /// <summary>What a number stands for; null: nothing any more.</summary>
    public CpCallFile? Find(ulong number) => _files.GetValueOrDefault(number);

    /// <summary>A number for an open file.</summary>
    public ulong Add(CpCallFile file)
    {
        var number = (ulong)Interlocked.Increment(ref _last);
        _files[number] = file;
        return number;
    }

    /// <summary>It is open no more.</summary>
    public void Remove(ulong number) => _files.TryRemove(number, out _);
}
