using System.Text;
using Cheri2IL.Translator.Isa.RiscV;
using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>docs/isa.md says what the decode tables say.</summary>
public sealed class IsaTableTests
{
    [Fact]
    [Trait("Category", "Generated")]
    public void IsaDocument_Regenerated_IsIdentical() => GeneratedDocument.AssertCurrent("docs/isa.md", Generate());

    private static string Generate()
    {
        var text = new StringBuilder();
        text.Append("# Instruction set\n\nGenerated from the decode tables by `tools/dev gen`. Everything else raises SIGILL when executed.\n");
        text.Append("Compressed instructions (C) are translated as the base instructions they stand for.\n");
        var byExtension = Enum.GetValues<RiscVOpcode>().Where(o => o != RiscVOpcode.Invalid)
            .GroupBy(RiscVDisassembler.Extension).OrderBy(g => g.Key, StringComparer.Ordinal);
        foreach (var group in byExtension)
        {
            text.Append($"\n## {group.Key}\n\n");
            if (group.Key == "Xcheri")
                text.Append("CHERI-RISC-V ISAv9, in both encoding modes, for hybrid and pure-capability programs ([capabilities.md](capabilities.md)).\n\n");
            text.Append("| instruction | operands |\n|---|---|\n");
            foreach (var opcode in group)
                text.Append($"| `{RiscVDisassembler.Mnemonic(opcode)}` | {Code(RiscVDisassembler.OperandForm(opcode))} |\n");
        }

        return text.ToString();
    }

    private static string Code(string form) => form.Length == 0 ? "" : $"`{form}`";
}
