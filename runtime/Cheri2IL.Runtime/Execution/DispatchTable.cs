using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// Guest pc to translated method, for one address space. Below <see cref="InlineEnd"/> it is one array with an entry per 2-byte
/// granule, of which only the touched pages take memory: translated code reads it inline, with a single load between a call's
/// target and its method. Above, where hardly any code lies, it is a dictionary. Absent entries are 0; entries are filled lazily.
/// </summary>
/// <remarks>
/// <para>Entries are written and cleared atomically; any thread of the address space may fill one.</para>
/// <para>The same bytes are different code in integer and in capability mode (CHERI ISAv9), so each mode has a table of its own, of which the
/// state block names that of PCC's mode (<see cref="GuestState.Dispatch"/>): a look-up does not ask. Only programs that switch modes have
/// the second one.</para>
/// </remarks>
public sealed unsafe class DispatchTable : IDisposable
{
    /// <summary>
    /// End of the guest addresses in the array, 2 GiB: the program and its interpreter lie below it (<see cref="GuestLayout"/>), and
    /// a host instruction can hold it.
    /// </summary>
    public const long InlineEnd = 1L << 31;

    /// <summary>log2 of the array's bytes per byte of guest code.</summary>
    public const int EntryShift = 2;

    private const ulong ArrayBytes = (ulong)InlineEnd << EntryShift;

    private readonly nint* _entries = (nint*)HostMemory.MapZero(ArrayBytes);
    private readonly Lock _gate = new();
    private readonly ulong _slotSize;
    private ConcurrentDictionary<long, nint>? _high;
    private DispatchTable? _capabilityMode;
    private bool _disposed;

    /// <summary>Makes an empty table for guest addresses below <paramref name="slotSize"/>.</summary>
    public DispatchTable(ulong slotSize) => _slotSize = slotSize;

    /// <summary>The table of capability mode, made when it is first asked for; this one is that of integer mode.</summary>
    public DispatchTable CapabilityMode => Volatile.Read(ref _capabilityMode) ?? MakeCapabilityMode();

    /// <summary>The table that a state block names: this one or that of capability mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public DispatchTable Of(GuestState* state) => state->Dispatch == _entries ? this : CapabilityMode;

    /// <summary>The array, for guest addresses below <see cref="InlineEnd"/>.</summary>
    public nint* Entries => _entries;

    /// <summary>Entry for <paramref name="pc"/>, whose bit 0 does not count, or 0.</summary>
    public nint Lookup(long pc)
        => (ulong)pc < InlineEnd ? Volatile.Read(ref _entries[pc >> 1]) : Volatile.Read(ref _high)?.GetValueOrDefault(pc & ~1L) ?? 0;

    /// <summary>Sets the entry for <paramref name="pc"/>, which must lie inside the slot.</summary>
    public void Set(long pc, nint entry)
    {
        if ((ulong)pc >= _slotSize)
            throw new ArgumentOutOfRangeException(nameof(pc), pc, "beyond the slot");
        if (pc < InlineEnd)
            Volatile.Write(ref _entries[pc >> 1], entry);
        else
            High()[pc & ~1L] = entry;
    }

    /// <summary>Clears the entries of [start, start + length).</summary>
    /// <param name="start">First guest address, not negative.</param>
    /// <param name="length">Bytes; may exceed the slot.</param>
    public void Clear(long start, long length)
    {
        _capabilityMode?.Clear(start, length);
        var end = length > long.MaxValue - start ? long.MaxValue : start + length;
        if (Volatile.Read(ref _high) is { } high)
        {
            foreach (var pc in high.Keys)
            {
                if (pc >= start && pc < end)
                    high.TryRemove(pc, out _);
            }
        }

        // Whole pages are given back; of the others, pages without entries stay without memory.
        var from = (ulong)Math.Min(start, InlineEnd) >> 1;
        var to = ((ulong)Math.Min(end, InlineEnd) + 1) >> 1;
        const ulong PerPage = HostMemory.PageSize / sizeof(long);
        var firstWhole = Math.Min(to, (from + PerPage - 1) / PerPage * PerPage);
        var lastWhole = Math.Max(firstWhole, to / PerPage * PerPage);
        ClearSome(from, firstWhole);
        if (firstWhole < lastWhole)
            HostMemory.MapFixedZero((byte*)(_entries + firstWhole), (lastWhole - firstWhole) * sizeof(long), HostMemory.Read | HostMemory.Write);
        ClearSome(lastWhole, to);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _capabilityMode?.Dispose();
        HostMemory.Unmap(_entries, ArrayBytes);
    }

    private DispatchTable MakeCapabilityMode()
    {
        lock (_gate)
            return _capabilityMode ??= new DispatchTable(_slotSize);
    }

    /// <summary>The dictionary, made when code that needs it is first found: most programs have none.</summary>
    private ConcurrentDictionary<long, nint> High()
    {
        lock (_gate)
        {
            if (_high is null)
                Volatile.Write(ref _high, []);
            return _high;
        }
    }

    private void ClearSome(ulong from, ulong to)
    {
        for (var k = from; k < to; k++)
        {
            if (_entries[k] != 0)
                Volatile.Write(ref _entries[k], 0);
        }
    }
}
