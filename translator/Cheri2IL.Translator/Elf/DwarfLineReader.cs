using System.Text;
using Cheri2IL.Runtime.Elf;

namespace Cheri2IL.Translator.Elf;

/// <summary>Reads the units of .debug_line: a header with the unit's files, then a program for a state machine that makes rows.</summary>
internal ref struct DwarfLineReader(ReadOnlySpan<byte> strings, ReadOnlySpan<byte> lineStrings, ElfNames names, Func<long, bool> isCode)
{
    private const int UnknownFile = -1;

    // No larger line number can stand in a portable PDB.
    private const int MaxLine = 0xf00000;

    private readonly ReadOnlySpan<byte> _strings = strings;
    private readonly ReadOnlySpan<byte> _lineStrings = lineStrings;

    /// <summary>Rows of all sequences.</summary>
    public List<DwarfLineTable.Row> Rows { get; } = [];

    /// <summary>Sequences in the order of the section; those that are no code are left out.</summary>
    public List<DwarfLineTable.Sequence> Sequences { get; } = [];

    /// <summary>Paths that rows refer to.</summary>
    public List<string> Files { get; } = [];

    /// <summary>Reads the section; returns what was malformed, or null.</summary>
    public readonly string? Read(ReadOnlySpan<byte> section)
    {
        var reader = new ElfReader(section);
        while (reader.Remaining > 0)
        {
            var at = reader.Position;
            long length = reader.U32();
            var wide = length == 0xffffffff;
            if (wide)
                length = reader.I64();
            var unit = reader.Bytes(length);
            if (reader.Failed || !TryUnit(unit, wide))
                return $".debug_line is malformed at offset 0x{at:x}";
        }

        return null;
    }

    private readonly bool TryUnit(ReadOnlySpan<byte> unit, bool wide)
    {
        var reader = new ElfReader(unit);
        int version = reader.U16();
        if (version is < 2 or > 5)
            return !reader.Failed;
        if (version == 5)
            reader.Bytes(2);
        var headerLength = Offset(ref reader, wide);
        if (reader.Failed || headerLength < 0 || headerLength > reader.Remaining)
            return false;
        var program = new ElfReader(unit[(reader.Position + (int)headerLength)..]);
        var machine = default(Machine);
        machine.MinimumLength = reader.U8();
        if (version >= 4)
            reader.U8();
        reader.U8();
        machine.LineBase = (sbyte)reader.U8();
        machine.LineRange = reader.U8();
        machine.OpcodeBase = reader.U8();
        if (machine.LineRange == 0 || machine.OpcodeBase == 0)
            return false;
        var lengths = reader.Bytes(machine.OpcodeBase - 1);
        var files = version == 5 ? FilesOfVersion5(ref reader, wide) : FilesUpToVersion4(ref reader);
        return files is not null && !reader.Failed && TryRun(ref program, ref machine, lengths, files);
    }

    private static long Offset(ref ElfReader reader, bool wide) => wide ? reader.I64() : reader.U32();

    private readonly int AddFile(string directory, string name)
    {
        Files.Add(names.Combine(directory, name));
        return Files.Count - 1;
    }

    /// <summary>Indices into <see cref="Files"/> by the unit's file number, which counts from 1.</summary>
    private readonly List<int> FilesUpToVersion4(ref ElfReader reader)
    {
        // Directory 0 is the compiler's, which only .debug_info names.
        var directories = new List<string> { "" };
        while (reader.CString() is { Length: > 0 } directory)
            directories.Add(Encoding.UTF8.GetString(directory));
        var files = new List<int> { UnknownFile };
        while (reader.CString() is { Length: > 0 } name)
        {
            var directory = reader.ULeb();
            reader.ULeb();
            reader.ULeb();
            files.Add(AddFile(directory < (ulong)directories.Count ? directories[(int)directory] : "", Encoding.UTF8.GetString(name)));
        }

        return files;
    }

    /// <summary>Indices into <see cref="Files"/> by the unit's file number, which counts from 0; null if malformed.</summary>
    private readonly List<int>? FilesOfVersion5(ref ElfReader reader, bool wide)
    {
        if (Entries(ref reader, wide) is not { } directories || Entries(ref reader, wide) is not { } entries)
            return null;
        var files = new List<int>(entries.Count);
        foreach (var (name, directory) in entries)
        {
            var path = directory >= (ulong)directories.Count ? ""
                : directory == 0 ? directories[0].Name
                : names.Combine(directories[0].Name, directories[(int)directory].Name);
            files.Add(AddFile(path, name));
        }

        return files;
    }

    /// <summary>A table of directories or files (DWARF 5, 6.2.4.1): its entries' fields are described in front of them.</summary>
    private readonly List<(string Name, ulong Directory)>? Entries(ref ElfReader reader, bool wide)
    {
        const ulong Path = 1;
        const ulong DirectoryIndex = 2;
        var formats = new (ulong Content, ulong Form)[reader.U8()];
        for (var k = 0; k < formats.Length; k++)
            formats[k] = (reader.ULeb(), reader.ULeb());
        var count = reader.ULeb();
        var entries = new List<(string, ulong)>();
        for (var k = 0UL; k < count; k++)
        {
            if (reader.Failed || formats.Length == 0)
                return null;
            var (name, directory) = ("", 0UL);
            foreach (var (content, form) in formats)
            {
                if (!TryField(ref reader, form, wide, out var text, out var number))
                    return null;
                if (content == Path)
                    name = text;
                else if (content == DirectoryIndex)
                    directory = number;
            }

            entries.Add((name, directory));
        }

        return entries;
    }

    private readonly bool TryField(ref ElfReader reader, ulong form, bool wide, out string text, out ulong number)
    {
        (text, number) = ("", 0);
        switch (form)
        {
            case 0x05: // DW_FORM_data2
                number = reader.U16();
                break;
            case 0x06: // DW_FORM_data4
                number = reader.U32();
                break;
            case 0x07: // DW_FORM_data8
                number = (ulong)reader.I64();
                break;
            case 0x08: // DW_FORM_string
                text = Encoding.UTF8.GetString(reader.CString());
                break;
            case 0x09: // DW_FORM_block
                reader.Bytes((long)Math.Min(reader.ULeb(), int.MaxValue));
                break;
            case 0x0b: // DW_FORM_data1
                number = reader.U8();
                break;
            case 0x0e: // DW_FORM_strp
                text = names.At(_strings, Offset(ref reader, wide));
                break;
            case 0x0f: // DW_FORM_udata
                number = reader.ULeb();
                break;
            case 0x1e: // DW_FORM_data16
                reader.Bytes(16);
                break;
            case 0x1f: // DW_FORM_line_strp
                text = names.At(_lineStrings, Offset(ref reader, wide));
                break;
            default:
                return false;
        }

        return !reader.Failed;
    }

    /// <summary>The line number program (DWARF 5, 6.2.5).</summary>
    private readonly bool TryRun(ref ElfReader program, ref Machine machine, ReadOnlySpan<byte> lengths, List<int> files)
    {
        var first = Rows.Count;
        machine.Reset();
        while (program.Remaining > 0)
        {
            int opcode = program.U8();
            if (opcode >= machine.OpcodeBase)
            {
                machine.AdvanceSpecial(opcode);
                AddRow(machine, files);
                continue;
            }

            switch (opcode)
            {
                case 0:
                    var extended = new ElfReader(program.Bytes((long)Math.Min(program.ULeb(), int.MaxValue)));
                    switch (extended.U8())
                    {
                        case 1: // DW_LNE_end_sequence
                            EndSequence(first, machine.Address);
                            first = Rows.Count;
                            machine.Reset();
                            break;
                        case 2: // DW_LNE_set_address
                            machine.Address = extended.I64();
                            break;
                    }

                    if (extended.Failed)
                        return Abandon(first);
                    break;
                case 1: // DW_LNS_copy
                    AddRow(machine, files);
                    break;
                case 2: // DW_LNS_advance_pc
                    machine.Address += (long)program.ULeb() * machine.MinimumLength;
                    break;
                case 3: // DW_LNS_advance_line
                    machine.Line += program.SLeb();
                    break;
                case 4: // DW_LNS_set_file
                    machine.File = program.ULeb();
                    break;
                case 8: // DW_LNS_const_add_pc
                    machine.AdvanceAddress(255);
                    break;
                case 9: // DW_LNS_fixed_advance_pc
                    machine.Address += program.U16();
                    break;
                default:
                    for (var k = 0; k < lengths[opcode - 1]; k++)
                        program.ULeb();
                    break;
            }
        }

        Abandon(first);
        return !program.Failed;
    }

    private readonly void AddRow(in Machine machine, List<int> files)
    {
        var file = machine.File < (ulong)files.Count ? files[(int)machine.File] : UnknownFile;
        Rows.Add(file == UnknownFile
            ? new DwarfLineTable.Row(machine.Address, 0, 0)
            : new DwarfLineTable.Row(machine.Address, file, (int)Math.Clamp(machine.Line, 0, MaxLine)));
    }

    /// <summary>Forgets the rows of a sequence that does not count.</summary>
    private readonly bool Abandon(int first)
    {
        Rows.RemoveRange(first, Rows.Count - first);
        return false;
    }

    private readonly void EndSequence(int first, long end)
    {
        // DWARF 5, 6.2.5: addresses only increase within a sequence.
        var ascending = true;
        for (var k = first + 1; k < Rows.Count; k++)
            ascending &= Rows[k - 1].Address <= Rows[k].Address;
        if (ascending && Rows.Count > first && Rows[^1].Address <= end && Rows[first].Address < end && isCode(Rows[first].Address))
            Sequences.Add(new DwarfLineTable.Sequence(Rows[first].Address, end, first, Rows.Count - first));
        else
            Abandon(first);
    }

    /// <summary>Registers of the state machine, and the constants of the unit's header.</summary>
    private struct Machine
    {
        public int MinimumLength;
        public int LineBase;
        public int LineRange;
        public int OpcodeBase;
        public long Address;
        public ulong File;
        public long Line;

        public void Reset() => (Address, File, Line) = (0, 1, 1);

        public void AdvanceAddress(int opcode) => Address += (opcode - OpcodeBase) / LineRange * MinimumLength;

        public void AdvanceSpecial(int opcode)
        {
            AdvanceAddress(opcode);
            Line += LineBase + ((opcode - OpcodeBase) % LineRange);
        }
    }
}
