using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// Guest pc to translated method, for one address space: two levels, 1 MiB of guest address per second-level table,
/// one entry per 2-byte granule. Absent entries are 0. Translated code reads it inline; entries are filled lazily.
/// </summary>
/// <remarks>Entries are written and cleared atomically; any thread of the address space may fill one.</remarks>
public sealed unsafe class DispatchTable : IDisposable
{
    /// <summary>log2 of the guest bytes that a second-level table covers.</summary>
    public const int GranuleShift = 20;

    /// <summary>Bytes of a second-level table.</summary>
    public const int LeafBytes = (1 << (GranuleShift - 1)) * sizeof(long);

    private static readonly nint* EmptyLeaf = (nint*)HostMemory.MapZeroReadOnly(LeafBytes);

    private readonly Lock _growing = new();
    private readonly nint** _root;
    private readonly int _granules;
    private bool _disposed;

    /// <summary>Makes an empty table for guest addresses below <paramref name="slotSize"/> (a multiple of 1 MiB).</summary>
    public DispatchTable(ulong slotSize)
    {
        _granules = checked((int)(slotSize >> GranuleShift));
        _root = (nint**)NativeMemory.Alloc((nuint)_granules, (nuint)sizeof(nint));
        for (var i = 0; i < _granules; i++)
            _root[i] = EmptyLeaf;
    }

    /// <summary>First level: one pointer per 1 MiB of the slot; never null.</summary>
    public nint** Root => _root;

    /// <summary>Entry for <paramref name="pc"/>, or 0.</summary>
    public nint Lookup(long pc)
    {
        var granule = (ulong)pc >> GranuleShift;
        return granule < (ulong)_granules ? _root[granule][LeafIndex(pc)] : 0;
    }

    /// <summary>Sets the entry for <paramref name="pc"/>, which must lie inside the slot.</summary>
    public void Set(long pc, nint entry)
    {
        var granule = (ulong)pc >> GranuleShift;
        if (granule >= (ulong)_granules)
            throw new ArgumentOutOfRangeException(nameof(pc), pc, "beyond the slot");
        if (_root[granule] == EmptyLeaf)
        {
            lock (_growing)
            {
                if (_root[granule] == EmptyLeaf)
                    Volatile.Write(ref *(nint*)&_root[granule], (nint)HostMemory.MapZero(LeafBytes));
            }
        }

        Volatile.Write(ref _root[granule][LeafIndex(pc)], entry);
    }

    /// <summary>Clears the entries of [start, start + length).</summary>
    public void Clear(long start, long length)
    {
        for (var pc = start & ~1L; pc < start + length;)
        {
            var granule = (ulong)pc >> GranuleShift;
            if (granule >= (ulong)_granules)
                return;
            var end = Math.Min(start + length, (long)((granule + 1) << GranuleShift));
            if (_root[granule] != EmptyLeaf)
                new Span<nint>(_root[granule] + LeafIndex(pc), (int)((end - pc + 1) >> 1)).Clear();
            pc = end;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        for (var i = 0; i < _granules; i++)
        {
            if (_root[i] != EmptyLeaf)
                HostMemory.Unmap(_root[i], LeafBytes);
        }

        NativeMemory.Free(_root);
    }

    private static long LeafIndex(long pc) => (pc & ((1L << GranuleShift) - 1)) >> 1;
}
