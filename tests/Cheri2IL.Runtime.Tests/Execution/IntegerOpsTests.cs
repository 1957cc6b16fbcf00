using System.Numerics;
using Cheri2IL.Runtime.Execution;
using CsCheck;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Execution;

/// <summary>Integer primitives against big integers, on every pair of corner values and on random ones.</summary>
public sealed class IntegerOpsTests
{
    private static readonly long[] Corners =
    [
        0, 1, 2, 3, 7, 10, 0x7f, 0x80, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0x0101_0101_0101_0101,
        0x0080_0000_ff00_0001, long.MaxValue - 1, long.MaxValue, long.MinValue, long.MinValue + 1, -1, -2, -3, -7, -10,
        int.MinValue, int.MinValue + 1L, int.MinValue - 1L,
    ];

    private static readonly BigInteger Two32 = BigInteger.One << 32;
    private static readonly BigInteger Two64 = BigInteger.One << 64;

    public static TheoryData<string> Operations { get; } =
        ["MulHighS", "MulHighU", "MulHighSU", "DivS", "DivU", "RemS", "RemU"];

    [Theory]
    [MemberData(nameof(Operations))]
    public void LongOperation_CornerPairs_MatchBigIntegers(string operation)
    {
        foreach (var a in Corners)
        {
            foreach (var b in Corners)
                Assert.Equal(ExpectedLong(operation, a, b), ActualLong(operation, a, b));
        }
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void LongOperation_RandomPairs_MatchBigIntegers(string operation)
        => Gen.Select(Gen.Long, Gen.Long).Sample((a, b) => ExpectedLong(operation, a, b) == ActualLong(operation, a, b));

    [Theory]
    [InlineData("DivS")]
    [InlineData("DivU")]
    [InlineData("RemS")]
    [InlineData("RemU")]
    public void IntOperation_CornerPairs_MatchBigIntegers(string operation)
    {
        foreach (var a in Corners)
        {
            foreach (var b in Corners)
                Assert.Equal(ExpectedInt(operation, (int)a, (int)b), ActualInt(operation, (int)a, (int)b));
        }
    }

    [Theory]
    [InlineData("DivS")]
    [InlineData("DivU")]
    [InlineData("RemS")]
    [InlineData("RemU")]
    public void IntOperation_RandomPairs_MatchBigIntegers(string operation)
        => Gen.Select(Gen.Int, Gen.Int).Sample((a, b) => ExpectedInt(operation, a, b) == ActualInt(operation, a, b));

    [Fact]
    public void OrCombine_EveryByteInEveryPlace_FillsNonZeroBytes()
    {
        for (var place = 0; place < 64; place += 8)
        {
            for (var value = 0L; value < 256; value++)
            {
                Assert.Equal(value == 0 ? 0 : 0xffL << place, IntegerOps.OrCombine(value << place));
                Assert.Equal(value == 0 ? ~(0xffL << place) : -1, IntegerOps.OrCombine(~(0xffL << place) | (value << place)));
            }
        }
    }

    private static long ActualLong(string operation, long a, long b) => operation switch
    {
        "MulHighS" => IntegerOps.MulHighS(a, b),
        "MulHighU" => IntegerOps.MulHighU(a, b),
        "MulHighSU" => IntegerOps.MulHighSU(a, b),
        "DivS" => IntegerOps.DivS(a, b),
        "DivU" => IntegerOps.DivU(a, b),
        "RemS" => IntegerOps.RemS(a, b),
        _ => IntegerOps.RemU(a, b),
    };

    private static int ActualInt(string operation, int a, int b) => operation switch
    {
        "DivS" => IntegerOps.DivS(a, b),
        "DivU" => IntegerOps.DivU(a, b),
        "RemS" => IntegerOps.RemS(a, b),
        _ => IntegerOps.RemU(a, b),
    };

    private static long ExpectedLong(string operation, long a, long b) => operation switch
    {
        "MulHighS" => (long)Wrap(((BigInteger)a * b) >> 64, Two64),
        "MulHighU" => (long)Wrap(((BigInteger)(ulong)a * (ulong)b) >> 64, Two64),
        "MulHighSU" => (long)Wrap(((BigInteger)a * (ulong)b) >> 64, Two64),
        _ => (long)Wrap(Divide(operation, a, b, (ulong)a, (ulong)b), Two64),
    };

    private static int ExpectedInt(string operation, int a, int b)
        => (int)Wrap(Divide(operation, a, b, (uint)a, (uint)b), Two32);

    private static BigInteger Divide(string operation, BigInteger a, BigInteger b, BigInteger unsignedA, BigInteger unsignedB)
        => operation switch
        {
            "DivS" => b.IsZero ? -1 : BigInteger.Divide(a, b),
            "DivU" => b.IsZero ? -1 : BigInteger.Divide(unsignedA, unsignedB),
            "RemS" => b.IsZero ? a : BigInteger.Remainder(a, b),
            _ => b.IsZero ? unsignedA : BigInteger.Remainder(unsignedA, unsignedB),
        };

    /// <summary>The value modulo 2^n as a signed n-bit integer.</summary>
    private static BigInteger Wrap(BigInteger value, BigInteger modulus)
    {
        var low = BigInteger.Remainder(value, modulus);
        if (low.Sign < 0)
            low += modulus;
        return low >= modulus / 2 ? low - modulus : low;
    }
}
