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

    private readonly ulong _bytes;
    private byte* _base;

    /// <summary>Makes the table of a slot, all tags clear.</summary>
    /// <param name="slotSize">Bytes of the slot.</param>
    public TagTable(ulong slotSize)
    {
        _bytes = Margin + (slotSize / Granule) + Margin;
        _base = HostMemory.MapZero(_bytes) + Margin;
    }

    /// <summary>Host address of the tag of guest address 0; valid until <see cref="Dispose"/>.</summary>
    public byte* Base => _base;

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
        var source = _base + (from / Granule);
        var target = _base + (to / Granule);
        for (ulong k = 0; k < length / Granule; k++)
        {
            // Writing what is there already would commit pages that were never used.
            if (target[k] != source[k])
                target[k] = source[k];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_base == null)
            return;
        HostMemory.Unmap(_base - Margin, _bytes);
        _base = null;
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
