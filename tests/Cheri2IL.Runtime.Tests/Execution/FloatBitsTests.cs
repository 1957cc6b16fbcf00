using Cheri2IL.Runtime.Execution;
using CsCheck;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Execution;

/// <summary>Operations on bit patterns: no conversion touches a payload, no flag is raised, signalling NaNs stay.</summary>
public sealed class FloatBitsTests
{
    private const ulong SignallingDouble = 0xfff0_0000_0000_1234;

    /// <summary>Volatile, because the JIT keeps constant singles as doubles, which makes a signalling one quiet.</summary>
    private static volatile uint SignallingSingle = 0xff80_1234;

    [Fact]
    public void Box_AnySingle_SetsTheUpperHalfAndKeepsThePayload()
        => Gen.UInt.Sample(bits => Box(bits) == (0xffff_ffff_0000_0000 | bits));

    [Fact]
    public void Box_SignallingNaN_StaysSignalling()
        => AssertQuiet(() => Box(SignallingSingle), 0xffff_ffff_0000_0000 | SignallingSingle);

    [Fact]
    public void Unbox_Boxed_IsTheSingle()
        => Gen.UInt.Sample(bits => Unbox(0xffff_ffff_0000_0000 | bits) == bits);

    [Theory]
    [InlineData(0x0000_0000_3f80_0000)]
    [InlineData(0xffff_fffe_3f80_0000)]
    [InlineData(0x7fff_ffff_3f80_0000)]
    [InlineData(0xefff_ffff_3f80_0000)]
    public void Unbox_UpperBitClear_IsTheCanonicalNaN(ulong register)
        => AssertQuiet(() => Unbox(register), 0x7fc0_0000);

    [Fact]
    public void Unbox_BoxedSignallingNaN_StaysSignalling()
        => AssertQuiet(() => Unbox(0xffff_ffff_0000_0000 | SignallingSingle), SignallingSingle);

    [Fact]
    public void LowSingle_NotBoxed_IsTheLowHalf()
        => AssertQuiet(() => Single(FloatOps.LowSingle(FromBits(0x1234_5678_0000_0000UL | SignallingSingle))), SignallingSingle);

    [Fact]
    public void SignOperations_SignallingNaNs_ChangeTheSignBitAlone()
    {
        var one = FromBits(0x3ff0_0000_0000_0000);
        var signalling = FromBits(SignallingDouble);
        AssertQuiet(() => Double(FloatOps.Negate(signalling)), SignallingDouble ^ (1UL << 63));
        AssertQuiet(() => Double(FloatOps.Absolute(signalling)), SignallingDouble & long.MaxValue);
        AssertQuiet(() => Double(FloatOps.CopySign(signalling, one)), SignallingDouble & long.MaxValue);
        AssertQuiet(() => Double(FloatOps.CopySign(one, signalling)), 0xbff0_0000_0000_0000);
        var single = BitConverter.UInt32BitsToSingle(SignallingSingle);
        AssertQuiet(() => Single(FloatOps.Negate(single)), SignallingSingle ^ (1U << 31));
        AssertQuiet(() => Single(FloatOps.Absolute(single)), SignallingSingle & int.MaxValue);
        AssertQuiet(() => Single(FloatOps.CopySign(single, 1f)), SignallingSingle & int.MaxValue);
        AssertQuiet(() => Single(FloatOps.CopySign(1f, single)), 0xbf80_0000);
    }

    [Fact]
    public void CanonicalNaN_EveryKind_ReplacesNaNsOnly()
    {
        Assert.Equal(0x7ff8_0000_0000_0000UL, Double(FloatOps.CanonicalNaN(FromBits(0xfff8_0000_0000_0000))));
        Assert.Equal(0x7ff8_0000_0000_0000UL, Double(FloatOps.CanonicalNaN(FromBits(0x7fff_ffff_ffff_ffff))));
        Assert.Equal(0x7fc0_0000UL, Single(FloatOps.CanonicalNaN(BitConverter.UInt32BitsToSingle(0xffc0_0000))));
        foreach (var bits in (ulong[])[0, 1UL << 63, 1, 0x7ff0_0000_0000_0000, 0xfff0_0000_0000_0000, 0x3ff0_0000_0000_0000])
            Assert.Equal(bits, Double(FloatOps.CanonicalNaN(FromBits(bits))));
        foreach (var bits in (uint[])[0, 1U << 31, 1, 0x7f80_0000, 0xff80_0000, 0x3f80_0000])
            Assert.Equal(bits, Single(FloatOps.CanonicalNaN(BitConverter.UInt32BitsToSingle(bits))));
    }

    [Fact]
    public void Bits_OfSingles_AreSignExtended()
    {
        Assert.Equal(unchecked((int)SignallingSingle), FloatOps.Bits(BitConverter.UInt32BitsToSingle(SignallingSingle)));
        Assert.Equal(SignallingSingle, Single(FloatOps.SingleFromBits(0x5555_5555_0000_0000 | SignallingSingle)));
        Assert.Equal(unchecked((long)SignallingDouble), FloatOps.Bits(FloatOps.FromBits(unchecked((long)SignallingDouble))));
    }

    private static void AssertQuiet(Func<ulong> operation, ulong expected)
    {
        using var status = new FloatStatusScope();
        var (result, flags) = status.Run(0, () => operation());
        Assert.Equal(expected, result);
        Assert.Equal(0, flags);
    }

    private static ulong Box(uint bits) => Double(FloatOps.Box(BitConverter.UInt32BitsToSingle(bits)));

    private static ulong Unbox(ulong bits) => Single(FloatOps.Unbox(FromBits(bits)));

    private static double FromBits(ulong bits) => BitConverter.UInt64BitsToDouble(bits);

    private static ulong Double(double value) => BitConverter.DoubleToUInt64Bits(value);

    private static ulong Single(float value) => BitConverter.SingleToUInt32Bits(value);
}
