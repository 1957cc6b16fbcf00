namespace Cheri2IL.Runtime.Elf;

/// <summary>
/// Reads what has to be relocated in a program with capabilities before it starts: <c>__cap_relocs</c> and the dynamic relocations
/// (RISC-V ELF psABI; numbers and formats of CHERI LLVM for ISAv9).
/// </summary>
/// <remarks>
/// Such programs may relocate themselves as well, with the same result. In hybrid programs only capabilities are relocated, because
/// their integers are the business of their own start-up code, as on Linux without capabilities. What start-up code alone can do, or would
/// do a second time, is left to it in all of them: DT_RELR, which adds to what is there, and R_RISCV_IRELATIVE, which calls the program.
/// </remarks>
public sealed class LoadRelocationReader
{
    private const int CapabilitySize = 16;
    private const int CapabilityRelocationSize = 40;
    private const int RelaSize = 24;
    private const int SymbolSize = 24;
    private const int AbsoluteSection = 0xfff1;
    private const ulong FunctionFlag = 1UL << 63;
    private const ulong ReadOnlyFlag = 1UL << 62;

    /// <summary>The value of DTPREL64 is relative to this far into the block (psABI, "Thread local storage").</summary>
    private const long DynamicThreadOffset = 0x800;

    private readonly ElfExecutable _elf;
    private readonly Dictionary<DynamicTag, long> _dynamic = [];
    private readonly List<LoadRelocation> _relocations = [];

    private LoadRelocationReader(ElfExecutable elf) => _elf = elf;

    /// <summary>
    /// All relocations, in the order of the file. None for a program without capabilities, or with an interpreter, which relocates it.
    /// </summary>
    /// <exception cref="ElfFormatException">One is malformed or of a type that is not supported.</exception>
    public static IReadOnlyList<LoadRelocation> Read(ElfExecutable elf)
    {
        if (elf.Capabilities == CapabilityAbi.None || elf.Interpreter is not null)
            return [];
        var reader = new LoadRelocationReader(elf);
        reader.ReadDynamic();
        if (reader._dynamic.TryGetValue(DynamicTag.CapabilityRelocations, out var table))
            reader.ReadCapabilityRelocations(table, reader._dynamic.GetValueOrDefault(DynamicTag.CapabilityRelocationsSize));
        else if (elf.FindSection("__cap_relocs"u8) is var (address, size))
            reader.ReadCapabilityRelocations(address, size);
        reader.ReadRelocations(DynamicTag.Relocations, DynamicTag.RelocationsSize);
        reader.ReadRelocations(DynamicTag.PltRelocations, DynamicTag.PltRelocationsSize);
        return reader._relocations;
    }

    private void ReadDynamic()
    {
        if (_elf.Find(SegmentType.Dynamic) is not { } header)
            return;
        var reader = new ElfReader(_elf.Content(header).Span);
        while (reader.Remaining >= 16)
        {
            var (tag, value) = ((DynamicTag)reader.I64(), reader.I64());
            if (tag == DynamicTag.Null)
                break;
            _dynamic.TryAdd(tag, value);
        }
    }

    private ReadOnlySpan<byte> Table(string what, long address, long size, int entry)
    {
        var offset = _elf.FileOffset(address);
        var content = _elf.BytesAt(address);
        if (size < 0 || size > content.Length)
            throw _elf.Error(offset, $"{what} (address 0x{address:x}, 0x{size:x} bytes) lies outside of the file's segments");
        return size % entry == 0
            ? content[..(int)size]
            : throw _elf.Error(offset, $"{what} has 0x{size:x} bytes, which is no multiple of {entry}");
    }

    /// <summary>Entries of location, base, offset, length, flags.</summary>
    private void ReadCapabilityRelocations(long table, long size)
    {
        var reader = new ElfReader(Table("__cap_relocs", table, size, CapabilityRelocationSize));
        while (!reader.AtEnd)
        {
            var at = _elf.FileOffset(table) + reader.Position;
            var (location, address, offset, length) = (reader.I64(), reader.I64(), reader.I64(), reader.I64());
            var flags = (ulong)reader.I64();
            var kind = flags switch
            {
                _ when address == 0 => LoadRelocationKind.Null,
                FunctionFlag => LoadRelocationKind.Function,
                ReadOnlyFlag => LoadRelocationKind.ReadOnlyData,
                0 => LoadRelocationKind.Data,
                _ => throw _elf.Error(at, $"capability relocation with unknown flags 0x{flags:x}"),
            };
            Add(at, new LoadRelocation(kind, location, address, kind == LoadRelocationKind.Function ? 0 : length, offset));
        }
    }

    private void ReadRelocations(DynamicTag address, DynamicTag size)
    {
        if (!_dynamic.TryGetValue(address, out var table))
            return;
        var reader = new ElfReader(Table($"the table of relocations ({address})", table, _dynamic.GetValueOrDefault(size), RelaSize));
        while (!reader.AtEnd)
        {
            var at = _elf.FileOffset(table) + reader.Position;
            var location = reader.I64();
            var type = (RelocationType)reader.U32();
            var symbol = reader.U32();
            var addend = reader.I64();
            if (_elf.Capabilities == CapabilityAbi.Pure || type == RelocationType.CheriCapability)
                Read(at, type, location, symbol, addend);
        }
    }

    private void Read(long at, RelocationType type, long location, uint index, long addend)
    {
        switch (type)
        {
            case RelocationType.None or RelocationType.IndirectRelative:
                break;
            case RelocationType.Relative or RelocationType.FunctionRelative:
                Add(at, new LoadRelocation(LoadRelocationKind.Address, location, addend));
                break;
            case RelocationType.Absolute64:
                var symbol = Symbol(at, index);
                var isNumber = symbol.Section is 0 or AbsoluteSection;
                Add(at, new LoadRelocation(isNumber ? LoadRelocationKind.Number : LoadRelocationKind.Address, location, symbol.Value + addend));
                break;
            case RelocationType.CheriCapability or RelocationType.JumpSlot:
                Add(at, Capability(at, Symbol(at, index), location, addend));
                break;

            // The program is the only module, and its block is where tp points.
            case RelocationType.TlsModule64:
                Add(at, new LoadRelocation(LoadRelocationKind.Number, location, 1));
                break;
            case RelocationType.TlsOffset64:
                Add(at, new LoadRelocation(LoadRelocationKind.Number, location, Symbol(at, index).Value + addend - DynamicThreadOffset));
                break;
            case RelocationType.TlsThreadPointer64:
                Add(at, new LoadRelocation(LoadRelocationKind.Number, location, Symbol(at, index).Value + addend));
                break;
            default:
                throw _elf.Error(at, $"relocation of type {(uint)type} is not supported in pure-capability programs");
        }
    }

    private LoadRelocation Capability(long at, in ElfSymbol symbol, long location, long addend)
    {
        if (symbol.Section == 0)
            return new LoadRelocation(LoadRelocationKind.Null, location, 0);
        if (symbol.Type is SymbolType.ThreadLocal or SymbolType.IndirectFunction)
            throw _elf.Error(at, $"capability for a symbol of type {(int)symbol.Type}, which is neither code nor data");
        return symbol.Type == SymbolType.Function
            ? new LoadRelocation(LoadRelocationKind.Function, location, symbol.Value, Offset: addend)
            : new LoadRelocation(LoadRelocationKind.Data, location, symbol.Value, symbol.Size, addend);
    }

    /// <summary>A symbol that is defined here, or weak; number 0 is none, with value 0.</summary>
    private ElfSymbol Symbol(long at, uint index)
    {
        if (index == 0)
            return new ElfSymbol("", 0, 0, SymbolType.None, SymbolBinding.Weak, AbsoluteSection);
        var table = _elf.BytesAt(_dynamic.GetValueOrDefault(DynamicTag.SymbolTable));
        if (!_dynamic.ContainsKey(DynamicTag.SymbolTable) || (index + 1L) * SymbolSize > table.Length)
            throw _elf.Error(at, $"relocation with symbol {index}, which the file does not have");
        var reader = new ElfReader(table.Slice((int)(index * SymbolSize), SymbolSize));
        reader.U32();
        var info = reader.U8();
        reader.U8();
        int section = reader.U16();
        var symbol = new ElfSymbol("", reader.I64(), reader.I64(), (SymbolType)(info & 15), (SymbolBinding)(info >> 4), section);
        return symbol.Section == 0 && symbol.Binding != SymbolBinding.Weak
            ? throw _elf.Error(at, $"relocation with symbol {index}, which is undefined: there is nothing to link it with")
            : symbol;
    }

    private void Add(long at, in LoadRelocation relocation)
    {
        var isCapability = relocation.Kind >= LoadRelocationKind.Null;
        var size = isCapability ? CapabilitySize : sizeof(long);
        if (_elf.SegmentAt(relocation.Location) is not { } segment || segment.End - relocation.Location < size)
            throw _elf.Error(at, $"relocation of 0x{relocation.Location:x}, which is not in the image");
        if (isCapability && relocation.Location % CapabilitySize != 0)
            throw _elf.Error(at, $"relocation of a capability at 0x{relocation.Location:x}, which is not a multiple of {CapabilitySize}");
        var isInside = relocation.Value >= _elf.LowestAddress && relocation.Value <= _elf.HighestAddress
            && relocation.Length >= 0 && relocation.Length <= _elf.HighestAddress - relocation.Value;
        if (relocation.Kind > LoadRelocationKind.Null && !isInside)
            throw _elf.Error(at, $"capability for 0x{relocation.Length:x} bytes at 0x{relocation.Value:x}, which are not in the image");
        _relocations.Add(relocation);
    }
}
