using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>
/// Copies between places of which either may be guest memory that another thread unmaps at that moment: traps end the copy, not the
/// process. For threads that the fault trap serves.
/// </summary>
internal static unsafe class GuestCopy
{
    /// <summary>Copies; false where it trapped, when part may have been copied. The ranges must not overlap.</summary>
    public static bool TryCopy(byte* from, byte* to, ulong length)
    {
        try
        {
            Copy(from, to, (nuint)length);
            return true;
        }
        catch (NullReferenceException)
        {
            return false;
        }
    }

    /// <summary>Copies; traps become a <see cref="NullReferenceException"/>.</summary>
    // In a method of its own, so that its locals stay in registers (locals that live across a try do not).
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Copy(byte* from, byte* to, nuint length)
    {
        for (; length >= (nuint)sizeof(Block); length -= (nuint)sizeof(Block), from += sizeof(Block), to += sizeof(Block))
            Unsafe.WriteUnaligned(to, Unsafe.ReadUnaligned<Block>(from));
        for (; length >= 8; length -= 8, from += 8, to += 8)
            Unsafe.WriteUnaligned(to, Unsafe.ReadUnaligned<ulong>(from));
        for (; length > 0; length--)
            *to++ = *from++;
    }

    /// <summary>
    /// What the loops move at a time. The compiler makes vector moves of it, also ahead of time; methods that name vectors are
    /// left to the JIT compiler, for which every guest would wait at its first system call.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Size = 32)]
    internal struct Block;
}
