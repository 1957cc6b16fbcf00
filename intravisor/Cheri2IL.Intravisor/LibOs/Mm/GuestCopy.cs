using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>
/// Copies between places of which either may be guest memory that another thread unmaps at that moment: traps end the copy, not the
/// process. For threads that the fault trap serves.
/// </summary>
internal static unsafe class GuestCopy
{
    /// <summary>From so many bytes on, <see cref="CopyVectors"/> is worth its call.</summary>
    private const ulong Large = 256;

    /// <summary>
    /// Bytes of one transfer from which on the caches cannot hold both sides, so that stores past them are faster: more than the
    /// second-level cache of any processor.
    /// </summary>
    public const long BeyondCaches = 8 << 20;

    /// <summary>Copies; false where it trapped, when part may have been copied. The ranges must not overlap.</summary>
    /// <param name="from">Source.</param>
    /// <param name="to">Destination.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="isStreaming">Whether to store past the caches: part of a transfer of <see cref="BeyondCaches"/>.</param>
    public static bool TryCopy(byte* from, byte* to, ulong length, bool isStreaming = false)
    {
        try
        {
            if (length < Large)
                Copy(from, to, (nuint)length);
            else if (isStreaming)
                CopyPastCaches(from, to, (nuint)length);
            else
                CopyVectors(from, to, (nuint)length);
            return true;
        }
        catch (NullReferenceException)
        {
            return false;
        }
    }

    /// <summary>The same without vectors, so that nothing has to be compiled for it: what every guest's system calls use.</summary>
    public static bool TryCopyPlainly(byte* from, byte* to, ulong length)
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

    /// <summary>The same for at least 64 bytes, with the widest registers there are: left to the JIT compiler, and not called by every guest.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CopyVectors(byte* from, byte* to, nuint length)
    {
        var end = length - (nuint)Vector512<byte>.Count;
        nuint at = 0;
        for (; at + (3 * (nuint)Vector512<byte>.Count) < end; at += 4 * (nuint)Vector512<byte>.Count)
        {
            var a = Vector512.Load(from + at);
            var b = Vector512.Load(from + at + Vector512<byte>.Count);
            var c = Vector512.Load(from + at + (2 * Vector512<byte>.Count));
            var d = Vector512.Load(from + at + (3 * Vector512<byte>.Count));
            a.Store(to + at);
            b.Store(to + at + Vector512<byte>.Count);
            c.Store(to + at + (2 * Vector512<byte>.Count));
            d.Store(to + at + (3 * Vector512<byte>.Count));
        }

        for (; at < end; at += (nuint)Vector512<byte>.Count)
            Vector512.Load(from + at).Store(to + at);
        // The last ones, of which some were copied already.
        Vector512.Load(from + end).Store(to + end);
    }

    /// <summary>The same with stores that do not take the destination into the caches.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CopyPastCaches(byte* from, byte* to, nuint length)
    {
        var head = (nuint)(-(nint)to & (Vector256<byte>.Count - 1));
        Copy(from, to, head);
        var end = (length - head) & ~(4 * (nuint)Vector256<byte>.Count - 1);
        var source = from + head;
        var target = to + head;
        for (nuint at = 0; at < end; at += 4 * (nuint)Vector256<byte>.Count)
        {
            var a = Vector256.Load(source + at);
            var b = Vector256.Load(source + at + Vector256<byte>.Count);
            var c = Vector256.Load(source + at + (2 * Vector256<byte>.Count));
            var d = Vector256.Load(source + at + (3 * Vector256<byte>.Count));
            a.StoreAlignedNonTemporal(target + at);
            b.StoreAlignedNonTemporal(target + at + Vector256<byte>.Count);
            c.StoreAlignedNonTemporal(target + at + (2 * Vector256<byte>.Count));
            d.StoreAlignedNonTemporal(target + at + (3 * Vector256<byte>.Count));
        }

        // Such stores are not ordered with others.
        Thread.MemoryBarrier();
        Copy(source + end, target + end, length - head - end);
    }

    /// <summary>
    /// What the loops move at a time. The compiler makes vector moves of it, also ahead of time; methods that name vectors are
    /// left to the JIT compiler, for which every guest would wait at its first system call.
    /// </summary>
    [StructLayout(LayoutKind.Sequential, Size = 32)]
    internal struct Block;
}
