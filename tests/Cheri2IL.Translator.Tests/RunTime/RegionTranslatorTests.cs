using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.RunTime;
using Xunit;

namespace Cheri2IL.Translator.Tests.RunTime;

/// <summary>When a region inside a function is translated.</summary>
public sealed unsafe class RegionTranslatorTests
{
    private const long Start = 0x11000;
    private const uint Nop = 0x00000013;
    private const uint Return = 0x00008067;

    [Fact]
    public void Translate_InASmallFunction_TranslatesAtOnce()
        => Assert.NotNull(Translate(New(15 << 10), Start + 4));

    [Theory]
    [InlineData(16 << 10)]
    [InlineData(20 << 10)]
    public void Translate_InALargeFunction_EvaluatesTwiceItsBytesBeforeEachRegionBehindTheSecond(int length)
    {
        var translator = New(length);
        for (var k = 1; k <= 2; k++)
            Assert.NotEqual(0, Translate(translator, Start + length - (16 * k))!.Find(Start + length - (16 * k)));
        for (var round = 0; round < 2; round++)
        {
            // Wherever it is interrupted: the function counts, not the place.
            for (var k = 0; k < 2 * length; k++)
                Assert.Null(Translate(translator, Start + (4 * ((k * 7) % (length / 4)))));
            Assert.NotEqual(0, Translate(translator, Start + length - 8)!.Find(Start + length - 8));
        }
    }

    [Theory]
    [InlineData(100, 1_000_000)]
    [InlineData(1_000, 1_000_000)]
    [InlineData(3_000, 3_000_000)]
    public void Translate_OfAFileWithoutCode_TranslatesWhatHasBeenEvaluatedForAsLong(int length, long enough)
    {
        var translator = New(length, HotCode.Default);
        Assert.True(translator.EvaluatesFirst);
        Assert.Null(Translate(translator, Start));
        Assert.Null(Translate(translator, Start + 8));
        Assert.Equal([Start, Start + 8], translator.Entered.Order());
        Assert.Null(Translate(translator, Start, enough - 1));
        Assert.NotEqual(0, Translate(translator, Start, enough)!.Find(Start));
        Assert.NotEqual(0, Translate(translator, Start + 4, enough)!.Find(Start + 4));
        Assert.Equal(2, translator.Entered.Length);
    }

    private static RegionTranslator New(int length, HotCode? hot = null)
    {
        var code = new byte[length];
        for (var at = 0; at < length; at += sizeof(uint))
            BinaryPrimitives.WriteUInt32LittleEndian(code.AsSpan(at), at + sizeof(uint) < length ? Nop : Return);
        var image = new GuestImage(code, 0, [new GuestSegment(Start, length, code, IsExecutable: true, IsWritable: false)], [new GuestRange(Start, Start + length, "large")], []);
        return new RegionTranslator(image, new TranslationOptions { Parallelism = 1 }, cache: null, hot);
    }

    private static TranslatedModule? Translate(RegionTranslator translator, long pc, long evaluated = 0)
    {
        var state = (GuestState*)NativeMemory.AllocZeroed((nuint)sizeof(GuestState));
        try
        {
            return translator.Translate(state, pc, evaluated);
        }
        finally
        {
            NativeMemory.Free(state);
        }
    }
}
