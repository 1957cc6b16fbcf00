using System.Buffers.Binary;

namespace Cheri2IL.Runtime.Elf;

/// <summary>
/// What loading needs of an ELF file: header and program headers, validated so that every segment lies inside the file and
/// a bounded range of addresses. Shared by translator and Intravisor; part of the trusted base.
/// </summary>
/// <remarks>Reads the format of the System V ABI and the RISC-V ELF psABI. Allocates in proportion to the program header table only.</remarks>
public sealed class ElfExecutable
{
    /// <summary>Bytes of an ELF64 header.</summary>
    public const int HeaderSize = 64;

    /// <summary>Bytes of an ELF64 program header.</summary>
    public const int ProgramHeaderSize = 56;

    /// <summary>Most bytes from the first to the last address of an image.</summary>
    public const long MaxImageSize = 4L << 30;

    /// <summary>
    /// Segments end at or below this address, 2^47: what Linux gives a process under Sv48, and far from where adding a load
    /// bias would overflow.
    /// </summary>
    public const long AddressLimit = 1L << 47;

    private const int MachineMips = 8;
    private const int MachineAArch64 = 183;
    private const int MachineRiscV = 243;
    private const int MaxProgramHeaders = 256;
    private const long PageSize = 4096;
    private const int SectionHeaderSize = 64;
    private const uint FlagRve = 0x8;
    private const uint FlagMorello = 0x10000;

    // EF_RISCV_RVY; the two below it are those of CHERI-RISC-V ISAv9.
    private const uint FlagRvy = 0x40;
    private const uint FlagCheriAbi = 0x10000;
    private const uint FlagCapabilityMode = 0x20000;

    // EF_MIPS_MACH, and its values EF_MIPS_MACH_CHERI128 and EF_MIPS_MACH_CHERI256.
    private const uint FlagsMipsMachine = 0xff0000;
    private const uint FlagsMipsCheri128 = 0xc10000;
    private const uint FlagsMipsCheri256 = 0xc20000;

    private readonly ReadOnlyMemory<byte> _data;
    private readonly string _file;
    private ProgramHeader[] _programHeaders = [];
    private ProgramHeader[] _segments = [];

    private ElfExecutable(ReadOnlyMemory<byte> data, string file)
    {
        _data = data;
        _file = file;
    }

    /// <summary>The whole file.</summary>
    public ReadOnlyMemory<byte> Data => _data;

    /// <summary>Whether it is ET_DYN (position independent or shared object), else ET_EXEC.</summary>
    public bool IsPositionIndependent { get; private set; }

    /// <summary>e_flags.</summary>
    public uint Flags { get; private set; }

    /// <summary>What it knows of capabilities.</summary>
    public CapabilityAbi Capabilities { get; private set; }

    /// <summary>Tag_RISCV_arch of the attributes segment, or null.</summary>
    public string? Architecture { get; private set; }

    /// <summary>e_entry, before the load bias; 0 if none (shared objects).</summary>
    public long Entry { get; private set; }

    /// <summary>e_phoff.</summary>
    public long ProgramHeaderOffset { get; private set; }

    /// <summary>e_shoff; not validated.</summary>
    public long SectionHeaderOffset { get; private set; }

    /// <summary>e_shnum; not validated.</summary>
    public int SectionCount { get; private set; }

    /// <summary>e_shstrndx; not validated.</summary>
    public int SectionNameIndex { get; private set; }

    /// <summary>All program headers, in file order.</summary>
    public ReadOnlySpan<ProgramHeader> ProgramHeaders => _programHeaders;

    /// <summary>PT_LOAD headers, ascending and not overlapping; at least one.</summary>
    public ReadOnlySpan<ProgramHeader> Segments => _segments;

    /// <summary>Lowest address of the image, before the load bias.</summary>
    public long LowestAddress => Segments[0].VirtualAddress;

    /// <summary>Address after the image's last byte, before the load bias.</summary>
    public long HighestAddress => Segments[^1].End;

    /// <summary>PT_INTERP's path, or null for a static program.</summary>
    public string? Interpreter { get; private set; }

    /// <summary>Address of the program header table in the image before the load bias (AT_PHDR), or 0 if no segment holds it.</summary>
    public long ProgramHeaderAddress { get; private set; }

    /// <summary>The first header of a type, or null.</summary>
    public ProgramHeader? Find(SegmentType type)
    {
        foreach (var header in ProgramHeaders)
        {
            if (header.Type == type)
                return header;
        }

        return null;
    }

    /// <summary>Bytes of a segment that are in the file.</summary>
    public ReadOnlyMemory<byte> Content(ProgramHeader segment) => _data.Slice((int)segment.Offset, (int)segment.FileSize);

    /// <summary>Parses and validates.</summary>
    /// <param name="data">The whole file.</param>
    /// <param name="file">Its name, for messages.</param>
    /// <param name="hasCapabilities">Whether it is known to have instructions of CHERI, even if it does not say so: then it is hybrid.</param>
    /// <exception cref="ElfFormatException">Not an RV64 little-endian program or shared object, or malformed.</exception>
    public static ElfExecutable Parse(ReadOnlyMemory<byte> data, string file, bool hasCapabilities = false)
    {
        var elf = new ElfExecutable(data, file);
        elf.ReadHeader(data.Span);
        elf.ReadProgramHeaders(data.Span);
        elf.CheckSegments();
        elf.FindInterpreter();
        elf.ReadAttributes();
        if (hasCapabilities && elf.Capabilities == CapabilityAbi.None)
            elf.Capabilities = CapabilityAbi.Hybrid;
        elf.CheckEntry();
        return elf;
    }

    /// <summary>An error about the byte at <paramref name="offset"/> of this file.</summary>
    public ElfFormatException Error(long offset, string message) => new(_file, offset, message);

    /// <summary>The segment that contains an address before the load bias, or null.</summary>
    public ProgramHeader? SegmentAt(long address)
    {
        var (low, high) = (0, Segments.Length);
        while (low < high)
        {
            var middle = (low + high) >> 1;
            if (Segments[middle].End <= address)
                low = middle + 1;
            else
                high = middle;
        }

        return low < Segments.Length && address >= Segments[low].VirtualAddress ? Segments[low] : null;
    }

    /// <summary>Bytes at an address before the load bias, up to the end of the segment's content; empty if there are none.</summary>
    public ReadOnlySpan<byte> BytesAt(long address)
    {
        if (SegmentAt(address) is not { } segment || address - segment.VirtualAddress >= segment.FileSize)
            return default;
        return Content(segment).Span[(int)(address - segment.VirtualAddress)..];
    }

    /// <summary>Where in the file the content of an address before the load bias is; 0 if nowhere.</summary>
    public long FileOffset(long address) => SegmentAt(address) is { } segment ? segment.Offset + address - segment.VirtualAddress : 0;

    /// <summary>Address before the load bias and bytes of the first section of that name; null if there is none, or no section headers.</summary>
    public (long Address, long Size)? FindSection(ReadOnlySpan<byte> name)
    {
        if (SectionHeader(SectionNameIndex) is not { IsEmpty: false } header)
            return null;
        var (_, _, namesOffset, namesSize) = Section(header);
        for (var k = 0; k < SectionCount && SectionHeader(k) is { IsEmpty: false } candidate; k++)
        {
            var (at, address, _, size) = Section(candidate);
            if (Slice(namesOffset, namesSize) is var names && at < names.Length && new ElfReader(names[at..]).CString().SequenceEqual(name))
                return (address, size);
        }

        return null;
    }

    private static (int Name, long Address, long Offset, long Size) Section(ReadOnlySpan<byte> header)
        => ((int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(header), int.MaxValue),
            BinaryPrimitives.ReadInt64LittleEndian(header[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(header[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(header[32..]));

    private ReadOnlySpan<byte> SectionHeader(int index)
        => SectionHeaderOffset <= 0 || SectionHeaderOffset > _data.Length ? default : Slice(SectionHeaderOffset + ((long)index * SectionHeaderSize), SectionHeaderSize);

    /// <summary>Bytes of the file; empty if they are not all there.</summary>
    private ReadOnlySpan<byte> Slice(long offset, long length)
        => offset < 0 || length < 0 || length > _data.Length || offset > _data.Length - length ? default : _data.Span.Slice((int)offset, (int)length);

    private void ReadHeader(ReadOnlySpan<byte> data)
    {
        if (data.Length < 4 || !data[..4].SequenceEqual("\u007fELF"u8))
            throw Error(0, "not an ELF file (it does not start with 7f 45 4c 46)");
        if (data.Length < HeaderSize)
            throw Error(0, $"the ELF header is cut off: {HeaderSize} bytes are needed, the file has {data.Length}");
        var bigEndianMachine = BinaryPrimitives.ReadUInt16BigEndian(data[18..]);
        if (data[5] == 2 && bigEndianMachine == MachineMips && IsCheriMips(BinaryPrimitives.ReadUInt32BigEndian(data[(data[4] == 2 ? 48 : 36)..])))
            throw Error(18, "a CHERI-MIPS file; only CHERI-RISC-V ISAv9 is supported");
        if (data[5] == 2)
            throw Error(5, $"a big-endian file for {MachineName(bigEndianMachine)}; only 64-bit little-endian RISC-V is supported");
        if (data[5] != 1)
            throw Error(5, $"unknown byte order {data[5]}");
        var type = BinaryPrimitives.ReadUInt16LittleEndian(data[16..]);
        var machine = BinaryPrimitives.ReadUInt16LittleEndian(data[18..]);
        if (data[4] == 1 && machine == MachineRiscV)
            throw Error(4, Rv32Name(BinaryPrimitives.ReadUInt32LittleEndian(data[36..])));
        if (data[4] != 2)
            throw Error(4, data[4] != 1 ? $"unknown ELF class {data[4]}" : $"a 32-bit file for {MachineName(machine)}; only 64-bit RISC-V is supported");
        Flags = BinaryPrimitives.ReadUInt32LittleEndian(data[48..]);
        if (machine == MachineMips && IsCheriMips(Flags))
            throw Error(18, "a CHERI-MIPS file; only CHERI-RISC-V ISAv9 is supported");
        if (machine != MachineRiscV)
            throw Error(18, machine == MachineAArch64 && (Flags & FlagMorello) != 0 ? "a Morello (AArch64, pure-capability ABI) file; not supported yet" : $"a file for {MachineName(machine)}; only 64-bit RISC-V is supported");
        if (type is not (2 or 3))
            throw Error(16, type == 1 ? "a relocatable object (ET_REL); link it first" : type == 4 ? "a core dump (ET_CORE), not a program" : $"ELF type {type} is neither a program nor a shared object");
        if ((Flags & FlagRvy) != 0)
            throw Error(48, "a file for the RISC-V CHERI standard (RVY); only CHERI-RISC-V ISAv9 is supported");
        Capabilities = (Flags & (FlagCheriAbi | FlagCapabilityMode)) switch
        {
            0 => CapabilityAbi.None,
            FlagCheriAbi | FlagCapabilityMode => CapabilityAbi.Pure,
            _ => throw Error(48, "e_flags have one of EF_RISCV_CHERIABI and EF_RISCV_CAP_MODE without the other"),
        };
        if ((Flags & FlagRve) != 0)
            throw Error(48, "an RV64E file; not supported");
        IsPositionIndependent = type == 3;
        Entry = BinaryPrimitives.ReadInt64LittleEndian(data[24..]);
        ProgramHeaderOffset = BinaryPrimitives.ReadInt64LittleEndian(data[32..]);
        SectionHeaderOffset = BinaryPrimitives.ReadInt64LittleEndian(data[40..]);
        SectionCount = BinaryPrimitives.ReadUInt16LittleEndian(data[60..]);
        SectionNameIndex = BinaryPrimitives.ReadUInt16LittleEndian(data[62..]);
    }

    private static bool IsCheriMips(uint flags) => (flags & FlagsMipsMachine) is FlagsMipsCheri128 or FlagsMipsCheri256;

    private static string Rv32Name(uint flags) => (flags & (FlagCheriAbi | FlagCapabilityMode), flags & FlagRve) switch
    {
        (not 0, FlagRve) => "a CHERIoT file (RV32E with capabilities); only CHERI-RISC-V ISAv9 for RV64 is supported",
        (not 0, _) => "a 32-bit CHERI-RISC-V file; only CHERI-RISC-V ISAv9 for RV64 is supported",
        _ => "32-bit RISC-V (RV32) is not supported",
    };

    private static string MachineName(int machine) => machine switch
    {
        3 => "x86",
        MachineMips => "MIPS",
        20 => "PowerPC",
        21 => "PowerPC64",
        22 => "S/390",
        40 => "ARM",
        62 => "x86-64",
        MachineAArch64 => "AArch64",
        258 => "LoongArch",
        MachineRiscV => "RISC-V",
        _ => $"machine {machine}",
    };

    private void ReadProgramHeaders(ReadOnlySpan<byte> data)
    {
        int size = BinaryPrimitives.ReadUInt16LittleEndian(data[54..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(data[56..]);
        if (count == 0)
            throw Error(56, "there are no program headers: nothing to load");
        if (size != ProgramHeaderSize)
            throw Error(54, $"program headers of {size} bytes; ELF64 has {ProgramHeaderSize}");
        if (count > MaxProgramHeaders)
            throw Error(56, $"{count} program headers; at most {MaxProgramHeaders} are accepted");
        if (ProgramHeaderOffset < 0 || ProgramHeaderOffset > data.Length - ((long)count * size))
            throw Error(32, $"the program header table (offset 0x{ProgramHeaderOffset:x}, {count} entries) lies beyond the end of the file (it has 0x{data.Length:x} bytes)");
        var headers = new ProgramHeader[count];
        for (var k = 0; k < count; k++)
        {
            var at = (int)ProgramHeaderOffset + (k * size);
            var raw = data.Slice(at, size);
            var header = new ProgramHeader(
                (SegmentType)BinaryPrimitives.ReadUInt32LittleEndian(raw),
                (SegmentFlags)BinaryPrimitives.ReadUInt32LittleEndian(raw[4..]),
                BinaryPrimitives.ReadInt64LittleEndian(raw[8..]),
                BinaryPrimitives.ReadInt64LittleEndian(raw[16..]),
                BinaryPrimitives.ReadInt64LittleEndian(raw[32..]),
                BinaryPrimitives.ReadInt64LittleEndian(raw[40..]),
                BinaryPrimitives.ReadInt64LittleEndian(raw[48..]));
            if (header.Type is SegmentType.Load or SegmentType.Dynamic or SegmentType.Interpreter or SegmentType.ThreadLocal)
                CheckBounds(header, at, data.Length);
            headers[k] = header;
        }

        _programHeaders = headers;
    }

    private void CheckBounds(ProgramHeader header, int at, int fileLength)
    {
        if (header.Offset < 0 || header.FileSize < 0 || header.Offset > fileLength - header.FileSize)
            throw Error(at, $"segment {header.Type} (offset 0x{header.Offset:x}, 0x{header.FileSize:x} bytes) lies beyond the end of the file (it has 0x{fileLength:x} bytes)");
        if (header.Type is SegmentType.Load or SegmentType.ThreadLocal && header.MemorySize < header.FileSize)
            throw Error(at, $"segment {header.Type} has more bytes in the file (0x{header.FileSize:x}) than in memory (0x{header.MemorySize:x})");
        if (header.VirtualAddress < 0 || header.MemorySize is < 0 or > MaxImageSize || header.VirtualAddress > AddressLimit - header.MemorySize)
            throw Error(at, $"segment {header.Type} (address 0x{header.VirtualAddress:x}, 0x{header.MemorySize:x} bytes in memory) is out of range (an image has at most 0x{MaxImageSize:x} bytes, below 0x{AddressLimit:x})");
    }

    private void CheckSegments()
    {
        var count = 0;
        var loads = new ProgramHeader[ProgramHeaders.Length];
        for (var k = 0; k < loads.Length; k++)
        {
            var load = ProgramHeaders[k];
            if (load.Type != SegmentType.Load)
                continue;
            var at = ProgramHeaderOffset + (k * ProgramHeaderSize);
            if (count > 0 && load.VirtualAddress < loads[count - 1].End)
                throw Error(at, $"PT_LOAD at address 0x{load.VirtualAddress:x} overlaps or precedes the one before it, which ends at 0x{loads[count - 1].End:x}");
            // The loader maps pages: file position and address must agree within one, where there is content.
            if (load.FileSize > 0 && ((load.Offset ^ load.VirtualAddress) & (PageSize - 1)) != 0)
                throw Error(at, $"PT_LOAD at address 0x{load.VirtualAddress:x}: file offset 0x{load.Offset:x} and address differ within a page");
            loads[count++] = load;
            if (load.End - loads[0].VirtualAddress > MaxImageSize)
                throw Error(at, $"the image spans 0x{load.End - loads[0].VirtualAddress:x} bytes; at most 0x{MaxImageSize:x} are accepted");
            if (ProgramHeaderOffset >= load.Offset && ProgramHeaderOffset < load.Offset + load.FileSize)
                ProgramHeaderAddress = load.VirtualAddress + ProgramHeaderOffset - load.Offset;
        }

        if (count == 0)
            throw Error(ProgramHeaderOffset, "no PT_LOAD segment: nothing to load");
        Array.Resize(ref loads, count);
        _segments = loads;
    }

    private void FindInterpreter()
    {
        if (Find(SegmentType.Interpreter) is not { } header)
            return;
        var content = Content(header).Span;
        var path = new ElfReader(content).CString();
        if (content.Length is < 2 or > 4096 || path.Length != content.Length - 1)
            throw Error(header.Offset, "PT_INTERP is not a path of at most 4095 bytes with one zero byte at its end");
        Interpreter = PlainText.FromBytes(path);
    }

    /// <summary>What e_flags do not say of capabilities, the name of the architecture does.</summary>
    private void ReadAttributes()
    {
        if (Find(SegmentType.RiscVAttributes) is not { } header
            || !RiscVAttributes.TryReadArchitecture(Slice(header.Offset, header.FileSize), out var architecture))
            return;
        Architecture = architecture;
        if (RiscVAttributes.HasExtension(architecture, "xcheriot"))
            throw Error(header.Offset, "a CHERIoT file; only CHERI-RISC-V ISAv9 is supported");
        if (RiscVAttributes.HasRvy(architecture))
            throw Error(header.Offset, "a file for the RISC-V CHERI standard (RVY); only CHERI-RISC-V ISAv9 is supported");
        if (Capabilities == CapabilityAbi.None && RiscVAttributes.HasExtension(architecture, "xcheri"))
            Capabilities = CapabilityAbi.Hybrid;
    }

    private void CheckEntry()
    {
        if (Entry == 0 && IsPositionIndependent)
            return;
        foreach (var segment in Segments)
        {
            if (segment.IsExecutable && Entry >= segment.VirtualAddress && Entry < segment.End && (Entry & 1) == 0)
                return;
        }

        throw Error(24, $"the entry point 0x{Entry:x} is not in an executable segment");
    }
}
