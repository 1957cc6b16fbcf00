using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;
using Iced.Intel;
using Mono.Cecil;

namespace Cheri2IL.Cli.Objdump;

/// <summary>What a listing shows.</summary>
[Flags]
internal enum ListingParts
{
    /// <summary>Guest instructions.</summary>
    Guest = 1,

    /// <summary>IR after all passes.</summary>
    Ir = 2,

    /// <summary>IL of the assembly.</summary>
    Il = 4,

    /// <summary>Machine code that the JIT compiler makes of it.</summary>
    Native = 8,

    /// <summary>Which checks are emitted and which are elided, and why.</summary>
    Checks = 16,

    /// <summary>Everything.</summary>
    All = Guest | Ir | Il | Native | Checks,
}

/// <summary>One function's guest instructions, IR, IL and machine code, sorted by guest address.</summary>
internal sealed class FunctionListing
{
    /// <summary>Place of code that belongs to no guest instruction: before all of them.</summary>
    private const long Unmapped = long.MinValue;

    private readonly GuestImage _image;
    private readonly IrFunction _function;
    private readonly IReadOnlySet<long> _marked;
    private readonly SortedDictionary<long, Lines> _lines = [];
    private readonly List<string> _titles = [];

    /// <summary>Starts the listing of a function.</summary>
    /// <param name="image">Program.</param>
    /// <param name="function">IR after all passes, numbered.</param>
    /// <param name="marked">Guest addresses to be marked with ">".</param>
    public FunctionListing(GuestImage image, IrFunction function, IReadOnlySet<long> marked)
    {
        _image = image;
        _marked = marked;
        _function = function;
        foreach (var block in function.Blocks)
        {
            foreach (var instruction in block.Instructions)
                At(instruction.Pc).Add(instruction, block);
        }
    }

    /// <summary>Guest pcs of the function's instructions.</summary>
    public IEnumerable<long> Pcs => _lines.Keys;

    /// <summary>Adds a method's IL.</summary>
    public void AddIl(MethodDefinition method, Func<int, long> guestPc)
    {
        _titles.Add($"IL {method.Name}: {method.Body.CodeSize} bytes, {method.Body.Variables.Count} locals, stack {method.Body.MaxStackSize}");
        foreach (var instruction in method.Body.Instructions)
            At(guestPc(instruction.Offset)).Il.Add(instruction.ToString());
    }

    /// <summary>Adds the machine code of a method.</summary>
    public unsafe void AddNative(string name, JittedMethod jitted, Func<int, long> guestPc)
    {
        _titles.Add($"machine code of {name}: {jitted.Size} bytes at 0x{jitted.Start:x}, {jitted.Tier}");
        // The runtime reported this range as the method's code; the caller keeps its assembly alive.
        var code = new ReadOnlySpan<byte>((void*)jitted.Start, jitted.Size).ToArray();
        var decoder = Decoder.Create(64, code, jitted.Start);
        var formatter = new NasmFormatter();
        var output = new StringOutput();
        var next = 0;
        var pc = Unmapped;
        while (decoder.IP < jitted.Start + (ulong)jitted.Size)
        {
            var offset = (int)(decoder.IP - jitted.Start);
            for (; next < jitted.Map.Count && jitted.Map[next].Native <= offset; next++)
            {
                // Epilogues and unmapped code (-3, -1) stay with what they follow.
                if (jitted.Map[next].Il >= 0)
                    pc = guestPc(jitted.Map[next].Il);
            }

            decoder.Decode(out var instruction);
            formatter.Format(instruction, output);
            At(pc).Native.Add($"{instruction.IP:x}  {output.ToStringAndReset()}");
        }
    }

    /// <summary>Prints the chosen parts.</summary>
    public void Write(TextWriter output, ListingParts parts)
    {
        output.WriteLine($"{_function.EntryPc:x16} <{_function.Name ?? "?"}>: {_lines.Keys.Count(IsInstruction)} guest instructions");
        foreach (var title in _titles)
            output.WriteLine("; " + title);
        if (parts.HasFlag(ListingParts.Checks) && CheckListing.DescribeFetch(_function) is { } fetch)
            output.WriteLine("; " + fetch);
        foreach (var (pc, lines) in _lines)
        {
            if (pc == Unmapped)
                output.WriteLine("  (prologue)");
            else if (parts.HasFlag(ListingParts.Guest))
                output.WriteLine(Guest(pc));
            if (parts.HasFlag(ListingParts.Checks))
                WriteLines(output, "chk", CheckListing.Describe(lines.Instructions));
            if (parts.HasFlag(ListingParts.Ir))
                WriteLines(output, "ir ", lines.Ir);
            if (parts.HasFlag(ListingParts.Il))
                WriteLines(output, "il ", lines.Il);
            if (parts.HasFlag(ListingParts.Native))
                WriteLines(output, "x64", lines.Native);
        }

        output.WriteLine();
    }

    private static void WriteLines(TextWriter output, string kind, IEnumerable<string> lines)
    {
        foreach (var line in lines)
            output.WriteLine($"      {kind} | {line}");
    }

    private static bool IsInstruction(long pc) => pc != Unmapped;

    private string Guest(long pc)
    {
        var margin = _marked.Contains(pc) ? ">" : " ";
        if (_image.TryDecode(pc, out var instruction, out _))
            return $"{margin} {pc:x}: {RiscVDisassembler.FormatWithCode(instruction)}";
        return $"{margin} {pc:x}: (undecodable)";
    }

    private Lines At(long pc)
    {
        // The map answers 0 for IL in front of the first guest instruction.
        var key = pc == 0 && !_image.IsExecutable(0) ? Unmapped : pc;
        if (!_lines.TryGetValue(key, out var lines))
            _lines.Add(key, lines = new Lines());
        return lines;
    }

    private sealed class Lines
    {
        public List<IrInstruction> Instructions { get; } = [];

        public List<string> Ir { get; } = [];

        public List<string> Il { get; } = [];

        public List<string> Native { get; } = [];

        public void Add(IrInstruction instruction, IrBlock block)
        {
            Instructions.Add(instruction);
            Ir.Add(IrPrinter.Format(instruction, block));
        }
    }
}
