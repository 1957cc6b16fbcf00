using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Cheri2IL.Intravisor.LibOs.Abi;

/// <summary>Words that guests are given, or give, as bytes.</summary>
/// <remarks>
/// For <see cref="MemoryMarshal.AsBytes{T}(Span{T})"/>, which .NET has no machine code of for most types: a program would wait for the JIT compiler at its first
/// system call of each kind. For the same reason words are put together by stackalloc and not by collection expressions.
/// </remarks>
internal static class Words
{
    /// <summary>The bytes of words, in the order of the machine.</summary>
    public static Span<byte> AsBytes(Span<long> words) => words.IsEmpty ? default : Bytes(ref Unsafe.As<long, byte>(ref words[0]), words.Length * sizeof(long));

    /// <inheritdoc cref="AsBytes(Span{long})"/>
    public static Span<byte> AsBytes(Span<ulong> words) => words.IsEmpty ? default : Bytes(ref Unsafe.As<ulong, byte>(ref words[0]), words.Length * sizeof(ulong));

    /// <inheritdoc cref="AsBytes(Span{long})"/>
    public static Span<byte> AsBytes(Span<int> words) => words.IsEmpty ? default : Bytes(ref Unsafe.As<int, byte>(ref words[0]), words.Length * sizeof(int));

    /// <inheritdoc cref="AsBytes(Span{long})"/>
    public static Span<byte> AsBytes(Span<uint> words) => words.IsEmpty ? default : Bytes(ref Unsafe.As<uint, byte>(ref words[0]), words.Length * sizeof(uint));

    private static Span<byte> Bytes(ref byte first, int count) => MemoryMarshal.CreateSpan(ref first, count);
}
