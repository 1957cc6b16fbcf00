using System.Globalization;
using System.Text;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace Cheri2IL.FileTests;

/// <summary>
/// Stage emit: IR functions and, behind the marker, the IL of each. Labels and guest pcs stand where they are; offsets are left
/// out, so that a difference shows what changed and not what moved.
/// </summary>
internal static class EmitRunner
{
    private const string Marker = "\n; ---- IL\n";

    public static string Render(Fixture fixture)
    {
        var end = fixture.Body.IndexOf(Marker, StringComparison.Ordinal);
        var input = end < 0 ? fixture.Body.TrimEnd('\n') + "\n" : fixture.Body[..end];
        var functions = IrParser.Parse(input).Functions;
        foreach (var function in functions)
            IrVerifier.ThrowIfInvalid(function, "input");
        using var module = ModuleDefinition.ReadModule(new MemoryStream(TranslatedFunctions.Emit("fixture", functions)));
        var map = module.Resources.OfType<EmbeddedResource>().Single(r => r.Name == ModuleFormat.MapResource).GetResourceData();
        var text = new StringBuilder(fixture.Header).Append(input).Append(Marker);
        foreach (var method in module.Types.SelectMany(t => t.Methods))
            Print(method, offset => ModuleFormat.FindPc(map, (int)method.MetadataToken.RID - 1, offset), text);
        return text.ToString();
    }

    private static void Print(MethodDefinition method, Func<int, long> guestPc, StringBuilder text)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n{method.Name}: {method.Body.CodeSize} bytes, stack {method.Body.MaxStackSize}, locals");
        foreach (var local in method.Body.Variables)
            text.Append(CultureInfo.InvariantCulture, $" {local.Index}:{local.VariableType.Name}");
        text.Append('\n');
        var code = method.Body.Instructions;
        var labels = code.SelectMany(Targets).Distinct().OrderBy(i => i.Offset).Select((i, k) => (i, Name: $"L{k}")).ToDictionary(l => l.i, l => l.Name);
        var pc = 0L;
        foreach (var i in code)
        {
            if (guestPc(i.Offset) is var at && at != pc)
                text.Append(CultureInfo.InvariantCulture, $"  ; 0x{pc = at:x}\n");
            if (labels.TryGetValue(i, out var label))
                text.Append(label).Append(":\n");
            text.Append("  ").Append(i.OpCode.Name);
            if (Operand(i, labels) is { } operand)
                text.Append(' ').Append(operand);
            text.Append('\n');
        }
    }

    private static IEnumerable<Instruction> Targets(Instruction i) => i.Operand switch
    {
        Instruction target => [target],
        Instruction[] targets => targets,
        _ => [],
    };

    private static string? Operand(Instruction i, Dictionary<Instruction, string> labels) => i.Operand switch
    {
        null => null,
        Instruction or Instruction[] => string.Join(' ', Targets(i).Select(t => labels[t])),
        VariableDefinition local => local.Index.ToString(CultureInfo.InvariantCulture),
        ParameterDefinition argument => argument.Index.ToString(CultureInfo.InvariantCulture),
        CallSite => "guest",
        MethodDefinition method => method.Name,
        MemberReference member => $"{member.DeclaringType.Name}.{member.Name}{(member is MethodReference m ? $"({string.Join(',', m.Parameters.Select(p => p.ParameterType.Name))})" : "")}",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        var other => other.ToString(),
    };
}
