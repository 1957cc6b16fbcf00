using System.Text;
using Cheri2IL.Runtime.Elf;

namespace Cheri2IL.Translator.Elf;

/// <summary>A section header.</summary>
/// <param name="Name">Name.</param>
/// <param name="Type">sh_type.</param>
/// <param name="Address">sh_addr, before the load bias.</param>
/// <param name="Offset">sh_offset.</param>
/// <param name="Size">sh_size.</param>
/// <param name="Link">sh_link.</param>
public readonly record struct ElfSection(string Name, uint Type, long Address, long Offset, long Size, int Link);

/// <summary>
/// What translating needs of an ELF file beyond loading it: symbols, dynamic relocations, function extents, attributes.
/// Everything here is optional in the file: a malformed part is left out and named in <see cref="Warnings"/>.
/// </summary>
public sealed class ElfImage
{
    private const int SymbolSize = 24;
    private const int RelaSize = 24;
    private const int SectionHeaderSize = 64;

    private readonly byte[] _data;
    private readonly List<string> _warnings = [];

    private ElfImage(byte[] data, ElfExecutable executable)
    {
        _data = data;
        Executable = executable;
    }

    /// <summary>Header and segments.</summary>
    public ElfExecutable Executable { get; }

    /// <summary>The file.</summary>
    public byte[] Data => _data;

    /// <summary>Parts that were left out because they are malformed.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>Sections; empty if there are none.</summary>
    public IReadOnlyList<ElfSection> Sections { get; private set; } = [];

    /// <summary>PT_DYNAMIC entries (tag, value) up to DT_NULL.</summary>
    public IReadOnlyList<(long Tag, long Value)> Dynamic { get; private set; } = [];

    /// <summary>Names of the shared objects that are needed (DT_NEEDED).</summary>
    public IReadOnlyList<string> Needed { get; private set; } = [];

    /// <summary>.symtab.</summary>
    public IReadOnlyList<ElfSymbol> Symbols { get; private set; } = [];

    /// <summary>Dynamic symbols.</summary>
    public IReadOnlyList<ElfSymbol> DynamicSymbols { get; private set; } = [];

    /// <summary>Dynamic relocations: DT_RELA, DT_JMPREL and DT_RELR (the latter as RELATIVE with the word's content as addend).</summary>
    public IReadOnlyList<ElfRelocation> Relocations { get; private set; } = [];

    /// <summary>Function extents of the unwind tables, ascending.</summary>
    public IReadOnlyList<(long Start, long Length)> UnwindRanges { get; private set; } = [];

    /// <summary>Tag_RISCV_arch of .riscv.attributes, or null.</summary>
    public string? Architecture { get; private set; }

    /// <summary>GNU build id in hexadecimal, or null.</summary>
    public string? BuildId { get; private set; }

    /// <summary>Line information, or null.</summary>
    public DwarfLineTable? Lines { get; private set; }

    /// <summary>Parses a file.</summary>
    /// <exception cref="ElfFormatException">It cannot be loaded.</exception>
    public static ElfImage Parse(byte[] data, string file)
    {
        var image = new ElfImage(data, ElfExecutable.Parse(data, file));
        image.ReadSections();
        image.ReadDynamic();
        image.Symbols = image.ReadSymbolSection();
        image.ReadUnwind();
        image.Architecture = image.ReadAttributes();
        image.BuildId = image.ReadBuildId();
        image.Lines = image.ReadLines();
        return image;
    }

    /// <summary>Bytes at an address before the load bias, up to the end of the segment's content; empty if there are none.</summary>
    public ReadOnlySpan<byte> BytesAt(long address)
    {
        foreach (var segment in Executable.Segments)
        {
            if (address >= segment.VirtualAddress && address < segment.VirtualAddress + segment.FileSize)
                return Executable.Content(segment).Span[(int)(address - segment.VirtualAddress)..];
        }

        return default;
    }

    /// <summary>The section called <paramref name="name"/>, or null.</summary>
    public ElfSection? FindSection(string name)
    {
        foreach (var section in Sections)
        {
            if (section.Name == name)
                return section;
        }

        return null;
    }

    /// <summary>Content of a section; empty if it lies outside the file.</summary>
    public ReadOnlySpan<byte> Content(ElfSection section)
    {
        const uint NoBits = 8;
        return section.Type == NoBits || section.Offset < 0 || section.Size < 0 || section.Offset > _data.Length - section.Size
            ? default
            : _data.AsSpan((int)section.Offset, (int)section.Size);
    }

    /// <summary>The image at its guest addresses, as the translator wants it.</summary>
    public GuestImage ToGuestImage(long loadBias)
    {
        var segments = Executable.Segments.Select(s => new GuestSegment(
            s.VirtualAddress + loadBias, s.MemorySize, Executable.Content(s), (s.Flags & SegmentFlags.Execute) != 0, (s.Flags & SegmentFlags.Write) != 0));
        var functions = Symbols.Concat(DynamicSymbols).Where(s => s.IsDefinedFunction).ToArray();
        var ranges = functions.Where(s => s.Size > 0).Select(s => new GuestRange(s.Value + loadBias, s.Value + s.Size + loadBias, s.Name.Length > 0 ? s.Name : null))
            .Concat(UnwindRanges.Select(r => new GuestRange(r.Start + loadBias, r.Start + r.Length + loadBias, null)));
        return new GuestImage(_data, loadBias, segments, ranges, Seeds(functions).Select(a => a + loadBias));
    }

    private IEnumerable<long> Seeds(ElfSymbol[] functions)
    {
        if (Executable.Entry != 0)
            yield return Executable.Entry;
        foreach (var symbol in functions)
            yield return symbol.Value;
        foreach (var relocation in Relocations)
        {
            if (relocation.Type is RelocationType.Relative or RelocationType.IndirectRelative)
                yield return relocation.Addend;
        }

        const long Init = 12;
        const long Fini = 13;
        foreach (var (tag, value) in Dynamic)
        {
            if (tag is Init or Fini)
                yield return value;
        }

        foreach (var name in (string[])[".init_array", ".fini_array", ".preinit_array", ".data.rel.ro", ".got"])
        {
            foreach (var pointer in PointersIn(name))
                yield return pointer;
        }
    }

    /// <summary>Words of a section that a fixed-address image holds ready; candidates only.</summary>
    private List<long> PointersIn(string name)
    {
        var pointers = new List<long>();
        if (Executable.IsPositionIndependent || FindSection(name) is not { } section)
            return pointers;
        var reader = new ElfReader(Content(section));
        while (reader.Remaining >= 8)
            pointers.Add(reader.I64());
        return pointers;
    }

    private void ReadSections()
    {
        var count = Executable.SectionCount;
        var start = Executable.SectionHeaderOffset;
        if (count == 0 || start <= 0)
            return;
        if (start > _data.Length - ((long)count * SectionHeaderSize))
        {
            _warnings.Add("the section header table lies beyond the end of the file");
            return;
        }

        var raw = new (uint Name, ElfSection Section)[count];
        for (var k = 0; k < count; k++)
        {
            var reader = new ElfReader(_data.AsSpan((int)start + (k * SectionHeaderSize), SectionHeaderSize));
            var name = reader.U32();
            var type = reader.U32();
            reader.I64();
            var (address, offset, size) = (reader.I64(), reader.I64(), reader.I64());
            raw[k] = (name, new ElfSection("", type, address, offset, size, (int)reader.U32()));
        }

        var index = Executable.SectionNameIndex;
        var names = index < count ? Content(raw[index].Section) : default;
        var sections = new ElfSection[count];
        for (var k = 0; k < count; k++)
            sections[k] = raw[k].Section with { Name = StringAt(names, raw[k].Name) };
        Sections = sections;
    }

    private static string StringAt(ReadOnlySpan<byte> table, long offset)
    {
        if (offset < 0 || offset >= table.Length)
            return "";
        var text = table[(int)offset..];
        var end = text.IndexOf((byte)0);
        // A name longer than this is not one.
        return end is < 0 or > 4096 ? "" : Encoding.UTF8.GetString(text[..end]);
    }

    private long DynamicValue(long tag)
    {
        foreach (var (t, value) in Dynamic)
        {
            if (t == tag)
                return value;
        }

        return 0;
    }

    private void ReadDynamic()
    {
        if (Executable.Find(SegmentType.Dynamic) is not { } header)
            return;
        var entries = new List<(long, long)>();
        var reader = new ElfReader(Executable.Content(header).Span);
        while (reader.Remaining >= 16)
        {
            var (tag, value) = (reader.I64(), reader.I64());
            if (tag == 0)
                break;
            entries.Add((tag, value));
        }

        Dynamic = entries;
        const long StringTable = 5;
        const long SymbolTable = 6;
        var strings = BytesAt(DynamicValue(StringTable));
        var needed = new List<string>();
        foreach (var (tag, value) in entries)
        {
            if (tag == 1)
                needed.Add(StringAt(strings, value));
        }

        Needed = needed;
        ReadRelocations();
        if (DynamicValue(SymbolTable) is var symbols and not 0)
            DynamicSymbols = ParseSymbols(BytesAt(symbols), DynamicSymbolCount(), strings);
    }

    /// <summary>The dynamic table does not say how many symbols there are; its hash tables do, and relocations name some.</summary>
    private long DynamicSymbolCount()
    {
        const long Hash = 4;
        const long GnuHash = 0x6ffffef5;
        long count = 0;
        foreach (var relocation in Relocations)
            count = Math.Max(count, relocation.Symbol + 1L);
        if (DynamicValue(Hash) is var hash and not 0)
        {
            var reader = new ElfReader(BytesAt(hash));
            reader.U32();
            return Math.Max(count, reader.U32());
        }

        return DynamicValue(GnuHash) is var gnu and not 0 ? Math.Max(count, GnuHashCount(BytesAt(gnu))) : count;
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

    private static List<ElfSymbol> ParseSymbols(ReadOnlySpan<byte> table, long count, ReadOnlySpan<byte> strings)
    {
        count = Math.Min(count, table.Length / SymbolSize);
        var symbols = new List<ElfSymbol>((int)count);
        var reader = new ElfReader(table);
        for (long k = 0; k < count; k++)
        {
            var name = reader.U32();
            var info = reader.U8();
            reader.U8();
            int section = reader.U16();
            var (value, size) = (reader.I64(), reader.I64());
            symbols.Add(new ElfSymbol(StringAt(strings, name), value, Math.Max(0, size), (SymbolType)(info & 15), section));
        }

        return symbols;
    }

    private List<ElfSymbol> ReadSymbolSection()
    {
        if (FindSection(".symtab") is not { } table)
            return [];
        if (table.Link <= 0 || table.Link >= Sections.Count)
        {
            _warnings.Add(".symtab names no string table");
            return [];
        }

        return ParseSymbols(Content(table), table.Size / SymbolSize, Content(Sections[table.Link]));
    }

    private void ReadRelocations()
    {
        var relocations = new List<ElfRelocation>();
        // DT_RELA + DT_RELASZ, DT_JMPREL + DT_PLTRELSZ.
        foreach (var (start, size) in (ReadOnlySpan<(long, long)>)[(7, 8), (23, 2)])
        {
            var table = BytesAt(DynamicValue(start));
            var reader = new ElfReader(table[..(int)Math.Clamp(DynamicValue(size), 0, table.Length)]);
            while (reader.Remaining >= RelaSize)
            {
                var offset = reader.I64();
                var type = reader.U32();
                relocations.Add(new ElfRelocation(offset, (RelocationType)type, (int)Math.Min(reader.U32(), int.MaxValue), reader.I64()));
            }
        }

        AddPackedRelatives(relocations);
        Relocations = relocations;
    }

    /// <summary>DT_RELR: an even word is an address, an odd one a bitmap over the 63 words that follow the last address.</summary>
    private void AddPackedRelatives(List<ElfRelocation> relocations)
    {
        const long Relr = 36;
        const long RelrSize = 35;
        var table = BytesAt(DynamicValue(Relr));
        var reader = new ElfReader(DynamicValue(Relr) == 0 ? default : table[..(int)Math.Clamp(DynamicValue(RelrSize), 0, table.Length)]);
        var next = 0L;
        while (reader.Remaining >= 8)
        {
            var word = reader.I64();
            if ((word & 1) == 0)
            {
                AddRelative(word);
                next = word + 8;
                continue;
            }

            for (var bit = 1; bit < 64; bit++)
            {
                if ((word >> bit & 1) != 0)
                    AddRelative(next + (8 * (bit - 1)));
            }

            next += 63 * 8;
        }

        void AddRelative(long at)
        {
            var content = new ElfReader(BytesAt(at));
            relocations.Add(new ElfRelocation(at, RelocationType.Relative, 0, content.I64()));
        }
    }

    private void ReadUnwind()
    {
        long address;
        ReadOnlySpan<byte> content;
        if (FindSection(".eh_frame") is { } section && Content(section).Length > 0)
        {
            address = section.Address;
            content = Content(section);
        }
        else if (Executable.Find(SegmentType.GnuEhFrame) is { } header && EhFrame.LocateFromHeader(header.VirtualAddress, BytesAt(header.VirtualAddress)) is { } found)
        {
            address = found;
            content = BytesAt(found);
        }
        else
        {
            return;
        }

        UnwindRanges = EhFrame.Ranges(address, content, out var warning);
        if (warning is not null)
            _warnings.Add(warning);
    }

    /// <summary>.riscv.attributes: 'A', then sub-sections (length, vendor, tagged file attributes); tag 5 is the architecture.</summary>
    private string? ReadAttributes()
    {
        const ulong ArchitectureTag = 5;
        var content = FindSection(".riscv.attributes") is { } section
            ? Content(section)
            : Executable.Find(SegmentType.RiscVAttributes) is { } header && header.Offset >= 0 && header.FileSize >= 0 && header.Offset <= _data.Length - header.FileSize
                ? _data.AsSpan((int)header.Offset, (int)header.FileSize)
                : default;
        var reader = new ElfReader(content);
        if (reader.U8() != (byte)'A')
            return null;
        reader.U32();
        reader.CString();
        if (reader.U8() != 1)
            return null;
        reader.U32();
        while (!reader.AtEnd)
        {
            var tag = reader.ULeb();
            if (tag == ArchitectureTag)
                return Encoding.ASCII.GetString(reader.CString());
            // Even tags are numbers, odd ones strings.
            if ((tag & 1) == 0)
                reader.ULeb();
            else
                reader.CString();
        }

        return null;
    }

    private string? ReadBuildId()
    {
        const uint GnuBuildId = 3;
        foreach (var header in Executable.ProgramHeaders)
        {
            if (header.Type != SegmentType.Note || header.Offset < 0 || header.FileSize < 0 || header.Offset > _data.Length - header.FileSize)
                continue;
            var reader = new ElfReader(_data.AsSpan((int)header.Offset, (int)header.FileSize));
            while (reader.Remaining >= 12)
            {
                var (nameSize, size, type) = (reader.U32(), reader.U32(), reader.U32());
                var name = reader.Bytes((nameSize + 3L) & ~3L);
                var value = reader.Bytes((size + 3L) & ~3L);
                if (!reader.Failed && type == GnuBuildId && name.StartsWith("GNU"u8))
                    return Convert.ToHexStringLower(value[..(int)size]);
            }
        }

        return null;
    }

    private DwarfLineTable? ReadLines()
    {
        if (FindSection(".debug_line") is not { } lines)
            return null;
        ReadOnlySpan<byte> strings = FindSection(".debug_str") is { } s ? Content(s) : default;
        ReadOnlySpan<byte> lineStrings = FindSection(".debug_line_str") is { } l ? Content(l) : default;
        var table = DwarfLineTable.Parse(Content(lines), strings, lineStrings, out var warning);
        if (warning is not null)
            _warnings.Add(warning);
        return table;
    }
}
