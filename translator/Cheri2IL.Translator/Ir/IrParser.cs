using System.Globalization;
using System.Text;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Ir;

/// <summary>
/// Reads the text form that <see cref="IrPrinter"/> writes. Only the form is judged here, so that wrong types, registers
/// and successor counts reach <see cref="IrVerifier"/>.
/// </summary>
public sealed class IrParser
{
    private readonly Dictionary<IrInstruction, int> _instructionLines = [];
    private readonly Dictionary<IrBlock, int> _blockLines = [];
    private readonly Dictionary<IrFunction, int> _functionLines = [];
    private readonly List<IrFunction> _functions = [];
    private readonly List<(IrBlock From, int To, int Line, int Column)> _references = [];
    private readonly SortedDictionary<int, IrBlock> _entries = [];
    private readonly Dictionary<int, IrInstruction> _values = [];
    private readonly string[] _lines;
    private int _line;
    private int _column;
    private long _pc;
    private IrFunction? _function;
    private IrBlock? _block;

    private IrParser(string text) => _lines = text.Split('\n');

    /// <summary>The functions, in order.</summary>
    public IReadOnlyList<IrFunction> Functions => _functions;

    /// <summary>Parses any number of functions.</summary>
    /// <exception cref="IrParseException">The text is malformed.</exception>
    public static IrParser Parse(string text)
    {
        var parser = new IrParser(text);
        parser.ParseAll();
        return parser;
    }

    /// <summary>Parses exactly one function.</summary>
    /// <exception cref="IrParseException">The text is malformed, or holds another number of functions.</exception>
    public static IrFunction ParseFunction(string text)
    {
        var functions = Parse(text).Functions;
        return functions.Count == 1 ? functions[0] : throw new IrParseException(1, 1, $"expected one function, found {functions.Count}");
    }

    /// <summary>Line on which a function of <see cref="Functions"/> begins, from 1.</summary>
    public int LineOf(IrFunction function) => _functionLines[function];

    /// <summary>Line on which an instruction of <see cref="Functions"/> stands, from 1.</summary>
    public int LineOf(IrInstruction instruction) => _instructionLines[instruction];

    /// <summary>Line on which a block of <see cref="Functions"/> begins, from 1.</summary>
    public int LineOf(IrBlock block) => _blockLines[block];

    private string Current => _lines[_line];

    private void ParseAll()
    {
        for (_line = 0; _line < _lines.Length; _line++)
        {
            _column = 0;
            SkipBlanks();
            if (AtEnd())
                continue;
            if (_function is null)
                ParseHeader();
            else
                ParseLine();
            SkipBlanks();
            if (!AtEnd())
                throw Error("unexpected text at the end of the line");
        }

        if (_function is not null)
            throw new IrParseException(_functionLines[_function], 1, "the function is not closed by '}'");
    }

    private void ParseHeader()
    {
        if (Word() != "function")
            throw Error("expected 'function'");
        SkipBlanks();
        var entry = Number();
        SkipBlanks();
        var name = Peek() == '"' ? Quoted() : null;
        SkipBlanks();
        var hasCapabilities = LookingAt("capabilities");
        if (hasCapabilities)
            Word();
        SkipBlanks();
        Expect('{');
        _function = new IrFunction(entry, name) { HasCapabilities = hasCapabilities };
        _functionLines[_function] = _line + 1;
        _references.Clear();
        _entries.Clear();
        _block = null;
        _pc = entry;
    }

    private void ParseLine()
    {
        switch (Peek())
        {
            case '}':
                _column++;
                CloseFunction();
                return;
            case '@':
                _column++;
                _pc = Number();
                return;
            case '%':
                ParseInstruction(ResultNumber());
                return;
        }

        if (Peek() == 'b' && char.IsAsciiDigit(PeekAt(1)))
            ParseBlockHeader();
        else
            ParseInstruction(-1);
    }

    private void ParseBlockHeader()
    {
        var id = BlockNumber();
        SkipBlanks();
        Expect('@');
        var pc = Number();
        SkipBlanks();
        var entry = LookingAt("entry") ? EntryNumber() : 0;
        SkipBlanks();
        var isVector = LookingAt("vector");
        if (isVector)
            _column += "vector".Length;
        Expect(':');
        if (id != _function!.Blocks.Count)
            throw Error($"block b{id} stands where b{_function.Blocks.Count} is due");
        var block = new IrBlock(pc) { IsVector = isVector };
        if (entry != 0 && !_entries.TryAdd(entry, block))
            throw Error($"entry {entry} is given twice");
        _function.Blocks.Add(block);
        _blockLines[block] = _line + 1;
        _block = block;
        _pc = pc;
        _values.Clear();
    }

    private int EntryNumber()
    {
        _column += "entry".Length;
        SkipBlanks();
        return Digits();
    }

    private void CloseFunction()
    {
        var blocks = _function!.Blocks;
        foreach (var (from, to, line, column) in _references)
        {
            if (to >= blocks.Count)
                throw new IrParseException(line, column, $"block b{to} is not defined");
            from.Successors.Add(blocks[to]);
        }

        _function.ExtraEntries.AddRange(_entries.Values);
        if (_entries.Count != 0 && _entries.Keys.Last() != _entries.Count)
            throw Error("entries are not numbered from 1 without gaps");
        _function.Number();
        _functions.Add(_function);
        _function = null;
    }

    private int ResultNumber()
    {
        var number = ValueNumber();
        SkipBlanks();
        Expect('=');
        SkipBlanks();
        return number;
    }

    private void ParseInstruction(int result)
    {
        if (_block is null)
            throw Error("instruction outside of a block");
        var start = _column;
        var suffixes = OperationName().Split('.');
        if (!IrSignature.TryFind(suffixes[0], out var op))
            throw ErrorAt(start, $"unknown operation '{suffixes[0]}'");
        var signature = IrSignature.Of(op);
        var instruction = new IrInstruction(op, IrType.Void) { Pc = _pc };
        var next = 1;
        ParseQualifiers(instruction, signature.Qualifiers, suffixes, ref next, start);
        var variable = signature.HasVariable ? Suffix<IrType>(suffixes, next++, start) : IrType.Void;
        if (next != suffixes.Length)
            throw ErrorAt(start, $"'{signature.Name}' has no suffix '{suffixes[next]}'");
        ParseOperands(instruction, signature);
        instruction.Type = IrSignature.Resolve(signature.Result, instruction, variable);
        if (result >= 0 != (instruction.Type != IrType.Void))
            throw ErrorAt(start, result >= 0 ? $"'{signature.Name}' yields no value" : $"the value of '{signature.Name}' needs a number");
        if (result >= 0 && !_values.TryAdd(result, instruction))
            throw ErrorAt(start, $"%{result} is defined twice in its block");
        _block.Instructions.Add(instruction);
        _instructionLines[instruction] = _line + 1;
    }

    private void ParseQualifiers(IrInstruction instruction, IrQualifiers qualifiers, string[] suffixes, ref int next, int start)
    {
        if ((qualifiers & IrQualifiers.Direction) != 0)
        {
            var direction = next < suffixes.Length ? suffixes[next++] : "";
            if (direction is not ("load" or "store"))
                throw ErrorAt(start, $"'{suffixes[0]}' lacks a suffix (load or store)");
            instruction.IsStore = direction == "store";
            if (next < suffixes.Length && suffixes[next] == "polls")
            {
                instruction.Polls = true;
                next++;
            }
        }

        if ((qualifiers & IrQualifiers.Capability) != 0)
            instruction.Capability = Suffix<CapabilityAccess>(suffixes, next++, start);
        if ((qualifiers & IrQualifiers.Amo) != 0)
            instruction.Amo = Suffix<AmoKind>(suffixes, next++, start);
        if ((qualifiers & (IrQualifiers.Access | IrQualifiers.AtomicAccess)) != 0)
            instruction.Access = Suffix<MemoryAccess>(suffixes, next++, start);
        if (instruction.Op == IrOp.Load && next < suffixes.Length && suffixes[next] == "constant")
        {
            instruction.IsConstant = true;
            next++;
        }

        if ((qualifiers & IrQualifiers.Format) != 0)
            instruction.Format = Suffix<IntegerFormat>(suffixes, next++, start);
        if ((qualifiers & IrQualifiers.Fault) != 0)
            instruction.Fault = Suffix<GuestFaultKind>(suffixes, next++, start);
    }

    private T Suffix<T>(string[] suffixes, int index, int start) where T : struct, Enum
    {
        if (index >= suffixes.Length)
            throw ErrorAt(start, $"'{suffixes[0]}' lacks a suffix ({typeof(T).Name})");
        foreach (var value in Enum.GetValues<T>())
        {
            if (string.Equals(value.ToString(), suffixes[index], StringComparison.OrdinalIgnoreCase))
                return value;
        }

        throw ErrorAt(start, $"'{suffixes[index]}' is no {typeof(T).Name}");
    }

    private void ParseOperands(IrInstruction instruction, IrSignature signature)
    {
        var first = true;
        var values = 0;
        var hasNumber = false;
        SkipBlanks();
        while (!AtEnd() && !LookingAt("elided"))
        {
            if (!first)
            {
                Expect(',');
                SkipBlanks();
            }

            first = false;
            var start = _column;
            switch (Peek())
            {
                case '%':
                    SetOperand(instruction, values++, start);
                    break;
                case 'x' or 'f' when (signature.Qualifiers & IrQualifiers.Register) != 0 && char.IsAsciiDigit(PeekAt(1)):
                    instruction.Register = Register();
                    break;
                case 'p' or 'd' when (signature.Qualifiers & IrQualifiers.Register) != 0 && (LookingAt("pcc") || LookingAt("ddc")):
                    instruction.Register = Peek() == 'p' ? GuestRegister.Pcc : GuestRegister.Ddc;
                    _column += 3;
                    break;
                case 'l' when LookingAt("link"):
                    _column += 4;
                    SkipBlanks();
                    instruction.Register = Register();
                    break;
                case 'b' when char.IsAsciiDigit(PeekAt(1)):
                    _references.Add((_block!, BlockNumber(), _line + 1, start + 1));
                    break;
                default:
                    if (hasNumber || signature.Immediate == ImmediateRule.None)
                        throw Error($"'{signature.Name}' takes no such operand");
                    hasNumber = true;
                    instruction.Immediate = signature.Immediate == ImmediateRule.Rounding ? Rounding() : Number();
                    break;
            }

            SkipBlanks();
        }

        if (!hasNumber && signature.Immediate is ImmediateRule.Number or ImmediateRule.Address or ImmediateRule.Rounding)
            throw Error($"'{signature.Name}' needs {(signature.Immediate == ImmediateRule.Rounding ? "a rounding mode" : "a number")}");
        if (LookingAt("elided"))
        {
            _column += "elided".Length;
            SkipBlanks();
            instruction.Elided = Quoted();
        }
    }

    private void SetOperand(IrInstruction instruction, int index, int start)
    {
        var number = ValueNumber();
        if (!_values.TryGetValue(number, out var value))
            throw ErrorAt(start, $"%{number} is not defined before this in its block");
        switch (index)
        {
            case 0:
                instruction.A = value;
                break;
            case 1:
                instruction.B = value;
                break;
            case 2:
                instruction.C = value;
                break;
            default:
                throw ErrorAt(start, "more than three operands");
        }
    }

    private long Rounding()
    {
        var start = _column;
        if (Peek() is '-' or '+' || char.IsAsciiDigit(Peek()))
            return Number();
        var name = Word();
        var mode = IrPrinter.RoundingMode(name);
        return mode >= 0 ? mode : throw ErrorAt(start, $"'{name}' is no rounding mode");
    }

    private byte Register()
    {
        var start = _column;
        var isFloat = Peek() == 'f';
        if (Peek() is not ('x' or 'f'))
            throw Error("expected a register");
        _column++;
        var number = Digits();
        if (number > 31)
            throw ErrorAt(start, "register numbers end at 31");
        return (byte)(number + (isFloat ? GuestRegister.F0 : 0));
    }

    private int BlockNumber()
    {
        Expect('b');
        return Digits();
    }

    private int ValueNumber()
    {
        Expect('%');
        return Digits();
    }

    private int Digits()
    {
        var start = _column;
        while (char.IsAsciiDigit(Peek()))
            _column++;
        return int.TryParse(Current.AsSpan(start, _column - start), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw ErrorAt(start, "expected a small decimal number");
    }

    private long Number()
    {
        var start = _column;
        var negative = Peek() == '-';
        if (negative)
            _column++;
        var style = NumberStyles.None;
        if (Peek() == '0' && PeekAt(1) == 'x')
        {
            _column += 2;
            style = NumberStyles.AllowHexSpecifier;
        }

        var digits = _column;
        while (char.IsAsciiHexDigit(Peek()))
            _column++;
        return ulong.TryParse(Current.AsSpan(digits, _column - digits), style, CultureInfo.InvariantCulture, out var value)
            ? unchecked(negative ? -(long)value : (long)value)
            : throw ErrorAt(start, "expected a number");
    }

    private string Quoted()
    {
        var start = _column;
        Expect('"');
        var text = new StringBuilder();
        while (Peek() != '"')
        {
            if (_column >= Current.Length)
                throw ErrorAt(start, "the string is not closed");
            var character = Current[_column++];
            if (character != '\\')
            {
                text.Append(character);
                continue;
            }

            var escape = Peek();
            _column++;
            if (escape is '"' or '\\')
            {
                text.Append(escape);
            }
            else if (escape == 'u' && _column + 4 <= Current.Length
                && ushort.TryParse(Current.AsSpan(_column, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
            {
                text.Append((char)code);
                _column += 4;
            }
            else
            {
                throw ErrorAt(_column - 2, "unknown escape");
            }
        }

        _column++;
        return text.ToString();
    }

    private string OperationName()
    {
        var start = _column;
        while (char.IsAsciiLetterOrDigit(Peek()) || Peek() == '.')
            _column++;
        return _column > start ? Current[start.._column] : throw Error("expected an operation");
    }

    private string Word()
    {
        var start = _column;
        while (char.IsAsciiLetter(Peek()))
            _column++;
        return Current[start.._column];
    }

    private bool LookingAt(string word) => Current.AsSpan(Math.Min(_column, Current.Length)).StartsWith(word, StringComparison.Ordinal);

    private void Expect(char character)
    {
        if (Peek() != character)
            throw Error($"expected '{character}'");
        _column++;
    }

    private char Peek() => PeekAt(0);

    private char PeekAt(int distance) => _column + distance < Current.Length ? Current[_column + distance] : '\0';

    private bool AtEnd() => _column >= Current.Length || Current[_column] == ';';

    private void SkipBlanks()
    {
        while (Peek() is ' ' or '\t' or '\r')
            _column++;
    }

    private IrParseException Error(string message) => ErrorAt(_column, message);

    private IrParseException ErrorAt(int column, string message) => new(_line + 1, column + 1, message);
}
