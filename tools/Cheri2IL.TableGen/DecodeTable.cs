using System.Globalization;
using System.Text.RegularExpressions;

namespace Cheri2IL.TableGen;

/// <summary>The rows of all tables, in order. The syntax is described in the README beside the tables.</summary>
public sealed partial class DecodeTable
{
    private static readonly string[] OperandNames = ["rd", "rs1", "rs2", "rs3", "rm", "aq", "rl", "pred", "succ"];

    private readonly Dictionary<string, OperandFormat> _formats = [];
    private readonly Dictionary<string, InstructionRow> _byMnemonic = [];

    /// <summary>32-bit instructions that are opcodes.</summary>
    public IReadOnlyList<InstructionRow> Base => _base;

    /// <summary>32-bit instructions that are decoded as others.</summary>
    public IReadOnlyList<InstructionRow> Aliases => _aliases;

    /// <summary>16-bit instructions.</summary>
    public IReadOnlyList<InstructionRow> Compressed => _compressed;

    private readonly List<InstructionRow> _base = [];
    private readonly List<InstructionRow> _aliases = [];
    private readonly List<InstructionRow> _compressed = [];

    /// <summary>All rows in the order in which forms are numbered.</summary>
    public IEnumerable<InstructionRow> Rows => _base.Concat(_aliases).Concat(_compressed);

    /// <summary>The opcode that a row is decoded as: itself, or the target of its expansion.</summary>
    /// <exception cref="TableException">There is no such opcode.</exception>
    public InstructionRow OpcodeOf(InstructionRow row) =>
        _byMnemonic.TryGetValue(row.Target, out var opcode) && opcode.Expansion == null
            ? opcode
            : throw new TableException(row.File, row.Line, $"unknown base instruction in '-> {row.Expansion}'");

    /// <summary>Reads one file.</summary>
    /// <exception cref="TableException">The text is not a decode table.</exception>
    public void Read(string file, string text)
    {
        var number = 0;
        foreach (var raw in text.Split('\n'))
        {
            number++;
            var comment = raw.IndexOf('#', StringComparison.Ordinal);
            var line = (comment < 0 ? raw : raw[..comment]).TrimEnd();
            if (line.Length == 0)
                continue;
            var columns = ColumnBreak().Split(line);
            if (line[0] == '@')
                ReadFormat(file, number, columns);
            else
                ReadRow(file, number, columns);
        }
    }

    [GeneratedRegex(" {2,}")]
    private static partial Regex ColumnBreak();

    private void ReadFormat(string file, int line, string[] columns)
    {
        if (columns.Length > 3)
            throw new TableException(file, line, "a format has a name, operands and conditions");
        var operands = new List<string>();
        ImmediateLayout? immediate = null;
        foreach (var operand in columns.Length > 1 ? columns[1].Split(' ') : [])
        {
            if (OperandNames.Contains(operand))
                operands.Add(operand);
            else if (immediate == null && ImmediateLayout.Parse(operand) is { } layout)
                immediate = layout;
            else
                throw new TableException(file, line, $"unknown operand '{operand}'");
        }

        var conditions = columns.Length > 2 ? ReadConditions(file, line, columns[2]) : [];
        var format = new OperandFormat(columns[0][1..], operands, immediate, conditions);
        if (!_formats.TryAdd(format.Name, format))
            throw new TableException(file, line, $"format @{format.Name} is defined twice");
    }

    private void ReadRow(string file, int line, string[] columns)
    {
        if (columns.Length is < 5 or > 6)
            throw new TableException(file, line, "an instruction has mnemonic, pattern, @format, form, extension or expansion");
        var pattern = columns[1].Replace(" ", "", StringComparison.Ordinal);
        var isExpanded = columns[4].StartsWith("-> ", StringComparison.Ordinal);
        if (pattern.Length != 32 && !(pattern.Length == 16 && isExpanded))
            throw new TableException(file, line, $"the pattern has {pattern.Length} bits");
        if (columns[2][0] != '@' || !_formats.TryGetValue(columns[2][1..], out var format))
            throw new TableException(file, line, $"unknown format '{columns[2]}'");
        var names = columns[0].Split('=');
        var own = columns.Length > 5 ? ReadConditions(file, line, columns[5]) : [];
        var row = new InstructionRow
        {
            File = file,
            Line = line,
            Mnemonic = names[0],
            Spelling = names[^1],
            Pattern = pattern,
            Format = format,
            Form = columns[3] == "-" ? "" : columns[3],
            Extension = isExpanded ? "" : columns[4],
            Expansion = isExpanded ? columns[4][3..] : null,
            Conditions = [.. format.Conditions, .. own],
        };
        CheckFields(row);
        if (!_byMnemonic.TryAdd(row.Mnemonic, row))
            throw new TableException(file, line, $"'{row.Mnemonic}' is defined twice");
        (row.Width == 16 ? _compressed : isExpanded ? _aliases : _base).Add(row);
    }

    /// <summary>The pattern must have exactly the fields of the format, each contiguous except the immediate.</summary>
    private static void CheckFields(InstructionRow row)
    {
        foreach (var c in row.Pattern)
        {
            if (c is '0' or '1' or '-')
                continue;
            if (!InstructionRow.FieldLetters.TryGetValue(c, out var field))
                throw new TableException(row.File, row.Line, $"unknown pattern character '{c}'");
            if (field == "imm" ? row.Format.Immediate == null : !row.Format.Operands.Contains(field))
                throw new TableException(row.File, row.Line, $"@{row.Format.Name} has no operand '{field}'");
        }

        foreach (var operand in row.Format.Operands)
        {
            var run = row.FieldMask(operand);
            run /= run == 0 ? 1 : run & (uint)-(int)run;
            if (run == 0 || (run & (run + 1)) != 0)
                throw new TableException(row.File, row.Line, $"field '{operand}' is missing or in pieces");
        }

        var length = row.Pattern.Count(c => c == 'i');
        if (length != (row.Format.Immediate?.Bits.Count ?? 0))
            throw new TableException(row.File, row.Line, $"the pattern has {length} immediate bits, @{row.Format.Name} another number");
        foreach (var condition in row.Conditions)
        {
            if (row.FieldMask(condition.Field) == 0)
                throw new TableException(row.File, row.Line, $"condition on '{condition.Field}', which the pattern has not");
        }
    }

    private static List<Condition> ReadConditions(string file, int line, string text)
    {
        var conditions = new List<Condition>();
        foreach (var part in text.Split(' '))
        {
            var sides = part.Split("!=");
            var values = new List<int>();
            foreach (var value in sides.Length == 2 ? sides[1].Split(',') : [])
            {
                if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                    throw new TableException(file, line, $"cannot read condition '{part}'");
                values.Add(number);
            }

            if (values.Count == 0 || (sides[0] == "imm" && values is not [0]) || (sides[0] != "imm" && !OperandNames.Contains(sides[0])))
                throw new TableException(file, line, $"cannot read condition '{part}'");
            conditions.Add(new Condition(sides[0], values));
        }

        return conditions;
    }
}
