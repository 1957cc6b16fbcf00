using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// What memcpy, memmove and memset of well-known C libraries do, in the host's vectors: translated code of those functions asks here first,
/// and runs itself where the answer is no (the translator's <c>LibraryFunctions</c>).
/// </summary>
/// <remarks>
/// <para>Addresses are guest addresses and hostile. Pages that are not there trap, as in the guest's own code. Written in the processor's own
/// intrinsics, as <see cref="VectorOps"/> is.</para>
/// <para>Where faults are exact, nothing is written before it is certain that no page traps: the guest's own code is then evaluated from its start on, and
/// writes what it writes before its fault. In one page either the first access traps or none does; of several, each is read, or written as it is, first.</para>
/// </remarks>
public static unsafe class BlockOps
{
    /// <summary>Most bytes that are done at once, some milliseconds' work: nobody can interrupt it.</summary>
    public const ulong Most = 32 << 20;

    /// <summary>
    /// Bytes of one copy from which on the caches cannot hold both sides, so that stores past them are faster: more than the
    /// second-level cache of any processor.
    /// </summary>
    public const ulong BeyondCaches = 8 << 20;

    private const nuint Vector = 32;
    private const nuint Turn = 4 * Vector;
    private const int Page = 4096; // of the host's processor: no page of it is smaller

    /// <summary>Copies <paramref name="length"/> bytes if both ranges are in the slot and do not overlap; else nothing is done.</summary>
    /// <param name="state">State block. On success a1 and a2 are in it, as behind a function that leaves them alone.</param>
    /// <param name="to">Guest address.</param>
    /// <param name="from">Guest address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="isExact">Whether faults are exact.</param>
    // In line: what is short is done without a call, so that nothing has to be saved for one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryCopy(GuestState* state, long to, long from, long length, bool isExact)
        => AreApart(to, from, (ulong)length) && TryMove(state, to, from, length, isExact);

    /// <summary>Copies <paramref name="length"/> bytes, as if all were read before any is written, if both ranges are in the slot; else nothing is done.</summary>
    /// <param name="state">State block, as for <see cref="TryCopy"/>.</param>
    /// <param name="to">Guest address.</param>
    /// <param name="from">Guest address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="isExact">Whether faults are exact.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryMove(GuestState* state, long to, long from, long length, bool isExact)
    {
        var bytes = (ulong)length;
        if (!IsInside(state, to, from, bytes))
            return false;
        if (isExact)
            Touch(state, to, from, bytes);
        (state->X11, state->X12) = (from, length);
        var source = state->MemoryBase + from;
        var target = state->MemoryBase + to;

        // What is not longer than a turn is read whole before anything is written.
        if (bytes <= Turn || AreApart(to, from, bytes))
            Copy(source, target, (nuint)bytes);
        else
            MoveLong(source, target, (nuint)bytes);
        return true;
    }

    /// <summary>Fills <paramref name="length"/> bytes with the low byte of a value if they are in the slot; else nothing is done.</summary>
    /// <param name="state">State block, as for <see cref="TryCopy"/>.</param>
    /// <param name="to">Guest address.</param>
    /// <param name="value">What to fill with.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="isExact">Whether faults are exact.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFill(GuestState* state, long to, long value, long length, bool isExact)
    {
        var bytes = (ulong)length;
        if (!IsInside(state, to, to, bytes))
            return false;
        if (isExact && IsAcross(to, bytes))
            TouchForWriting(state->MemoryBase + to, (nuint)bytes);
        (state->X11, state->X12) = (value, length);
        var at = state->MemoryBase + to;
        if (bytes < Vector)
            FillShort(at, (byte)value, (nuint)bytes);
        else
            FillVectors(at, Avx2.BroadcastScalarToVector256((byte*)&value), (nuint)bytes);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool AreApart(long to, long from, ulong bytes) => (ulong)(to - from) >= bytes && (ulong)(from - to) >= bytes;

    /// <summary>Whether two ranges are in the slot, not too long, and this processor has what is needed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsInside(GuestState* state, long to, long from, ulong bytes)
    {
        var last = state->Limit - bytes;
        return bytes <= Most && bytes <= state->Limit && (ulong)to <= last && (ulong)from <= last && Avx2.IsSupported;
    }

    /// <summary>Whether a range has bytes in more than one page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsAcross(long address, ulong bytes) => (address & (Page - 1)) + (long)bytes > Page;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Touch(GuestState* state, long to, long from, ulong bytes)
    {
        if (!IsAcross(to, bytes) && !IsAcross(from, bytes))
            return;
        TouchForReading(state->MemoryBase + from, (nuint)bytes);
        TouchForWriting(state->MemoryBase + to, (nuint)bytes);
    }

    /// <summary>Reads a byte of each page of a range.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void TouchForReading(byte* address, nuint length)
    {
        var end = address + length;
        for (; address < end; address = NextPage(address))
            _ = Volatile.Read(ref *address);
    }

    /// <summary>Writes to each page of a range what is there, which another thread may change meanwhile.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void TouchForWriting(byte* address, nuint length)
    {
        var end = address + length;
        for (; address < end; address = NextPage(address))
            Interlocked.Or(ref *(int*)((nuint)address & ~(nuint)(sizeof(int) - 1)), 0);
    }

    private static byte* NextPage(byte* address) => (byte*)(((nuint)address | (Page - 1)) + 1);

    /// <summary>Copies bytes that do not overlap, on a processor with AVX; either side may trap.</summary>
    /// <param name="from">Host address.</param>
    /// <param name="to">Host address.</param>
    /// <param name="length">Bytes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(byte* from, byte* to, nuint length)
    {
        // Up to eight vectors without a loop: as many from the start as from the end, which may meet in the middle.
        if (length < Vector)
        {
            CopyShort(from, to, length);
        }
        else if (length <= 2 * Vector)
        {
            var (a, z) = (Load(from), Load(from + length - Vector));
            Avx.Store(to, a);
            Avx.Store(to + length - Vector, z);
        }
        else if (length <= 4 * Vector)
        {
            var (a, b) = (Load(from), Load(from + Vector));
            var (y, z) = (Load(from + length - (2 * Vector)), Load(from + length - Vector));
            Avx.Store(to, a);
            Avx.Store(to + Vector, b);
            Avx.Store(to + length - (2 * Vector), y);
            Avx.Store(to + length - Vector, z);
        }
        else if (length <= 2 * Turn)
        {
            CopyTurn(from, to);
            CopyTurn(from + length - Turn, to + length - Turn);
        }
        else
        {
            CopyLong(from, to, length);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Load(byte* address) => Avx.LoadVector256(address);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CopyShort(byte* from, byte* to, nuint length)
    {
        if (length >= 16)
        {
            var (a, z) = (Sse2.LoadVector128(from), Sse2.LoadVector128(from + length - 16));
            Sse2.Store(to, a);
            Sse2.Store(to + length - 16, z);
        }
        else if (length >= 8)
        {
            var (a, z) = (Unsafe.ReadUnaligned<ulong>(from), Unsafe.ReadUnaligned<ulong>(from + length - 8));
            Unsafe.WriteUnaligned(to, a);
            Unsafe.WriteUnaligned(to + length - 8, z);
        }
        else if (length >= 4)
        {
            var (a, z) = (Unsafe.ReadUnaligned<uint>(from), Unsafe.ReadUnaligned<uint>(from + length - 4));
            Unsafe.WriteUnaligned(to, a);
            Unsafe.WriteUnaligned(to + length - 4, z);
        }
        else if (length > 0)
        {
            var (a, m, z) = (from[0], from[length / 2], from[length - 1]);
            to[0] = a;
            to[length / 2] = m;
            to[length - 1] = z;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CopyLong(byte* from, byte* to, nuint length)
    {
        if (length >= BeyondCaches)
        {
            CopyPastCaches(from, to, length);
            return;
        }

        var end = length - Turn;
        for (nuint at = 0; at < end; at += Turn)
            CopyTurn(from + at, to + at);

        // The last ones, of which some were copied already.
        CopyTurn(from + end, to + end);
    }

    /// <summary>Copies more than a turn between ranges that overlap, from the end on that is read before it is written. The turn at the other end is read first.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MoveLong(byte* from, byte* to, nuint length)
    {
        var end = length - Turn;
        var isUp = to < from;
        var last = isUp ? end : 0;
        var source = from + last;
        var (a, b, c, d) = (Load(source), Load(source + Vector), Load(source + (2 * Vector)), Load(source + (3 * Vector)));
        if (isUp)
        {
            for (nuint at = 0; at < end; at += Turn)
                CopyTurn(from + at, to + at);
        }
        else
        {
            for (var at = (nint)end; at > 0; at -= (nint)Turn)
                CopyTurn(from + at, to + at);
        }

        Avx.Store(to + last, a);
        Avx.Store(to + last + Vector, b);
        Avx.Store(to + last + (2 * Vector), c);
        Avx.Store(to + last + (3 * Vector), d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyTurn(byte* from, byte* to)
    {
        var (a, b, c, d) = (Load(from), Load(from + Vector), Load(from + (2 * Vector)), Load(from + (3 * Vector)));
        Avx.Store(to, a);
        Avx.Store(to + Vector, b);
        Avx.Store(to + (2 * Vector), c);
        Avx.Store(to + (3 * Vector), d);
    }

    /// <summary>The same with stores that do not take the destination into the caches.</summary>
    private static void CopyPastCaches(byte* from, byte* to, nuint length)
    {
        CopyTurn(from, to);
        var at = Turn - ((nuint)to & (Vector - 1));
        for (; at + Turn <= length; at += Turn)
        {
            var (a, b, c, d) = (Load(from + at), Load(from + at + Vector), Load(from + at + (2 * Vector)), Load(from + at + (3 * Vector)));
            Avx.StoreAlignedNonTemporal(to + at, a);
            Avx.StoreAlignedNonTemporal(to + at + Vector, b);
            Avx.StoreAlignedNonTemporal(to + at + (2 * Vector), c);
            Avx.StoreAlignedNonTemporal(to + at + (3 * Vector), d);
        }

        // Such stores are not ordered with others.
        Sse.StoreFence();
        CopyTurn(from + length - Turn, to + length - Turn);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FillShort(byte* to, byte value, nuint length)
    {
        for (nuint k = 0; k < length; k++)
            to[k] = value;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FillVectors(byte* to, Vector256<byte> value, nuint length)
    {
        var end = length - Vector;
        nuint at = 0;
        for (; at + (3 * Vector) < end; at += Turn)
        {
            Avx.Store(to + at, value);
            Avx.Store(to + at + Vector, value);
            Avx.Store(to + at + (2 * Vector), value);
            Avx.Store(to + at + (3 * Vector), value);
        }

        for (; at < end; at += Vector)
            Avx.Store(to + at, value);
        Avx.Store(to + end, value);
    }
}
