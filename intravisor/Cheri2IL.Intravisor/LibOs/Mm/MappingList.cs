using System.Diagnostics.CodeAnalysis;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>
/// The mappings of an address space: sorted, disjoint, and maximal (neighbours that are alike are one mapping). Pure data; the
/// host's page tables are <see cref="AddressSpace"/>'s business.
/// </summary>
/// <remarks>Not thread-safe.</remarks>
public sealed class MappingList
{
    private readonly List<Mapping> _mappings = [];

    /// <summary>Number of mappings.</summary>
    public int Count => _mappings.Count;

    /// <summary>The mapping at <paramref name="index"/>, in ascending order of address.</summary>
    public Mapping this[int index] => _mappings[index];

    /// <summary>Index of the first mapping that ends after <paramref name="address"/>; <see cref="Count"/> when there is none.</summary>
    public int FirstEndingAfter(ulong address)
    {
        var (low, high) = (0, _mappings.Count);
        while (low < high)
        {
            var middle = (low + high) >> 1;
            if (_mappings[middle].End <= address)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }

    /// <summary>Finds the mapping that contains <paramref name="address"/>.</summary>
    public bool TryFind(ulong address, [NotNullWhen(true)] out Mapping? mapping)
    {
        var index = FirstEndingAfter(address);
        mapping = index < _mappings.Count && _mappings[index].Start <= address ? _mappings[index] : null;
        return mapping is not null;
    }

    /// <summary>Whether nothing is mapped in [start, end).</summary>
    public bool IsFree(ulong start, ulong end)
    {
        var index = FirstEndingAfter(start);
        return index == _mappings.Count || _mappings[index].Start >= end;
    }

    /// <summary>Whether every page of [start, end) is mapped.</summary>
    public bool IsCovered(ulong start, ulong end)
    {
        for (var index = FirstEndingAfter(start); start < end; index++)
        {
            if (index == _mappings.Count || _mappings[index].Start > start)
                return false;
            start = _mappings[index].End;
        }

        return true;
    }

    /// <summary>The mapped parts of [start, end), clipped to it, ascending.</summary>
    public List<Mapping> Overlapping(ulong start, ulong end)
    {
        var parts = new List<Mapping>();
        for (var index = FirstEndingAfter(start); index < _mappings.Count && _mappings[index].Start < end; index++)
            parts.Add(_mappings[index].Clip(start, end));
        return parts;
    }

    /// <summary>Removes whatever is mapped in [start, end), splitting mappings that reach over its ends.</summary>
    public void Remove(ulong start, ulong end)
    {
        var first = FirstEndingAfter(start);
        var after = first;
        var (left, right) = (default(Mapping), default(Mapping));
        for (; after < _mappings.Count && _mappings[after].Start < end; after++)
        {
            var mapping = _mappings[after];
            if (mapping.Start < start)
                left = mapping.Clip(mapping.Start, start);
            if (mapping.End > end)
                right = mapping.Clip(end, mapping.End);
        }

        _mappings.RemoveRange(first, after - first);
        if (right is { } upper)
            _mappings.Insert(first, upper);
        if (left is { } lower)
            _mappings.Insert(first, lower);
    }

    /// <summary>Adds a mapping in place of whatever was mapped there, and joins it with neighbours that it continues.</summary>
    public void Set(Mapping mapping)
    {
        Remove(mapping.Start, mapping.End);
        var index = FirstEndingAfter(mapping.Start);
        if (index > 0 && _mappings[index - 1].Continues(mapping))
        {
            mapping = _mappings[index - 1] with { End = mapping.End };
            _mappings.RemoveAt(--index);
        }

        if (index < _mappings.Count && mapping.Continues(_mappings[index]))
        {
            mapping = mapping with { End = _mappings[index].End };
            _mappings.RemoveAt(index);
        }

        _mappings.Insert(index, mapping);
    }

    /// <summary>Highest free range of <paramref name="length"/> bytes inside [low, high); false when there is none.</summary>
    public bool TryFindGapBelow(ulong low, ulong high, ulong length, out ulong start)
    {
        start = 0;
        var end = high;
        for (var index = FirstEndingAfter(high) is var at && at < _mappings.Count && _mappings[at].Start < high ? at : at - 1; ; index--)
        {
            var floor = index < 0 ? low : Math.Max(low, _mappings[index].End);
            if (end > floor && end - floor >= length)
            {
                start = end - length;
                return true;
            }

            if (index < 0 || _mappings[index].Start <= low)
                return false;
            end = Math.Min(end, _mappings[index].Start);
        }
    }
}
