using Cheri2IL.Runtime.Elf;

namespace Cheri2IL.Translator.Elf;

/// <content>
/// What PT_DYNAMIC leads to. Section headers are not used: stripped files need not have them, and the dynamic linker does
/// not look at them either.
/// </content>
public sealed partial class ElfImage
{
    private const int RelaSize = 24;

    /// <summary>The value of the first entry with a tag, or null.</summary>
    private long? DynamicValue(DynamicTag tag)
    {
        foreach (var (candidate, value) in Dynamic)
        {
            if (candidate == (long)tag)
                return value;
        }

        return null;
    }

    /// <summary>The bytes that two entries give address and size of; what is outside of the file is left out with a warning.</summary>
    private ReadOnlySpan<byte> DynamicTable(DynamicTag address, DynamicTag size)
    {
        if (DynamicValue(address) is not { } start || DynamicValue(size) is not { } length || length == 0)
            return default;
        var content = BytesAt(start);
        if (length < 0 || length > content.Length)
            _warnings.Add($"dynamic section: {address} (0x{start:x}, 0x{length:x} bytes) lies outside of the file's segments");
        return content[..(int)Math.Clamp(length, 0, content.Length)];
    }

    private void ReadDynamic()
    {
        if (Executable.Find(SegmentType.Dynamic) is not { } header)
            return;
        var entries = new List<(long Tag, long Value)>();
        var reader = new ElfReader(Executable.Content(header).Span);
        while (reader.Remaining >= 16)
        {
            var (tag, value) = (reader.I64(), reader.I64());
            if (tag == (long)DynamicTag.Null)
                break;
            entries.Add((tag, value));
        }

        Dynamic = entries;
        var strings = DynamicTable(DynamicTag.StringTable, DynamicTag.StringTableSize);
        var needed = new List<string>();
        foreach (var (tag, value) in entries)
        {
            if (tag == (long)DynamicTag.Needed)
                needed.Add(_names.At(strings, value));
        }

        Needed = needed;
        if (DynamicValue(DynamicTag.SharedObjectName) is { } name)
            SharedObjectName = _names.At(strings, name);
        ReadRelocations();
        ReadInitializers();
        if (DynamicValue(DynamicTag.SymbolTable) is { } symbols)
            DynamicSymbols = ParseSymbols(BytesAt(symbols), DynamicSymbolCount(), strings);
    }

    /// <summary>The dynamic section does not say how many symbols there are; its hash tables do, and relocations name some.</summary>
    private long DynamicSymbolCount()
    {
        long count = 0;
        foreach (var relocation in Relocations)
            count = Math.Max(count, relocation.Symbol + 1L);
        if (DynamicValue(DynamicTag.Hash) is { } hash)
        {
            // nbucket, nchain: one link per symbol.
            var reader = new ElfReader(BytesAt(hash));
            reader.U32();
            count = Math.Max(count, reader.U32());
        }

        return DynamicValue(DynamicTag.GnuHash) is { } gnu ? Math.Max(count, GnuHashCount(BytesAt(gnu))) : count;
    }

    private static long GnuHashCount(ReadOnlySpan<byte> table)
    {
        var reader = new ElfReader(table);
        var (buckets, first, bloom) = (reader.U32(), reader.U32(), reader.U32());
        reader.U32();
        reader.Bytes(8L * bloom);
        var last = 0u;
        for (var k = 0u; k < buckets && !reader.AtEnd; k++)
            last = Math.Max(last, reader.U32());
        if (last < first)
            return first;
        reader.Bytes(4L * (last - first));
        // Chains end with the low bit set.
        for (var index = last; !reader.AtEnd; index++)
        {
            if ((reader.U32() & 1) != 0)
                return index + 1L;
        }

        return first;
    }

    private void ReadRelocations()
    {
        var relocations = new List<ElfRelocation>();
        AddRelocations(relocations, DynamicTable(DynamicTag.Relocations, DynamicTag.RelocationsSize));
        AddRelocations(relocations, DynamicTable(DynamicTag.PltRelocations, DynamicTag.PltRelocationsSize));
        AddPackedRelatives(relocations, DynamicTable(DynamicTag.PackedRelocations, DynamicTag.PackedRelocationsSize));
        Relocations = relocations;
    }

    private static void AddRelocations(List<ElfRelocation> relocations, ReadOnlySpan<byte> table)
    {
        relocations.EnsureCapacity(relocations.Count + (table.Length / RelaSize));
        var reader = new ElfReader(table);
        while (reader.Remaining >= RelaSize)
        {
            var offset = reader.I64();
            var type = reader.U32();
            relocations.Add(new ElfRelocation(offset, (RelocationType)type, (int)Math.Min(reader.U32(), int.MaxValue), reader.I64()));
        }
    }

    /// <summary>
    /// DT_RELR (generic ABI): an even word is the address of a word to relocate; an odd one is a bitmap of the 63 words that
    /// follow what the last entry covered. The addend is the word's content.
    /// </summary>
    private void AddPackedRelatives(List<ElfRelocation> relocations, ReadOnlySpan<byte> table)
    {
        // Each entry is another word of the file, so there are no more than the file has; 8 bytes can stand for 63.
        var limit = relocations.Count + (_data.Length / 8);
        var reader = new ElfReader(table);
        var next = 0L;
        while (reader.Remaining >= 8)
        {
            var word = reader.I64();
            if ((word & 1) == 0)
            {
                Add(word);
                next = word + 8;
                continue;
            }

            for (var bit = 1; bit < 64; bit++)
            {
                if ((word >>> bit & 1) != 0)
                    Add(next + (8 * (bit - 1)));
            }

            next += 63 * 8;
            if (relocations.Count > limit)
            {
                _warnings.Add("dynamic section: there are more packed relocations than words in the file");
                return;
            }
        }

        void Add(long at) => relocations.Add(new ElfRelocation(at, RelocationType.Relative, 0, new ElfReader(BytesAt(at)).I64()));
    }

    private void ReadInitializers()
    {
        var pointers = new List<long>();
        foreach (var (address, size) in (ReadOnlySpan<(DynamicTag, DynamicTag)>)[
            (DynamicTag.PreinitArray, DynamicTag.PreinitArraySize),
            (DynamicTag.InitArray, DynamicTag.InitArraySize),
            (DynamicTag.FiniArray, DynamicTag.FiniArraySize)])
        {
            var reader = new ElfReader(DynamicTable(address, size));
            while (reader.Remaining >= 8)
                pointers.Add(reader.I64());
        }

        InitializerPointers = pointers;
    }
}
