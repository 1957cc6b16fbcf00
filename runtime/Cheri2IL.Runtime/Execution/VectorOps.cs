using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// What loops that are translated to several turns at a time are made of: 32 bytes of 1-, 2-, 4- or 8-byte elements. Lane for
/// lane, results and sticky flags are those of the host's scalar instructions.
/// </summary>
/// <remarks>
/// Only for code behind <see cref="IsFast"/>. One type for every kind of element, since conversions between them are free.
/// Written in the processor's own intrinsics, because ahead of time the compiler expands no others outside .NET's core library
/// (it leaves methods that call those of <see cref="Vector256"/> to the JIT compiler).
/// </remarks>
public static unsafe class VectorOps
{
    /// <summary>Whether the host has instructions for all of it; a constant to the JIT compiler.</summary>
    public static bool IsFast => Avx2.IsSupported && Fma.IsSupported;

    /// <summary>Loads 32 bytes, unaligned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Load(byte* address) => Avx.LoadVector256(address);

    /// <summary>Stores 32 bytes, unaligned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* address, Vector256<byte> value) => Avx.Store(address, value);

    /// <summary>The low byte in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> BroadcastI8(long value) => Avx2.BroadcastScalarToVector256((byte*)&value);

    /// <summary>The low two bytes in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> BroadcastI16(long value) => Avx2.BroadcastScalarToVector256((ushort*)&value).AsByte();

    /// <summary>The low four bytes in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> BroadcastI32(long value) => Avx2.BroadcastScalarToVector256((uint*)&value).AsByte();

    /// <summary>The value in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> BroadcastI64(long value) => Avx2.BroadcastScalarToVector256(&value).AsByte();

    /// <summary>The value in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> BroadcastF32(float value) => Avx.BroadcastScalarToVector256(&value).AsByte();

    /// <summary>The value in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> BroadcastF64(double value) => Avx.BroadcastScalarToVector256(&value).AsByte();

    /// <summary>Lane-wise and.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> And(Vector256<byte> a, Vector256<byte> b) => Avx2.And(a, b);

    /// <summary>Lane-wise or.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Or(Vector256<byte> a, Vector256<byte> b) => Avx2.Or(a, b);

    /// <summary>Lane-wise exclusive or.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Xor(Vector256<byte> a, Vector256<byte> b) => Avx2.Xor(a, b);

    /// <summary>Lane-wise sum, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> AddI8(Vector256<byte> a, Vector256<byte> b) => Avx2.Add(a, b);

    /// <summary>Lane-wise sum, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> AddI16(Vector256<byte> a, Vector256<byte> b) => Avx2.Add(a.AsInt16(), b.AsInt16()).AsByte();

    /// <summary>Lane-wise sum, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> AddI32(Vector256<byte> a, Vector256<byte> b) => Avx2.Add(a.AsInt32(), b.AsInt32()).AsByte();

    /// <summary>Lane-wise sum, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> AddI64(Vector256<byte> a, Vector256<byte> b) => Avx2.Add(a.AsInt64(), b.AsInt64()).AsByte();

    /// <summary>Lane-wise difference, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SubI8(Vector256<byte> a, Vector256<byte> b) => Avx2.Subtract(a, b);

    /// <summary>Lane-wise difference, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SubI16(Vector256<byte> a, Vector256<byte> b) => Avx2.Subtract(a.AsInt16(), b.AsInt16()).AsByte();

    /// <summary>Lane-wise difference, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SubI32(Vector256<byte> a, Vector256<byte> b) => Avx2.Subtract(a.AsInt32(), b.AsInt32()).AsByte();

    /// <summary>Lane-wise difference, wrapping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SubI64(Vector256<byte> a, Vector256<byte> b) => Avx2.Subtract(a.AsInt64(), b.AsInt64()).AsByte();

    /// <summary>Lane-wise binary32 sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> AddF32(Vector256<byte> a, Vector256<byte> b) => Avx.Add(a.AsSingle(), b.AsSingle()).AsByte();

    /// <summary>Lane-wise binary64 sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> AddF64(Vector256<byte> a, Vector256<byte> b) => Avx.Add(a.AsDouble(), b.AsDouble()).AsByte();

    /// <summary>Lane-wise binary32 difference.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SubF32(Vector256<byte> a, Vector256<byte> b) => Avx.Subtract(a.AsSingle(), b.AsSingle()).AsByte();

    /// <summary>Lane-wise binary64 difference.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SubF64(Vector256<byte> a, Vector256<byte> b) => Avx.Subtract(a.AsDouble(), b.AsDouble()).AsByte();

    /// <summary>Lane-wise binary32 product.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> MulF32(Vector256<byte> a, Vector256<byte> b) => Avx.Multiply(a.AsSingle(), b.AsSingle()).AsByte();

    /// <summary>Lane-wise binary64 product.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> MulF64(Vector256<byte> a, Vector256<byte> b) => Avx.Multiply(a.AsDouble(), b.AsDouble()).AsByte();

    /// <summary>Lane-wise binary32 quotient.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> DivF32(Vector256<byte> a, Vector256<byte> b) => Avx.Divide(a.AsSingle(), b.AsSingle()).AsByte();

    /// <summary>Lane-wise binary64 quotient.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> DivF64(Vector256<byte> a, Vector256<byte> b) => Avx.Divide(a.AsDouble(), b.AsDouble()).AsByte();

    /// <summary>Lane-wise binary32 square root.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SqrtF32(Vector256<byte> a) => Avx.Sqrt(a.AsSingle()).AsByte();

    /// <summary>Lane-wise binary64 square root.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> SqrtF64(Vector256<byte> a) => Avx.Sqrt(a.AsDouble()).AsByte();

    /// <summary>Lane-wise binary32 a * b + c with one rounding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> MulAddF32(Vector256<byte> a, Vector256<byte> b, Vector256<byte> c)
        => Fma.MultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).AsByte();

    /// <summary>Lane-wise binary64 a * b + c with one rounding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> MulAddF64(Vector256<byte> a, Vector256<byte> b, Vector256<byte> c)
        => Fma.MultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).AsByte();

    /// <summary>Lane-wise binary32 with the sign changed; NaNs keep their other bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> NegF32(Vector256<byte> a) => Xor(a, BroadcastI32(1L << 31));

    /// <summary>Lane-wise binary64 with the sign changed; NaNs keep their other bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> NegF64(Vector256<byte> a) => Xor(a, BroadcastI64(1L << 63));

    /// <summary>Whether any lane of either is a NaN. Raises nothing for quiet ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasNaNF32(Vector256<byte> a, Vector256<byte> b) => Avx.MoveMask(Avx.CompareUnordered(a.AsSingle(), b.AsSingle())) != 0;

    /// <summary>Whether any lane of either is a NaN. Raises nothing for quiet ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasNaNF64(Vector256<byte> a, Vector256<byte> b) => Avx.MoveMask(Avx.CompareUnordered(a.AsDouble(), b.AsDouble())) != 0;
}
