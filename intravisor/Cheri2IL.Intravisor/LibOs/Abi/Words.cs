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
    public static Span<byte> AsBytes<T>(Span<T> words)
        where T : unmanaged
        => words.IsEmpty ? default : MemoryMarshal.CreateSpan(ref Unsafe.As<T, byte>(ref words[0]), words.Length * Unsafe.SizeOf<T>());
}
