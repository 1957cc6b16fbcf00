using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Runtime;

/// <summary>
/// The tags of one slot's memory: a byte, 0 or 1, for each <see cref="CapabilityState.Granule"/>. Reserved as a whole and committed by
/// the host where a tag is written; outside of what a guest can reach. Only slots whose program has capabilities have one.
/// </summary>
/// <remarks>
/// Addresses are guest addresses inside the slot; callers have checked that. The table reaches as far beyond the slot as an access may
/// whose check was of a value nearby, so that a tag that is looked at before the hardware traps at the bytes is still one of the table's.
/// </remarks>
public sealed unsafe class TagTable : IDisposable
{
    private const ulong Granule = CapabilityState.Granule;

    private const ulong Margin = GuestLayout.Guard / Granule;

    private readonly ulong _slotSize;
    private readonly ulong _bytes;
    private byte* _base;
    private byte* _copies;

    /// <summary>Makes the table of a slot, all tags clear.</summary>
    /// <param name="slotSize">Bytes of the slot.</param>
    public TagTable(ulong slotSize)
    {
        _slotSize = slotSize;
        _bytes = Margin + (slotSize / Granule) + Margin;
        _base = HostMemory.MapZero(_bytes) + Margin;
    }

    /// <summary>Host address of the tag of guest address 0; valid until <see cref="Dispose"/>.</summary>
    public byte* Base => _base;

    /// <summary>What tagged granules hold (<see cref="CapabilityState.MemoryCopies"/>); null until <see cref="Share"/>.</summary>
    public byte* Copies => _copies;

    /// <summary>The granule at a guest address.</summary>
    /// <param name="memory">Host address of the slot.</param>
    /// <param name="address">Guest address, a multiple of 16.</param>
    public TaggedGranule At(byte* memory, long address) => TaggedGranule.At(memory, _base, _copies, address);

    /// <summary>
    /// From now on several threads use the memory: there are copies. The caller has them made of what is tagged already
    /// (<see cref="MakeCopies"/>), and no guest thread runs translated code meanwhile.
    /// </summary>
    public void Share() => _copies = HostMemory.MapZero((ulong)TaggedGranule.GatesBytes + _slotSize) + TaggedGranule.GatesBytes;

    /// <summary>Makes copies of what is tagged in [<paramref name="address"/>, + <paramref name="length"/>), which can be read.</summary>
    /// <param name="memory">Host address of the slot.</param>
    /// <param name="address">First guest address, of a page.</param>
    /// <param name="length">Bytes.</param>
    public void MakeCopies(byte* memory, ulong address, ulong length)
    {
        // A page of tags at a time, and only those that were ever used.
        const ulong covered = HostMemory.PageSize * Granule;
        for (var start = address; start < address + length; start = (start + covered) & ~(covered - 1))
        {
            var end = Math.Min(address + length, (start + covered) & ~(covered - 1));
            if (!IsUsed(start, end))
                continue;
            for (var at = start; at < end; at += Granule)
            {
                if (_base[at / Granule] != 0)
                    CapabilityMemory.MakeCopy(At(memory, (long)at));
            }
        }
    }

    /// <summary>Whether any tag of a range is set; pages of the table that were never written do not become memory's.</summary>
    private bool IsUsed(ulong start, ulong end) => new ReadOnlySpan<byte>(_base + (start / Granule), (int)((end - start) / Granule)).ContainsAnyExcept((byte)0);

    /// <summary>Clears the tag of every granule that [<paramref name="address"/>, + <paramref name="length"/>) touches: what data stores do.</summary>
    public void Clear(ulong address, ulong length)
    {
        if (length == 0)
            return;
        var from = address / Granule;
        var to = ((address + length - 1) / Granule) + 1;

        // Whole pages are given back to the host instead, which makes them zero.
        var pages = (from + HostMemory.PageSize - 1) & ~(HostMemory.PageSize - 1UL);
        var pagesEnd = to & ~(HostMemory.PageSize - 1UL);
        if (pages >= pagesEnd)
        {
            Zero(from, to);
            return;
        }

        Zero(from, pages);
        HostMemory.Discard(_base + pages, pagesEnd - pages);
        Zero(pagesEnd, to);
    }

    /// <summary>Copies the tags of whole granules to a range that does not overlap.</summary>
    /// <param name="from">First granule's address.</param>
    /// <param name="to">Address of the first granule that receives them.</param>
    /// <param name="length">Bytes, a multiple of the granule.</param>
    public void Copy(ulong from, ulong to, ulong length)
    {
        for (ulong done = 0; done < length; done += Granule)
        {
            if (_base[(from + done) / Granule] != _base[(to + done) / Granule] || _copies != null)
                CapabilityMemory.CopyTag(At(null, (long)(from + done)), At(null, (long)(to + done)));
        }
    }

    /// <summary>Gives the table of another slot, all of whose tags are clear, the tags of this one.</summary>
    /// <param name="other">A table of a slot of the same size.</param>
    public void CopyTo(TagTable other)
    {
        Span<PageRun> runs = stackalloc PageRun[64];
        var from = _base - Margin;
        var to = other._base - Margin;
        for (ulong at = 0; at < _bytes;)
        {
            var count = PageMap.FindOwnPages(from + at, _bytes - at, runs, out var scanned);
            foreach (var run in runs[..count])
                Buffer.MemoryCopy(from + at + run.Start, to + at + run.Start, run.Length, run.Length);
            at += scanned;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_base == null)
            return;
        HostMemory.Unmap(_base - Margin, _bytes);
        _base = null;
        if (_copies != null)
            HostMemory.Unmap(_copies - TaggedGranule.GatesBytes, (ulong)TaggedGranule.GatesBytes + _slotSize);
        _copies = null;
    }

    private void Zero(ulong from, ulong to)
    {
        for (var k = from; k < to; k++)
        {
            if (_base[k] != 0)
                _base[k] = 0;
        }
    }
}
