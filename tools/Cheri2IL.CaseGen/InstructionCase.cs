using System.Globalization;
using System.Text;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.CaseGen;

/// <summary>
/// One line of a .cases file: where the code stands, its words, its disassembly, the state before and the state after.
/// <c>10020: 00c58533 | add a0,a1,a2 | a1=1 a2=2 | a0=3</c>
/// </summary>
/// <remarks>
/// Numbers are hexadecimal; <c>[20010]=8081</c> are bytes in memory order. Registers and memory that the third column does
/// not list hold <see cref="MachineState"/>'s filler; what the last does not list is unchanged. <c>pc=</c> is
/// given where execution does not stop right behind the code; <c>fault=load:22000</c> where it cannot go on.
/// </remarks>
public sealed class InstructionCase
{
    private static readonly Dictionary<string, GuestFaultKind> Faults = new()
    {
        ["load"] = GuestFaultKind.LoadAccess,
        ["store"] = GuestFaultKind.StoreAccess,
        ["fetch"] = GuestFaultKind.InstructionAccess,
        ["illegal"] = GuestFaultKind.IllegalInstruction,
        ["misaligned"] = GuestFaultKind.MisalignedAtomic,
    };

    /// <summary>Makes a case.</summary>
    public InstructionCase(int address, IReadOnlyList<uint> words, string assembly, MachineState before, MachineState after)
    {
        Address = address;
        Words = words;
        Assembly = assembly;
        Before = before;
        After = after;
    }

    /// <summary>Guest address of the first word.</summary>
    public int Address { get; }

    /// <summary>Instruction words; one whose low bits are not 11 has 16 bits.</summary>
    public IReadOnlyList<uint> Words { get; }

    /// <summary>Disassembly, instructions separated by "; ".</summary>
    public string Assembly { get; }

    /// <summary>State before; its pc is <see cref="Address"/>.</summary>
    public MachineState Before { get; }

    /// <summary>State after.</summary>
    public MachineState After { get; }

    /// <summary>Address behind the last word.</summary>
    public int End => Address + Words.Sum(word => (word & 3) == 3 ? 4 : 2);

    /// <summary>Parses a line.</summary>
    /// <exception cref="FormatException">It is not of the form above.</exception>
    public static InstructionCase Parse(string line)
    {
        var columns = line.Split(" | ");
        var colon = line.IndexOf(": ", StringComparison.Ordinal);
        if (columns.Length != 4 || colon < 0)
            throw new FormatException($"not a case: {line}");
        var address = int.Parse(line.AsSpan(0, colon), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        var words = columns[0][(colon + 2)..].Split(' ').Select(word => uint.Parse(word, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToArray();
        var before = new MachineState { Pc = (ulong)address };
        Apply(before, columns[2]);
        var after = before.Clone();
        var parsed = new InstructionCase(address, words, columns[1], before, after);
        after.Pc = (ulong)parsed.End;
        Apply(after, columns[3]);
        return parsed;
    }

    /// <summary>The line of text.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Address:x}:");
        foreach (var word in Words)
            text.Append(' ').Append(word.ToString((word & 3) == 3 ? "x8" : "x4", CultureInfo.InvariantCulture));
        text.Append(" | ").Append(Assembly).Append(" |");
        AppendChanges(text, new MachineState { Pc = Before.Pc }, Before);
        text.Append(" |");
        var unchanged = Before.Clone();
        unchanged.Pc = (ulong)End;
        AppendChanges(text, unchanged, After);
        return text.ToString();
    }

    /// <summary>Lists how <paramref name="to"/> differs from <paramref name="from"/>; "-" if it does not.</summary>
    public static void AppendChanges(StringBuilder text, MachineState from, MachineState to)
    {
        var start = text.Length;
        for (var i = 1; i < 32; i++)
        {
            if (from.X[i] != to.X[i])
                text.Append(CultureInfo.InvariantCulture, $" {Translator.Isa.RiscV.RiscVDisassembler.IntegerRegister(i)}={to.X[i]:x}");
        }

        for (var i = 0; i < 32; i++)
        {
            if (from.F[i] != to.F[i])
                text.Append(CultureInfo.InvariantCulture, $" {Translator.Isa.RiscV.RiscVDisassembler.FloatRegister(i)}={to.F[i]:x}");
        }

        if (from.Frm != to.Frm)
            text.Append(CultureInfo.InvariantCulture, $" frm={to.Frm:x}");
        if (from.Fflags != to.Fflags)
            text.Append(CultureInfo.InvariantCulture, $" fflags={to.Fflags:x}");
        AppendMemory(text, from.Data, to.Data);
        if (from.Pc != to.Pc)
            text.Append(CultureInfo.InvariantCulture, $" pc={to.Pc:x}");
        if (to.Fault is { } fault)
        {
            text.Append(" fault=").Append(Faults.First(pair => pair.Value == fault).Key);
            if (fault != GuestFaultKind.IllegalInstruction)
                text.Append(CultureInfo.InvariantCulture, $":{to.FaultAddress:x}");
        }

        if (text.Length == start)
            text.Append(" -");
    }

    /// <summary>Lists changed bytes; gaps of fewer than four unchanged ones are bridged.</summary>
    private static void AppendMemory(StringBuilder text, byte[] from, byte[] to)
    {
        for (var i = 0; i < from.Length; i++)
        {
            if (from[i] == to[i])
                continue;
            var last = i;
            for (var next = i; next < from.Length && next <= last + 4; next++)
            {
                if (from[next] != to[next])
                    last = next;
            }

            text.Append(CultureInfo.InvariantCulture, $" [{MachineLayout.Data + i:x}]=").Append(Convert.ToHexStringLower(to, i, last + 1 - i));
            i = last;
        }
    }

    private static void Apply(MachineState state, string text)
    {
        foreach (var item in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (item == "-")
                continue;
            var equals = item.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
                throw new FormatException($"not an assignment: {item}");
            Apply(state, item[..equals], item[(equals + 1)..]);
        }
    }

    private static void Apply(MachineState state, string name, string value)
    {
        if (Registers.TryInteger(name, out var register))
            state.X[register] = Hexadecimal(value);
        else if (Registers.TryFloat(name, out register))
            state.F[register] = Hexadecimal(value);
        else if (name == "frm")
            state.Frm = (int)Hexadecimal(value);
        else if (name == "fflags")
            state.Fflags = (int)Hexadecimal(value);
        else if (name == "pc")
            state.Pc = Hexadecimal(value);
        else if (name == "fault")
            ApplyFault(state, value);
        else if (name[0] == '[' && name[^1] == ']')
            Convert.FromHexString(value).CopyTo(state.Data, (int)Hexadecimal(name[1..^1]) - MachineLayout.Data);
        else
            throw new FormatException($"unknown name '{name}'");
    }

    private static void ApplyFault(MachineState state, string value)
    {
        var parts = value.Split(':');
        state.Fault = Faults.TryGetValue(parts[0], out var kind) ? kind : throw new FormatException($"unknown fault '{value}'");
        state.FaultAddress = parts.Length > 1 ? Hexadecimal(parts[1]) : 0;
    }

    private static ulong Hexadecimal(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
