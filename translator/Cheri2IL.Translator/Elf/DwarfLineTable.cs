using System.Text;

namespace Cheri2IL.Translator.Elf;

/// <summary>Addresses to source lines: the rows of .debug_line (DWARF 2 to 5), sorted by address.</summary>
public sealed class DwarfLineTable
{
    private const int MaxRows = 1 << 22;

    private readonly List<(long Address, int File, int Line)> _rows;
    private readonly List<string> _files;

    private DwarfLineTable(List<(long Address, int File, int Line)> rows, List<string> files)
    {
        _rows = rows;
        _files = files;
    }

    /// <summary>Rows; a line of 0 ends a sequence.</summary>
    public int RowCount => _rows.Count;

    /// <summary>Source position of an address before the load bias, or null.</summary>
    public (string File, int Line)? Find(long address)
    {
        var (low, high) = (0, _rows.Count);
        while (low < high)
        {
            var middle = (low + high) >> 1;
            if (_rows[middle].Address <= address)
                low = middle + 1;
            else
                high = middle;
        }

        return low == 0 || _rows[low - 1].Line == 0 ? null : (_files[_rows[low - 1].File], _rows[low - 1].Line);
    }

    /// <summary>Parses the section; a malformed unit ends the reading with a warning.</summary>
    internal static DwarfLineTable Parse(ReadOnlySpan<byte> lines, ReadOnlySpan<byte> strings, ReadOnlySpan<byte> lineStrings, out string? warning)
    {
        warning = null;
        var parser = new UnitParser(strings, lineStrings);
        var reader = new ElfReader(lines);
        while (reader.Remaining >= 4 && parser.Rows.Count < MaxRows)
        {
            var at = reader.Position;
            var length = reader.U32();
            var unit = reader.Bytes(length);
            if (reader.Failed || !parser.Unit(unit))
            {
                warning = $".debug_line is malformed at offset 0x{at:x}";
                break;
            }
        }

        // Stable: where one sequence ends and another begins at the same address, the beginning counts.
        return new DwarfLineTable([.. parser.Rows.OrderBy(r => r.Address).ThenBy(r => r.Line != 0)], parser.Files);
    }

    private ref struct UnitParser(ReadOnlySpan<byte> strings, ReadOnlySpan<byte> lineStrings)
    {
        private readonly ReadOnlySpan<byte> _strings = strings;
        private readonly ReadOnlySpan<byte> _lineStrings = lineStrings;

        public List<(long Address, int File, int Line)> Rows { get; } = [];

        public List<string> Files { get; } = ["?"];

        public bool Unit(ReadOnlySpan<byte> unit)
        {
            var reader = new ElfReader(unit);
            int version = reader.U16();
            if (version is < 2 or > 5)
                return true;
            if (version == 5)
                reader.U16();
            var headerLength = reader.U32();
            var program = reader.Position + (long)headerLength;
            if (program > unit.Length)
                return false;
            var minimum = reader.U8();
            if (version >= 4)
                reader.U8();
            reader.U8();
            var lineBase = (sbyte)reader.U8();
            var lineRange = reader.U8();
            var opcodeBase = reader.U8();
            var lengths = reader.Bytes(Math.Max(0, opcodeBase - 1));
            if (lineRange == 0 || opcodeBase == 0 || reader.Failed)
                return false;
            var files = version == 5 ? Files5(ref reader) : Files4(ref reader);
            if (files is null)
                return false;
            return Run(unit[(int)program..], version, minimum, lineBase, lineRange, opcodeBase, lengths, files);
        }

        private readonly int AddFile(string directory, string name)
        {
            Files.Add(name.StartsWith('/') || directory.Length == 0 ? name : $"{directory}/{name}");
            return Files.Count - 1;
        }

        private readonly List<int>? Files4(ref ElfReader reader)
        {
            var directories = new List<string> { "" };
            while (reader.CString() is { Length: > 0 } directory)
                directories.Add(Encoding.UTF8.GetString(directory));
            var files = new List<int> { 0 };
            while (reader.CString() is { Length: > 0 } name)
            {
                var directory = reader.ULeb();
                reader.ULeb();
                reader.ULeb();
                files.Add(AddFile(directory < (ulong)directories.Count ? directories[(int)directory] : "", Encoding.UTF8.GetString(name)));
            }

            return reader.Failed ? null : files;
        }

        private readonly List<int>? Files5(ref ElfReader reader)
        {
            var directories = Entries(ref reader);
            var names = directories is null ? null : Entries(ref reader);
            if (names is null)
                return null;
            var files = new List<int>(names.Count);
            foreach (var (name, directory) in names)
                files.Add(AddFile(directory < (ulong)directories!.Count ? directories[(int)directory].Name : "", name));
            return files;
        }

        private readonly List<(string Name, ulong Directory)>? Entries(ref ElfReader reader)
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
                    var text = "";
                    var number = 0UL;
                    switch (form)
                    {
                        case 0x08:
                            text = Encoding.UTF8.GetString(reader.CString());
                            break;
                        case 0x1f:
                            text = StringAt(_lineStrings, reader.U32());
                            break;
                        case 0x0e:
                            text = StringAt(_strings, reader.U32());
                            break;
                        case 0x0b:
                            number = reader.U8();
                            break;
                        case 0x05:
                            number = reader.U16();
                            break;
                        case 0x0f:
                            number = reader.ULeb();
                            break;
                        case 0x1e:
                            reader.Bytes(16);
                            break;
                        default:
                            return null;
                    }

                    if (content == Path)
                        name = text;
                    else if (content == DirectoryIndex)
                        directory = number;
                }

                entries.Add((name, directory));
            }

            return reader.Failed ? null : entries;
        }

        private static string StringAt(ReadOnlySpan<byte> table, uint offset)
        {
            if (offset >= table.Length)
                return "";
            var text = table[(int)offset..];
            var end = text.IndexOf((byte)0);
            return end < 0 ? "" : Encoding.UTF8.GetString(text[..end]);
        }

        /// <summary>The line number program (DWARF 5, 6.2.5).</summary>
        private readonly bool Run(
            ReadOnlySpan<byte> program, int version, int minimum, int lineBase, int lineRange, int opcodeBase, ReadOnlySpan<byte> lengths, List<int> files)
        {
            var reader = new ElfReader(program);
            var (address, file, line) = (0L, 1, 1L);
            while (!reader.AtEnd && Rows.Count < MaxRows)
            {
                int opcode = reader.U8();
                if (opcode >= opcodeBase)
                {
                    var adjusted = opcode - opcodeBase;
                    address += adjusted / lineRange * minimum;
                    line += lineBase + (adjusted % lineRange);
                    AddRow(Rows, files, address, file, line);
                    continue;
                }

                switch (opcode)
                {
                    case 0:
                        var length = reader.ULeb();
                        var extended = new ElfReader(reader.Bytes((long)Math.Min(length, int.MaxValue)));
                        switch (extended.U8())
                        {
                            case 1:
                                Rows.Add((address, 0, 0));
                                (address, file, line) = (0, 1, 1);
                                break;
                            case 2:
                                address = extended.I64();
                                break;
                        }

                        break;
                    case 1:
                        AddRow(Rows, files, address, file, line);
                        break;
                    case 2:
                        address += (long)reader.ULeb() * minimum;
                        break;
                    case 3:
                        line += reader.SLeb();
                        break;
                    case 4:
                        file = (int)Math.Min(reader.ULeb(), int.MaxValue);
                        break;
                    case 8:
                        address += (255 - opcodeBase) / lineRange * minimum;
                        break;
                    case 9:
                        address += reader.U16();
                        break;
                    default:
                        for (var k = 0; k < lengths[opcode - 1]; k++)
                            reader.ULeb();
                        break;
                }
            }

            return !reader.Failed;
        }

        private static void AddRow(List<(long, int, int)> rows, List<int> files, long address, int file, long line)
            => rows.Add((address, (uint)file < (uint)files.Count ? files[file] : 0, (int)Math.Clamp(line, 1, 0xf00000)));
    }
}
