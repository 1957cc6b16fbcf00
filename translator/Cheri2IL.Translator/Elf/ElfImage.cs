using Cheri2IL.Runtime.Elf;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.Elf;

/// <summary>
/// What translating needs of an ELF file beyond loading it: symbols, dynamic relocations, function extents, attributes.
/// Everything here is optional in the file: a malformed part is left out and named in <see cref="Warnings"/>.
/// </summary>
public sealed partial class ElfImage
{
    private const int SymbolSize = 24;
    private const int SectionHeaderSize = 64;

    private readonly byte[] _data;
    private readonly List<string> _warnings = [];
    private readonly ElfNames _names;

    private ElfImage(byte[] data, ElfExecutable executable)
    {
        _data = data;
        _names = new ElfNames(data.Length);
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

    /// <summary>DT_SONAME, or null.</summary>
    public string? SharedObjectName { get; private set; }

    /// <summary>Addresses in DT_PREINIT_ARRAY, DT_INIT_ARRAY and DT_FINI_ARRAY as they stand in the file: zeros where relocations fill them.</summary>
    public IReadOnlyList<long> InitializerPointers { get; private set; } = [];

    /// <summary>.symtab.</summary>
    public IReadOnlyList<ElfSymbol> Symbols { get; private set; } = [];

    /// <summary>Dynamic symbols.</summary>
    public IReadOnlyList<ElfSymbol> DynamicSymbols { get; private set; } = [];

    /// <summary>Dynamic relocations: DT_RELA, DT_JMPREL and DT_RELR (the latter as RELATIVE with the word's content as addend).</summary>
    public IReadOnlyList<ElfRelocation> Relocations { get; private set; } = [];

    /// <summary>What loading relocates in a program with capabilities.</summary>
    public IReadOnlyList<LoadRelocation> LoadRelocations { get; private set; } = [];

    /// <summary>Function extents of the unwind tables, ascending, inside executable segments.</summary>
    public IReadOnlyList<(long Start, long Length)> UnwindRanges { get; private set; } = [];

    /// <summary>Tag_RISCV_arch of .riscv.attributes, or null.</summary>
    public string? Architecture { get; private set; }

    /// <summary>GNU build id in hexadecimal, or null.</summary>
    public string? BuildId { get; private set; }

    /// <summary>Line information, or null.</summary>
    public DwarfLineTable? Lines { get; private set; }

    /// <summary>Parses a file.</summary>
    /// <exception cref="ElfFormatException">It cannot be loaded.</exception>
    /// <inheritdoc cref="ElfExecutable.Parse" path="/param"/>
    public static ElfImage Parse(byte[] data, string file, bool hasCapabilities = false)
    {
        var image = new ElfImage(data, ElfExecutable.Parse(data, file, hasCapabilities));
        image.ReadSections();
        image.ReadDynamic();
        image.LoadRelocations = LoadRelocationReader.Read(image.Executable);
        image.Symbols = image.ReadSymbolSection();
        image.ReadUnwind();
        image.Architecture = image.ReadArchitecture();
        image.BuildId = image.ReadBuildId();
        image.Lines = image.ReadLines();
        if (image._names.Exhausted)
            image._warnings.Add("names are left out: together they are many times longer than the file");
        return image;
    }

    /// <inheritdoc cref="ElfExecutable.BytesAt"/>
    public ReadOnlySpan<byte> BytesAt(long address) => Executable.BytesAt(address);

    /// <summary>Whether an address before the load bias lies in an executable segment.</summary>
    public bool IsExecutable(long address) => Executable.SegmentAt(address) is { IsExecutable: true };

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
        var segments = Executable.Segments.ToArray().Select(s => new GuestSegment(
            s.VirtualAddress + loadBias, s.MemorySize, Executable.Content(s), s.IsExecutable, (s.Flags & SegmentFlags.Write) != 0));
        // Where several names share an address, the image takes the first: what the program exports says more than what is local.
        var functions = Symbols.Concat(DynamicSymbols).Where(s => s.IsDefinedFunction).OrderBy(s => s.Binding == SymbolBinding.Local).ToArray();
        var ranges = functions.Select(s => (s.Value, s.Size, Name: s.Name.Length > 0 ? s.Name : null))
            .Concat(UnwindRanges.Select(r => (r.Start, r.Length, Name: (string?)null)))
            .Select(r => (Start: r.Item1, Length: Inside(r.Item1, r.Item2), r.Name))
            .Where(r => r.Length > 0)
            .Select(r => new GuestRange(r.Start + loadBias, r.Start + r.Length + loadBias, r.Name))
            .ToArray();
        var code = Sections.Where(s => s.IsCode && Inside(s.Address, s.Size) == s.Size).Select(s => new GuestRange(s.Address + loadBias, s.Address + s.Size + loadBias, s.Name));
        var pointers = new Dictionary<long, long>();
        foreach (var relocation in Relocations)
        {
            if (relocation.Type == RelocationType.Relative)
                pointers[relocation.Offset + loadBias] = relocation.Addend + loadBias;
        }

        long[] seeds = [.. Seeds(functions).Select(a => a + loadBias)];
        long[] candidates = [.. PointersIn(".data.rel.ro", ".got").Select(a => a + loadBias)];
        return new GuestImage(
            _data, loadBias, segments, ranges, seeds.Concat(candidates), code, Lines is { } lines ? pc => lines.Find(pc - loadBias) : null, pointers)
        {
            Candidates = candidates.Except(seeds).Except(ranges.Select(r => r.Start)).ToHashSet(),
            Isa = Executable.Capabilities switch
            {
                CapabilityAbi.None => RiscVIsa.Rv64,
                CapabilityAbi.Hybrid => RiscVIsa.CheriV9Integer,
                _ => RiscVIsa.CheriV9Capability,
            },
        };
    }

    /// <summary>How much of a claimed extent is in the executable segment that holds its start.</summary>
    private long Inside(long start, long length)
        => Executable.SegmentAt(start) is { IsExecutable: true } segment ? Math.Min(length, segment.End - start) : 0;

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

        foreach (var relocation in LoadRelocations)
        {
            if (relocation.Kind == LoadRelocationKind.Function)
                yield return relocation.Value;
        }

        if (DynamicValue(DynamicTag.Init) is { } initializer)
            yield return initializer;
        if (DynamicValue(DynamicTag.Fini) is { } finalizer)
            yield return finalizer;
        foreach (var pointer in InitializerPointers)
            yield return pointer;

        // A static program has no dynamic section.
        foreach (var pointer in PointersIn(".init_array", ".fini_array", ".preinit_array"))
            yield return pointer;
    }

    /// <summary>Words of sections that a fixed-address image holds ready, among which linkers put pointers to functions.</summary>
    private List<long> PointersIn(params ReadOnlySpan<string> names)
    {
        var words = new List<long>();
        foreach (var name in names)
        {
            if (Executable.IsPositionIndependent || FindSection(name) is not { } section)
                continue;
            var reader = new ElfReader(Content(section));
            while (reader.Remaining >= 8)
                words.Add(reader.I64());
        }

        return words;
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
            var flags = (ulong)reader.I64();
            var (address, offset, size) = (reader.I64(), reader.I64(), reader.I64());
            raw[k] = (name, new ElfSection("", type, flags, address, offset, size, (int)reader.U32()));
        }

        var index = Executable.SectionNameIndex;
        var names = index < count ? Content(raw[index].Section) : default;
        var sections = new ElfSection[count];
        for (var k = 0; k < count; k++)
            sections[k] = raw[k].Section with { Name = _names.At(names, raw[k].Name) };
        Sections = sections;
    }

    private List<ElfSymbol> ParseSymbols(ReadOnlySpan<byte> table, long count, ReadOnlySpan<byte> strings)
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
            symbols.Add(new ElfSymbol(_names.At(strings, name), value, Math.Max(0, size), (SymbolType)(info & 15), (SymbolBinding)(info >> 4), section));
        }

        return symbols;
    }

    private List<ElfSymbol> ReadSymbolSection()
    {
        if (FindSection(".symtab") is not { } table)
            return [];
        var content = Content(table);
        if (content.IsEmpty || table.Link <= 0 || table.Link >= Sections.Count)
        {
            _warnings.Add(".symtab lies beyond the end of the file or names no string table");
            return [];
        }

        return ParseSymbols(content, content.Length / SymbolSize, Content(Sections[table.Link]));
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

        UnwindRanges = [.. EhFrame.Ranges(address, content, out var warning)
            .Select(r => (r.Start, Length: Inside(r.Start, r.Length)))
            .Where(r => r.Length > 0)];
        if (warning is not null)
            _warnings.Add(warning);
    }

    private ReadOnlySpan<byte> Content(ProgramHeader header)
        => header.Offset < 0 || header.FileSize < 0 || header.Offset > _data.Length - header.FileSize
            ? default
            : _data.AsSpan((int)header.Offset, (int)header.FileSize);

    private string? ReadArchitecture()
    {
        ReadOnlySpan<byte> content;
        if (FindSection(".riscv.attributes") is { } section)
            content = Content(section);
        else if (Executable.Find(SegmentType.RiscVAttributes) is { } header)
            content = Content(header);
        else
            return null;
        if (!RiscVAttributes.TryReadArchitecture(content, out var architecture))
            _warnings.Add(".riscv.attributes is malformed");
        return architecture;
    }

    private string? ReadBuildId()
    {
        const uint GnuBuildId = 3;
        // SHA-1 has 20 bytes; --build-id=0x... may give any number.
        const uint MaxSize = 64;
        foreach (var header in Executable.ProgramHeaders)
        {
            if (header.Type != SegmentType.Note)
                continue;
            var reader = new ElfReader(Content(header));
            while (reader.Remaining > 0)
            {
                var (nameSize, size, type) = (reader.U32(), reader.U32(), reader.U32());
                var name = reader.Bytes((nameSize + 3L) & ~3L);
                var value = reader.Bytes((size + 3L) & ~3L);
                if (reader.Failed)
                    _warnings.Add($"the notes at 0x{header.Offset:x} are cut off");
                else if (type == GnuBuildId && name.SequenceEqual("GNU\0"u8) && size is > 0 and <= MaxSize)
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
        var table = DwarfLineTable.Parse(Content(lines), strings, lineStrings, _names, IsExecutable, out var warning);
        if (warning is not null)
            _warnings.Add(warning);
        return table;
    }
}
