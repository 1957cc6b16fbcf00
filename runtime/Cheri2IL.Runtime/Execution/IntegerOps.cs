using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// Integer operations of RISC-V that neither IL nor the class library has with the same corner results. None throws;
/// all are safe for every operand.
/// </summary>
public static class IntegerOps
{
    private const ulong LowSevenOfEachByte = 0x7f7f_7f7f_7f7f_7f7f;
    private const ulong HighOfEachByte = 0x8080_8080_8080_8080;

    /// <summary><c>mulh</c>: high 64 bits of the 128-bit product of two signed values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long MulHighS(long a, long b) => MulHighU(a, b) - ((a >> 63) & b) - ((b >> 63) & a);

    /// <summary><c>mulhu</c>: high 64 bits of the 128-bit product of two unsigned values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long MulHighU(long a, long b) => Bmi2.X64.IsSupported
        ? (long)Bmi2.X64.MultiplyNoFlags((ulong)a, (ulong)b)
        : (long)Math.BigMul((ulong)a, (ulong)b, out _);

    /// <summary><c>mulhsu</c>: high 64 bits of signed <paramref name="a"/> times unsigned <paramref name="b"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long MulHighSU(long a, long b) => MulHighU(a, b) - ((a >> 63) & b);

    /// <summary><c>div</c>: quotient rounded towards zero; x / 0 = -1, most negative / -1 = most negative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long DivS(long a, long b)
    {
        // One unsigned compare keeps both trapping divisors, 0 and -1, away from the host's divide instruction.
        if ((ulong)(b + 1) > 1)
            return a / b;
        return b == 0 ? -1 : -a;
    }

    /// <summary><c>divw</c> before sign extension: as <see cref="DivS(long, long)"/>, 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DivS(int a, int b)
    {
        if ((uint)(b + 1) > 1)
            return a / b;
        return b == 0 ? -1 : -a;
    }

    /// <summary><c>divu</c>: unsigned quotient; x / 0 = 2^64 - 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long DivU(long a, long b) => b != 0 ? (long)((ulong)a / (ulong)b) : -1;

    /// <summary><c>divuw</c> before sign extension: unsigned quotient; x / 0 = 2^32 - 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DivU(int a, int b) => b != 0 ? (int)((uint)a / (uint)b) : -1;

    /// <summary><c>rem</c>: remainder with the sign of <paramref name="a"/>; x % 0 = x, most negative % -1 = 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long RemS(long a, long b)
    {
        if ((ulong)(b + 1) > 1)
            return a % b;
        return b == 0 ? a : 0;
    }

    /// <summary><c>remw</c> before sign extension: as <see cref="RemS(long, long)"/>, 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int RemS(int a, int b)
    {
        if ((uint)(b + 1) > 1)
            return a % b;
        return b == 0 ? a : 0;
    }

    /// <summary><c>remu</c>: unsigned remainder; x % 0 = x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long RemU(long a, long b) => b != 0 ? (long)((ulong)a % (ulong)b) : a;

    /// <summary><c>remuw</c> before sign extension: unsigned remainder; x % 0 = x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int RemU(int a, int b) => b != 0 ? (int)((uint)a % (uint)b) : a;

    /// <summary><c>orc.b</c>: each byte becomes 0xff if it is not zero, else 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long OrCombine(long a)
    {
        // Bit 7 of a byte's low seven bits plus 0x7f is set exactly when they are not all zero; no carry leaves a byte.
        var nonZero = ((((ulong)a & LowSevenOfEachByte) + LowSevenOfEachByte) | (ulong)a) & HighOfEachByte;
        return (long)(nonZero | (nonZero - (nonZero >> 7)));
    }
}
