using System.Globalization;
using System.Text;

namespace Cheri2IL.Translator.Ir;

/// <summary>
/// The text form of the IR. <see cref="IrParser"/> reads it back to an equal function, and printing that gives the same text.
/// </summary>
/// <remarks>
/// A function is <c>function 0x10234 "main" {</c>, its blocks (<c>b0 @0x10234:</c>; <c>b3 @0x10300 entry 1:</c> when it is an extra
/// entry, <c>b3 @0x10300 vector:</c> when it is a loop that is also emitted in vector form) and <c>}</c>. An instruction is
/// <c>%3 = add.i64 %0, %1</c>: the number of the value in its block, the operation with its qualifiers and type, operands,
/// immediate, successors. A line <c>@0x1023c</c> says that what follows comes from that guest pc. Numbers are hexadecimal
/// from 0x10000 on. <c>;</c> starts a comment, which the parser skips.
/// </remarks>
public static class IrPrinter
{
    private static readonly string[] RoundingNames = ["rne", "rtz", "rdn", "rup", "rmm", "5", "6", "dyn"];

    /// <summary>Prints a function; numbers it first.</summary>
    public static string Print(IrFunction function)
    {
        var text = new StringBuilder();
        Print(function, text);
        return text.ToString();
    }

    /// <summary>Appends the text of a function, which it numbers first.</summary>
    public static void Print(IrFunction function, StringBuilder text)
    {
        function.Number();
        text.Append("function ").Append(Number(function.EntryPc, hexadecimal: true));
        if (function.Name is { } name)
            text.Append(' ').Append(Quote(name));
        if (function.HasCapabilities)
            text.Append(" capabilities");
        text.Append(" {\n");
        foreach (var block in function.Blocks)
        {
            text.Append('b').Append(block.Id).Append(" @").Append(Number(block.Pc, hexadecimal: true));
            if (function.ExtraEntries.IndexOf(block) is >= 0 and var entry)
                text.Append(" entry ").Append(entry + 1);
            if (block.IsVector)
                text.Append(" vector");
            text.Append(":\n");
            var pc = block.Pc;
            foreach (var instruction in block.Instructions)
            {
                if (instruction.Pc != pc)
                {
                    pc = instruction.Pc;
                    text.Append("  @").Append(Number(pc, hexadecimal: true)).Append('\n');
                }

                text.Append("  ");
                Format(instruction, block, text);
                text.Append('\n');
            }
        }

        text.Append("}\n");
    }

    /// <summary>One instruction of <paramref name="block"/>, as <see cref="Print(IrFunction)"/> shows it, without line end.</summary>
    public static string Format(IrInstruction instruction, IrBlock block)
    {
        var text = new StringBuilder();
        Format(instruction, block, text);
        return text.ToString();
    }

    /// <summary>Name of a rounding mode: <c>rne rtz rdn rup rmm dyn</c>, or the number.</summary>
    internal static string RoundingName(long mode)
        => mode is >= 0 and <= 7 ? RoundingNames[mode] : Number(mode, hexadecimal: false);

    /// <summary>The rounding mode with that name, or -1.</summary>
    internal static int RoundingMode(string name) => Array.IndexOf(RoundingNames, name);

    private static void Format(IrInstruction instruction, IrBlock block, StringBuilder text)
    {
        var signature = IrSignature.Of(instruction.Op);
        if (instruction.Type != IrType.Void)
            text.Append('%').Append(instruction.Id).Append(" = ");
        text.Append(signature.Name);
        AppendQualifiers(instruction, signature.Qualifiers, text);
        if (signature.HasVariable)
            Suffix(signature.VariableOf(instruction));

        var separator = " ";
        if ((signature.Qualifiers & IrQualifiers.Register) != 0 && instruction.Op != IrOp.Call)
            Item(GuestRegister.Name(instruction.Register));
        if (instruction.A is { } a)
            Item(Value(a));
        if (signature.Immediate == ImmediateRule.Number)
            Item(Number(instruction.Immediate, hexadecimal: false));
        else if (signature.Immediate == ImmediateRule.Address || (signature.Immediate == ImmediateRule.InsteadOfA && instruction.A is null))
            Item(Number(instruction.Immediate, hexadecimal: true));
        if (instruction.Op == IrOp.Call && instruction.Register != 0)
            Item("link " + GuestRegister.Name(instruction.Register));
        if (instruction.B is { } b)
            Item(Value(b));
        if (instruction.C is { } c)
            Item(Value(c));
        if (signature.Immediate == ImmediateRule.Rounding)
            Item(RoundingName(instruction.Immediate));
        if (IrOpInfo.IsTerminator(instruction.Op))
        {
            foreach (var successor in block.Successors)
                Item("b" + successor.Id.ToString(CultureInfo.InvariantCulture));
        }

        if (instruction.Elided is { } reason)
            text.Append(" elided ").Append(Quote(reason));

        void Item(string item)
        {
            text.Append(separator).Append(item);
            separator = ", ";
        }

        void Suffix(IrType type) => text.Append('.').Append(type.ToString().ToLowerInvariant());
    }

    private static void AppendQualifiers(IrInstruction instruction, IrQualifiers qualifiers, StringBuilder text)
    {
        if ((qualifiers & IrQualifiers.Direction) != 0)
            text.Append(instruction.IsStore ? ".store" : ".load").Append(instruction.Polls ? ".polls" : "");
        if ((qualifiers & IrQualifiers.Capability) != 0)
            Append(instruction.Capability);
        if ((qualifiers & IrQualifiers.Amo) != 0)
            Append(instruction.Amo);
        if ((qualifiers & (IrQualifiers.Access | IrQualifiers.AtomicAccess)) != 0)
            Append(instruction.Access);
        if (instruction.IsConstant)
            text.Append(".constant");
        if ((qualifiers & IrQualifiers.Format) != 0)
            Append(instruction.Format);
        if ((qualifiers & IrQualifiers.Fault) != 0)
            Append(instruction.Fault);

        void Append<T>(T value) where T : struct, Enum => text.Append('.').Append(value.ToString().ToLowerInvariant());
    }

    private static string Value(IrInstruction value) => "%" + value.Id.ToString(CultureInfo.InvariantCulture);

    private static string Number(long value, bool hexadecimal)
    {
        if (!hexadecimal && value is > -0x10000 and < 0x10000)
            return value.ToString(CultureInfo.InvariantCulture);
        var magnitude = (value < 0 ? 0 - (ulong)value : (ulong)value).ToString("x", CultureInfo.InvariantCulture);
        return (value < 0 ? "-0x" : "0x") + magnitude;
    }

    private static string Quote(string value)
    {
        var text = new StringBuilder("\"");
        foreach (var character in value)
        {
            if (character is '"' or '\\')
                text.Append('\\').Append(character);
            else if (character is < ' ' or > '~')
                text.Append("\\u").Append(((int)character).ToString("x4", CultureInfo.InvariantCulture));
            else
                text.Append(character);
        }

        return text.Append('"').ToString();
    }
}
