using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// What memcpy, memmove and memset of well-known C libraries do, in the host's vectors: translated code of those functions asks here first,
/// and runs itself where the answer is no (the translator's <c>LibraryFunctions</c>).
/// </summary>
/// <remarks>
/// Addresses are guest addresses and hostile. Pages that are not there trap, as in the guest's own code. Written in the processor's own
/// intrinsics, as <see cref="VectorOps"/> is.
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

    /// <summary>Copies <paramref name="length"/> bytes if both ranges are in the slot and do not overlap; else nothing is done.</summary>
    /// <param name="state">State block. On success a1 and a2 are in it, as behind a function that leaves them alone.</param>
    /// <param name="to">Guest address.</param>
    /// <param name="from">Guest address.</param>
    /// <param name="length">Bytes.</param>
    // In line: what is short is done without a call, so that nothing has to be saved for one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryCopy(GuestState* state, long to, long from, long length)
    {
        var (target, source, bytes) = ((ulong)to, (ulong)from, (ulong)length);
        var last = state->Limit - bytes;
        if (bytes > Most || bytes > state->Limit || target > last || source > last || target - source < bytes || source - target < bytes || !Avx.IsSupported)
            return false;
        (state->X11, state->X12) = (from, length);
        Copy(state->MemoryBase + from, state->MemoryBase + to, (nuint)bytes);
        return true;
    }

    /// <summary>Fills <paramref name="length"/> bytes with the low byte of a value if they are in the slot; else nothing is done.</summary>
    /// <param name="state">State block, as for <see cref="TryCopy"/>.</param>
    /// <param name="to">Guest address.</param>
    /// <param name="value">What to fill with.</param>
    /// <param name="length">Bytes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFill(GuestState* state, long to, long value, long length)
    {
        var bytes = (ulong)length;
        if (bytes > Most || bytes > state->Limit || (ulong)to > state->Limit - bytes || !Avx2.IsSupported)
            return false;
        (state->X11, state->X12) = (value, length);
        var at = state->MemoryBase + to;
        if (bytes < Vector)
            FillShort(at, (byte)value, (nuint)bytes);
        else
            FillVectors(at, Avx2.BroadcastScalarToVector256((byte*)&value), (nuint)bytes);
        return true;
    }

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
        else
        {
            for (nuint k = 0; k < length; k++)
                to[k] = from[k];
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
