using System.Diagnostics;
using System.Text.RegularExpressions;
using Xunit;

namespace Cheri2IL.Translator.Tests.Isa;

/// <summary>The GNU assembler and disassembler for riscv64, as an independent opinion on encodings.</summary>
internal static partial class GnuTools
{
    /// <summary>Architecture string of everything in the tables that binutils 2.40 knows.</summary>
    public const string Architecture = "rv64gc_zba_zbb_zbs";

    private const string Missing = "needs riscv64-linux-gnu-objdump: apt-get install binutils-riscv64-linux-gnu";

    /// <summary>One line of a listing.</summary>
    /// <param name="Address">Address.</param>
    /// <param name="Word">Instruction word.</param>
    /// <param name="Length">Bytes.</param>
    /// <param name="Text">Mnemonic and operands, separated by a space.</param>
    public sealed record Line(long Address, uint Word, int Length, string Text);

    /// <summary>Skips the running test unless the tools are installed.</summary>
    public static void Require()
    {
        try
        {
            Run("riscv64-linux-gnu-objdump", ["--version"]);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip(Missing);
        }
    }

    /// <summary>Disassembles instruction words placed one after the other from address 0.</summary>
    public static List<Line> DisassembleWords(IEnumerable<(uint Word, int Length)> words)
    {
        var folder = Directory.CreateTempSubdirectory("cheri2il-isa-");
        try
        {
            var source = Path.Combine(folder.FullName, "words.s");
            var program = Path.Combine(folder.FullName, "words.o");
            File.WriteAllLines(source, words.Select(word => $".insn {word.Length}, 0x{word.Word:x}").Prepend(".text"));
            Run("riscv64-linux-gnu-as", [$"-march={Architecture}", "-o", program, source]);
            return Disassemble(program);
        }
        finally
        {
            folder.Delete(true);
        }
    }

    /// <summary>Disassembles the code sections of an ELF file.</summary>
    public static List<Line> Disassemble(string elf)
    {
        var lines = new List<Line>();
        foreach (var text in Run("riscv64-linux-gnu-objdump", ["-d", "-z", "-M", "no-aliases", elf]).Split('\n'))
        {
            var match = ListingLine().Match(text);
            if (!match.Success)
                continue;
            var word = match.Groups[2].Value;
            lines.Add(new Line(
                Convert.ToInt64(match.Groups[1].Value, 16), Convert.ToUInt32(word, 16), word.Length / 2, Simplify(match.Groups[3].Value)));
        }

        return lines;
    }

    /// <summary>Whether the text is that of a direct jump or branch, which ends in an absolute address.</summary>
    public static bool IsDirectBranch(string text) =>
        text.Split(' ')[0] is "jal" or "c.j" or "c.beqz" or "c.bnez" or "beq" or "bne" or "blt" or "bge" or "bltu" or "bgeu";

    /// <summary>objdump's text without tabs, symbol names and comments, with 0x before branch targets.</summary>
    private static string Simplify(string text)
    {
        var simple = Decoration().Replace(text.Trim().Replace('\t', ' '), "");
        return IsDirectBranch(simple) ? BranchTarget().Replace(simple, "0x$&") : simple;
    }

    [GeneratedRegex(@"^\s*([0-9a-f]+):\s+([0-9a-f]{4}|[0-9a-f]{8})\s+(\S.*)$")]
    private static partial Regex ListingLine();

    [GeneratedRegex(@"\s*(<.*|#.*)$")]
    private static partial Regex Decoration();

    [GeneratedRegex("[0-9a-f]+$")]
    private static partial Regex BranchTarget();

    private static string Run(string tool, string[] arguments)
    {
        var start = new ProcessStartInfo(tool, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{tool}: {error.Result}");
    }
}
