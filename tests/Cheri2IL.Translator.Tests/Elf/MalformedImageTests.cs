using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Tests;
using Cheri2IL.Translator.Elf;
using Cheri2IL.Translator.Tests.Isa;
using Xunit;

namespace Cheri2IL.Translator.Tests.Elf;

/// <summary>Damaged images: one clear error or a translation, never another exception and never a huge allocation.</summary>
public sealed class MalformedImageTests
{
    // The intact image needs a few hundred kilobytes; a size taken from a damaged field would be far beyond this.
    private const long AllocationLimit = 64 << 20;

    private static readonly byte[] s_intact = File.ReadAllBytes(RepositoryPath.Combine("corpus", "hello", "bin", "hello.elf"));

    /// <summary>Cases of corpus/attacks/elf/malformed.tsv: name, outcome, edits.</summary>
    public static TheoryData<string, string, string> Cases()
    {
        var data = new TheoryData<string, string, string>();
        foreach (var line in File.ReadLines(RepositoryPath.Combine("corpus", "attacks", "elf", "malformed.tsv")))
        {
            if (line.StartsWith('#'))
                continue;
            var fields = line.Split('\t');
            data.Add(fields[0], fields[1], fields[2]);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Image_Damaged_HasTheStatedOutcome(string name, string outcome, string edits)
    {
        var error = ParseError(DamagedImage.Create(s_intact, edits), name + ".elf");
        if (outcome == "rejected")
        {
            Assert.NotNull(error);
            Assert.StartsWith(name + ".elf(0x", error, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error);
        }
        else
        {
            Assert.Equal("survives", outcome);
        }
    }

    [Fact]
    public void Image_Intact_Translates() => Assert.Null(ParseError(s_intact, "hello.elf"));

    [Fact]
    public void Image_CutAnywhere_OneErrorOrATranslation()
    {
        for (var length = 0; length < s_intact.Length; length += 61)
            ParseError(s_intact[..length], "cut.elf");
    }

    [Theory]
    [InlineData(1, 1500)]
    [InlineData(2, 1500)]
    [Trait("Category", "Fuzz")]
    public void Image_BytesChangedAtRandom_OneErrorOrATranslation(int seed, int rounds)
    {
        var fuzzing = new Fuzzing(tests: 2);
        seed = Fuzzing.Seed(seed);
        var random = new Random(seed);
        ReadOnlySpan<byte> edges = [0x00, 0x01, 0x7f, 0x80, 0xff];
        for (var round = 0; round < rounds || fuzzing.GoesOn; round++)
        {
            byte[] bytes = [.. s_intact];
            for (var edits = random.Next(1, 9); edits > 0; edits--)
            {
                // Headers, dynamic section and tables are at the front and at the end; code is in between.
                var at = random.Next(4) switch { 0 => random.Next(64), 1 => random.Next(64, 700), 2 => random.Next(bytes.Length - 4000, bytes.Length), _ => random.Next(bytes.Length) };
                bytes[at] = random.Next(2) == 0 ? edges[random.Next(edges.Length)] : (byte)random.Next(256);
            }

            try
            {
                ParseError(bytes, "random.elf");
            }
            catch (Exception exception)
            {
                Assert.Fail($"seed {seed}, round {round}: {exception}");
            }
        }
    }

    /// <summary>The error message, or null if the image could be parsed and prepared for translation.</summary>
    private static string? ParseError(byte[] bytes, string file)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        string? error = null;
        try
        {
            var image = ElfImage.Parse(bytes, file);
            image.ToGuestImage(0x10000);
        }
        catch (ElfFormatException exception)
        {
            error = exception.Message;
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocationLimit);
        return error;
    }
}
