using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// What loops that are translated to several turns at a time are made of: 32 bytes of 1-, 2-, 4- or 8-byte elements. Lane for
/// lane, results and sticky flags are those of the host's scalar instructions.
/// </summary>
/// <remarks>Only for code behind <see cref="IsFast"/>. One type for every kind of element, since conversions between them are free.</remarks>
public static unsafe class VectorOps
{
    /// <summary>Whether the host has instructions for all of it; a constant to the JIT compiler.</summary>
    public static bool IsFast => Vector256.IsHardwareAccelerated;

    /// <summary>Loads 32 bytes, unaligned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Load(byte* address) => Vector256.Load(address);

    /// <summary>Stores 32 bytes, unaligned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* address, Vector256<byte> value) => value.Store(address);

    /// <summary>The low byte in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> BroadcastI8(long value) => Vector256.Create((byte)value);

    /// <summary>The low two bytes in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> BroadcastI16(long value) => Vector256.Create((ushort)value).AsByte();

    /// <summary>The low four bytes in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> BroadcastI32(long value) => Vector256.Create((uint)value).AsByte();

    /// <summary>The value in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> BroadcastI64(long value) => Vector256.Create(value).AsByte();

    /// <summary>The value in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> BroadcastF32(float value) => Vector256.Create(value).AsByte();

    /// <summary>The value in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> BroadcastF64(double value) => Vector256.Create(value).AsByte();

    /// <summary>Lane-wise and.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> And(Vector256<byte> a, Vector256<byte> b) => a & b;

    /// <summary>Lane-wise or.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Or(Vector256<byte> a, Vector256<byte> b) => a | b;

    /// <summary>Lane-wise exclusive or.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Xor(Vector256<byte> a, Vector256<byte> b) => a ^ b;

    /// <summary>Lane-wise sum, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> AddI8(Vector256<byte> a, Vector256<byte> b) => a + b;

    /// <summary>Lane-wise sum, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> AddI16(Vector256<byte> a, Vector256<byte> b) => (a.AsInt16() + b.AsInt16()).AsByte();

    /// <summary>Lane-wise sum, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> AddI32(Vector256<byte> a, Vector256<byte> b) => (a.AsInt32() + b.AsInt32()).AsByte();

    /// <summary>Lane-wise sum, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> AddI64(Vector256<byte> a, Vector256<byte> b) => (a.AsInt64() + b.AsInt64()).AsByte();

    /// <summary>Lane-wise difference, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SubI8(Vector256<byte> a, Vector256<byte> b) => a - b;

    /// <summary>Lane-wise difference, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SubI16(Vector256<byte> a, Vector256<byte> b) => (a.AsInt16() - b.AsInt16()).AsByte();

    /// <summary>Lane-wise difference, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SubI32(Vector256<byte> a, Vector256<byte> b) => (a.AsInt32() - b.AsInt32()).AsByte();

    /// <summary>Lane-wise difference, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SubI64(Vector256<byte> a, Vector256<byte> b) => (a.AsInt64() - b.AsInt64()).AsByte();

    /// <summary>Lane-wise binary32 sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> AddF32(Vector256<byte> a, Vector256<byte> b) => (a.AsSingle() + b.AsSingle()).AsByte();

    /// <summary>Lane-wise binary64 sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> AddF64(Vector256<byte> a, Vector256<byte> b) => (a.AsDouble() + b.AsDouble()).AsByte();

    /// <summary>Lane-wise binary32 difference.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SubF32(Vector256<byte> a, Vector256<byte> b) => (a.AsSingle() - b.AsSingle()).AsByte();

    /// <summary>Lane-wise binary64 difference.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SubF64(Vector256<byte> a, Vector256<byte> b) => (a.AsDouble() - b.AsDouble()).AsByte();

    /// <summary>Lane-wise binary32 product.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> MulF32(Vector256<byte> a, Vector256<byte> b) => (a.AsSingle() * b.AsSingle()).AsByte();

    /// <summary>Lane-wise binary64 product.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> MulF64(Vector256<byte> a, Vector256<byte> b) => (a.AsDouble() * b.AsDouble()).AsByte();

    /// <summary>Lane-wise binary32 quotient.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> DivF32(Vector256<byte> a, Vector256<byte> b) => (a.AsSingle() / b.AsSingle()).AsByte();

    /// <summary>Lane-wise binary64 quotient.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> DivF64(Vector256<byte> a, Vector256<byte> b) => (a.AsDouble() / b.AsDouble()).AsByte();

    /// <summary>Lane-wise binary32 square root.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SqrtF32(Vector256<byte> a) => Vector256.Sqrt(a.AsSingle()).AsByte();

    /// <summary>Lane-wise binary64 square root.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SqrtF64(Vector256<byte> a) => Vector256.Sqrt(a.AsDouble()).AsByte();

    /// <summary>Lane-wise binary32 a * b + c with one rounding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> MulAddF32(Vector256<byte> a, Vector256<byte> b, Vector256<byte> c)
        => Vector256.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).AsByte();

    /// <summary>Lane-wise binary64 a * b + c with one rounding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> MulAddF64(Vector256<byte> a, Vector256<byte> b, Vector256<byte> c)
        => Vector256.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).AsByte();

    /// <summary>Lane-wise binary32 with the sign changed; NaNs keep their other bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> NegF32(Vector256<byte> a) => (a.AsUInt32() ^ Vector256.Create(1u << 31)).AsByte();

    /// <summary>Lane-wise binary64 with the sign changed; NaNs keep their other bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> NegF64(Vector256<byte> a) => (a.AsUInt64() ^ Vector256.Create(1ul << 63)).AsByte();

    /// <summary>Whether any lane is a NaN. Raises nothing for quiet ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasNaNF32(Vector256<byte> a) => !Vector256.EqualsAll(a.AsSingle(), a.AsSingle());

    /// <summary>Whether any lane is a NaN. Raises nothing for quiet ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasNaNF64(Vector256<byte> a) => !Vector256.EqualsAll(a.AsDouble(), a.AsDouble());
}
