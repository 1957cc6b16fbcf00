using System.Buffers.Binary;
using System.Globalization;
using Cheri2IL.TableGen;
using Cheri2IL.Translator.Isa.RiscV;
using Xunit;

namespace Cheri2IL.Translator.Tests.Isa;

/// <summary>Decoder and disassembler against the GNU tools: live where they are installed, and a committed listing everywhere.</summary>
public sealed class RiscVDisassemblerTests
{
    private const int WordsPerRow = 50;

    private static readonly string ListingPath =
        RepositoryPath.Combine("tests", "Cheri2IL.Translator.Tests", "Isa", "rv64.listing");

    /// <summary>CHERI2IL_BLESS=1 first writes the listing again, from objdump's output.</summary>
    [Fact]
    public void Format_CommittedListing_Agrees()
    {
        if (Environment.GetEnvironmentVariable("CHERI2IL_BLESS") == "1")
            BlessListing();
        var count = 0;
        foreach (var line in File.ReadLines(ListingPath))
        {
            if (line.Length == 0 || line[0] == '#')
                continue;
            var columns = line.Split(' ', 2);
            var word = uint.Parse(columns[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            Assert.Equal($"{columns[0]} {columns[1]}", $"{columns[0]} {Format(word, columns[0].Length / 2, 0x10000)}");
            count++;
        }

        Assert.InRange(count, 1000, 10_000);
    }

    [Theory]
    [InlineData(0x0EB55533u, "czero.eqz a0,a0,a1")]
    [InlineData(0x0EB57533u, "czero.nez a0,a0,a1")]
    [InlineData(0xD2051553u, "fcvt.d.w fa0,a0")]
    [InlineData(0x8330000Fu, "fence.tso")]
    [InlineData(0x0000A52Fu + 0x06000000u, "amoadd.w.aqrl a0,zero,(ra)")]
    [InlineData(0x0000000Bu, ".4byte 0x0000000b")]
    public void Format_InstructionThatOlderGnuToolsDoNotPrint_IsCanonical(uint word, string text) =>
        Assert.Equal(text, Format(word, 4, 0));

    [Fact]
    public void Format_AllCompressedWords_AgreesWithObjdump()
    {
        GnuTools.Require();
        var words = Enumerable.Range(0, 0x10000).Where(word => (word & 3) != 3).Select(word => ((uint)word, 2));
        var lines = GnuTools.DisassembleWords(words);
        Assert.Equal(0xC000, lines.Count);
        AssertAgree(lines);
    }

    [Fact]
    public void Format_RandomOperandsOfEveryRow_AgreesWithObjdump()
    {
        GnuTools.Require();
        var words = SampleWords(WordsPerRow, seed: 1).ToList();
        var lines = GnuTools.DisassembleWords(words);
        Assert.Equal(words.Count, lines.Count);
        AssertAgree(lines);
    }

    [Fact]
    public void Format_RandomWords_DecodesWhatObjdumpKnowsByTheSameName()
    {
        GnuTools.Require();
        var random = new Random(2);
        var lines = GnuTools.DisassembleWords(Enumerable.Range(0, 100_000).Select(_ => ((uint)random.NextInt64(1L << 30) << 2 | 3, 4))
            .Where(word => (word.Item1 & 0x1F) != 0x1F));
        var known = Enum.GetValues<RiscVOpcode>().Where(opcode => RiscVDisassembler.Extension(opcode) != "Xcheri").Select(RiscVDisassembler.Mnemonic).ToHashSet();
        var compared = 0;
        foreach (var line in lines)
        {
            // GNU names more than user-mode CSRs, and refuses reserved fields that the manual says to ignore.
            var ours = Format(line.Word, 4, line.Address);
            var mnemonic = ours.Split(' ')[0];
            if (mnemonic.StartsWith("csr", StringComparison.Ordinal) || mnemonic.StartsWith("fence", StringComparison.Ordinal)
                || mnemonic.StartsWith("czero", StringComparison.Ordinal) || IsInexactFormOfExactConversion(line.Word))
            {
                continue;
            }

            if (line.Text.EndsWith(",unknown", StringComparison.Ordinal))
                Assert.StartsWith(".4byte", ours, StringComparison.Ordinal); // reserved rounding modes
            else if (ours[0] == '.' && line.Text[0] != '.')
                Assert.DoesNotContain(line.Text.Split(' ')[0], known);
            else if (ours[0] != '.')
                Assert.Equal(line.Text, ours);
            compared++;
        }

        Assert.InRange(compared, 80_000, 100_000);
    }

    [Fact]
    public void Format_RealLibrary_AgreesWithObjdump()
    {
        GnuTools.Require();
        const string Library = "/usr/riscv64-linux-gnu/lib/libc.so.6";
        if (!File.Exists(Library))
            Assert.Skip("needs a riscv64 C library: apt-get install libc6-riscv64-cross");
        var lines = GnuTools.Disassemble(Library);
        Assert.InRange(lines.Count, 200_000, 2_000_000);
        AssertAgree(lines);
    }

    private static void BlessListing()
    {
        GnuTools.Require();
        using var writer = new StreamWriter(ListingPath) { NewLine = "\n" };
        writer.WriteLine("# Instruction word and text as GNU objdump 2.40 prints it with -M no-aliases. Branches are left out: they print addresses.");
        foreach (var line in GnuTools.DisassembleWords(SampleWords(5, seed: 3).Distinct()))
        {
            var text = Normalize(line);
            if (text[0] != '.' && !GnuTools.IsDirectBranch(text))
                writer.WriteLine($"{line.Word.ToString(line.Length == 2 ? "x4" : "x8", CultureInfo.InvariantCulture)} {text}");
        }
    }

    /// <summary>Words of every row of the tables, free fields at random, ignored bits 0.</summary>
    private static IEnumerable<(uint Word, int Length)> SampleWords(int count, int seed)
    {
        var table = new DecodeTable();
        var folder = RepositoryPath.Combine("translator", "Cheri2IL.Translator", "Isa", "RiscV");
        foreach (var name in new[] { "rv64i", "rv64m", "rv64a", "rv64fd", "zicsr", "zb", "rvc" })
            table.Read(name, File.ReadAllText(Path.Combine(folder, name + ".decode")));
        var random = new Random(seed);
        foreach (var row in table.Base.Concat(table.Compressed))
        {
            var ignored = 0u;
            foreach (var c in row.Pattern)
                ignored = ignored << 1 | (c == '-' ? 1u : 0);
            for (var n = 0; n < count;)
            {
                var word = ((uint)random.NextInt64(1L << 32) & ~row.Mask & ~ignored & (row.Width == 16 ? 0xFFFFu : ~0u)) | row.Value;
                if (row.Extension == "Zicsr")
                    word = word & 0xFFFFF | (uint)(n % 2 == 0 ? 1 + n % 3 : 0x7C0 + n) << 20;
                n++;
                if (row.Matches(word) && !IsInexactFormOfExactConversion(word))
                    yield return (word, row.Width / 8);
            }
        }
    }

    /// <summary>fcvt.d.s, fcvt.d.w and fcvt.d.wu with rm other than 0, which binutils 2.40 does not print.</summary>
    private static bool IsInexactFormOfExactConversion(uint word) =>
        (word & 0x7F) == 0x53 && (word & 0x7000) != 0 && (word >> 20) is (0x420 or 0xD20 or 0xD21);

    private static void AssertAgree(List<GnuTools.Line> lines)
    {
        foreach (var line in lines)
        {
            var expected = $"{line.Address:x} {line.Word:x} {Normalize(line)}";
            Assert.Equal(expected, $"{line.Address:x} {line.Word:x} {Format(line.Word, line.Length, line.Address)}");
        }
    }

    /// <summary>objdump's text with the spellings on which the two differ by choice.</summary>
    private static string Normalize(GnuTools.Line line)
    {
        var text = line.Text;
        // objdump prints c.addi16sp with immediate 0 although it is reserved.
        if (text is "c.unimp" or "c.addi16sp sp,0" || text.StartsWith(".2byte", StringComparison.Ordinal))
            return $".2byte 0x{line.Word:x4}";
        if (text.StartsWith(".4byte", StringComparison.Ordinal))
            return $".4byte 0x{line.Word:x8}";
        // The manual's name of c.addi with rd = x0 is c.nop.
        if (text == "c.addi zero,0")
            return "c.nop";
        // The manual dropped these names; they are shifts by 0 on RV64.
        if (text.Split(' ') is ["c.slli64" or "c.srli64" or "c.srai64", var register])
            return $"{text[..6]} {register},0x0";
        return text.Replace("c.addi zero,", "c.nop ", StringComparison.Ordinal);
    }

    private static string Format(uint word, int length, long address)
    {
        Span<byte> code = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(code, word);
        RiscVDecoder.TryDecode(code[..length], address, out var instruction);
        return RiscVDisassembler.Format(in instruction);
    }
}
