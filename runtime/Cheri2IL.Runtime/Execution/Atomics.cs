using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// The A extension on host memory. Every address is a host address that the caller has checked for its slot and natural
/// alignment; an unmapped page traps inside the access. 32-bit operations read the low half of the register operand and
/// yield the sign-extended old value.
/// </summary>
/// <remarks>
/// Each read-modify-write is a full barrier on the host, which is at least what any aq/rl combination demands
/// (unprivileged specification, "A" extension). <c>lr</c> is an acquiring load only: <c>lr</c> with rl needs a fence in front.
/// </remarks>
public static unsafe class Atomics
{
    /// <summary><c>lr.w</c>: loads 32 bits, sign-extended, and takes the reservation.</summary>
    public static long LoadReserved32(GuestState* state, byte* address)
        => Reserve(state, address, sizeof(int), Volatile.Read(ref *(int*)address));

    /// <summary><c>lr.d</c>: loads 64 bits and takes the reservation.</summary>
    public static long LoadReserved64(GuestState* state, byte* address)
        => Reserve(state, address, sizeof(long), Volatile.Read(ref *(long*)address));

    /// <summary>
    /// <c>sc.w</c>: stores when the reservation is of this address and size and memory still holds the loaded value;
    /// drops the reservation. 0 on success, 1 on failure.
    /// </summary>
    /// <remarks>
    /// Comparing values lets a store of the same value in between go unnoticed (ABA), which the compilers' and libraries'
    /// lr/sc sequences, all of them compare-and-swap or read-modify-write loops, cannot tell from no store at all.
    /// One that fails for want of a reservation writes what is there, so that it traps where it may not write: none
    /// retires without passing the memory permission checks (unprivileged specification, "Zalrsc").
    /// </remarks>
    public static long StoreConditional32(GuestState* state, byte* address, long value)
    {
        if (!TakeReservation(state, address, sizeof(int)))
        {
            Interlocked.Or(ref *(int*)address, 0);
            return 1;
        }

        var expected = (int)state->ReservationValue;
        return Interlocked.CompareExchange(ref *(int*)address, (int)value, expected) == expected ? 0 : 1;
    }

    /// <summary><c>sc.d</c>: as <see cref="StoreConditional32"/>, 64 bits.</summary>
    public static long StoreConditional64(GuestState* state, byte* address, long value)
    {
        if (!TakeReservation(state, address, sizeof(long)))
        {
            Interlocked.Or(ref *(long*)address, 0);
            return 1;
        }

        var expected = state->ReservationValue;
        return Interlocked.CompareExchange(ref *(long*)address, value, expected) == expected ? 0 : 1;
    }

    /// <summary><c>lr.b</c> and <c>lr.h</c> of CHERI-RISC-V: loads 8 or 16 bits, sign-extended, and takes the reservation.</summary>
    public static long LoadReservedNarrow(GuestState* state, byte* address, int size)
        => Reserve(state, address, size, size == 1 ? Volatile.Read(ref *(sbyte*)address) : Volatile.Read(ref *(short*)address));

    /// <summary><c>sc.b</c> and <c>sc.h</c> of CHERI-RISC-V: as <see cref="StoreConditional32"/>, 8 or 16 bits.</summary>
    public static long StoreConditionalNarrow(GuestState* state, byte* address, int size, long value)
    {
        if (!TakeReservation(state, address, size))
        {
            if (size == 1)
                Interlocked.CompareExchange(ref *address, 0, 0);
            else
                Interlocked.CompareExchange(ref *(short*)address, 0, 0);
            return 1;
        }

        if (size == 1)
        {
            var expected = (byte)state->ReservationValue;
            return Interlocked.CompareExchange(ref *address, (byte)value, expected) == expected ? 0 : 1;
        }

        var half = (short)state->ReservationValue;
        return Interlocked.CompareExchange(ref *(short*)address, (short)value, half) == half ? 0 : 1;
    }

    /// <summary><c>amoswap.w</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Swap32(byte* address, long value) => Interlocked.Exchange(ref *(int*)address, (int)value);

    /// <summary><c>amoswap.d</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Swap64(byte* address, long value) => Interlocked.Exchange(ref *(long*)address, value);

    /// <summary><c>amoadd.w</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Add32(byte* address, long value) => Interlocked.Add(ref *(int*)address, (int)value) - (int)value;

    /// <summary><c>amoadd.d</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Add64(byte* address, long value) => Interlocked.Add(ref *(long*)address, value) - value;

    /// <summary><c>amoand.w</c>.</summary>
    public static long And32(byte* address, long value) => Interlocked.And(ref *(int*)address, (int)value);

    /// <summary><c>amoand.d</c>.</summary>
    public static long And64(byte* address, long value) => Interlocked.And(ref *(long*)address, value);

    /// <summary><c>amoor.w</c>.</summary>
    public static long Or32(byte* address, long value) => Interlocked.Or(ref *(int*)address, (int)value);

    /// <summary><c>amoor.d</c>.</summary>
    public static long Or64(byte* address, long value) => Interlocked.Or(ref *(long*)address, value);

    /// <summary><c>amoxor.w</c>.</summary>
    public static long Xor32(byte* address, long value) => Update32<ExclusiveOr>(address, value);

    /// <summary><c>amoxor.d</c>.</summary>
    public static long Xor64(byte* address, long value) => Update64<ExclusiveOr>(address, value);

    /// <summary><c>amomin.w</c>.</summary>
    public static long Min32(byte* address, long value) => Update32<Minimum>(address, value);

    /// <summary><c>amomin.d</c>.</summary>
    public static long Min64(byte* address, long value) => Update64<Minimum>(address, value);

    /// <summary><c>amomax.w</c>.</summary>
    public static long Max32(byte* address, long value) => Update32<Maximum>(address, value);

    /// <summary><c>amomax.d</c>.</summary>
    public static long Max64(byte* address, long value) => Update64<Maximum>(address, value);

    /// <summary><c>amominu.w</c>.</summary>
    public static long MinU32(byte* address, long value) => Update32<UnsignedMinimum>(address, value);

    /// <summary><c>amominu.d</c>.</summary>
    public static long MinU64(byte* address, long value) => Update64<UnsignedMinimum>(address, value);

    /// <summary><c>amomaxu.w</c>.</summary>
    public static long MaxU32(byte* address, long value) => Update32<UnsignedMaximum>(address, value);

    /// <summary><c>amomaxu.d</c>.</summary>
    public static long MaxU64(byte* address, long value) => Update64<UnsignedMaximum>(address, value);

    private static long Update32<TUpdate>(byte* address, long operand)
        where TUpdate : struct, IUpdate
    {
        ref var cell = ref *(int*)address;
        var old = cell;
        while (true)
        {
            var seen = Interlocked.CompareExchange(ref cell, (int)TUpdate.Apply(old, (int)operand), old);
            if (seen == old)
                return old;
            old = seen;
        }
    }

    private static long Update64<TUpdate>(byte* address, long operand)
        where TUpdate : struct, IUpdate
    {
        ref var cell = ref *(long*)address;
        var old = cell;
        while (true)
        {
            var seen = Interlocked.CompareExchange(ref cell, TUpdate.Apply(old, operand), old);
            if (seen == old)
                return old;
            old = seen;
        }
    }

    internal static long Reserve(GuestState* state, byte* address, int size, long value)
    {
        state->ReservationAddress = address - state->MemoryBase;
        state->ReservationSize = size;
        state->ReservationValue = value;
        return value;
    }

    internal static bool TakeReservation(GuestState* state, byte* address, int size)
    {
        var held = state->ReservationSize == size && state->ReservationAddress == address - state->MemoryBase;
        state->ReservationSize = 0;
        return held;
    }

    /// <summary>
    /// New value of a cell. 32-bit operands come sign-extended, which keeps the unsigned order of their low halves too.
    /// </summary>
    private interface IUpdate
    {
        static abstract long Apply(long old, long operand);
    }

    private readonly struct ExclusiveOr : IUpdate
    {
        public static long Apply(long old, long operand) => old ^ operand;
    }

    private readonly struct Minimum : IUpdate
    {
        public static long Apply(long old, long operand) => Math.Min(old, operand);
    }

    private readonly struct Maximum : IUpdate
    {
        public static long Apply(long old, long operand) => Math.Max(old, operand);
    }

    private readonly struct UnsignedMinimum : IUpdate
    {
        public static long Apply(long old, long operand) => (long)Math.Min((ulong)old, (ulong)operand);
    }

    private readonly struct UnsignedMaximum : IUpdate
    {
        public static long Apply(long old, long operand) => (long)Math.Max((ulong)old, (ulong)operand);
    }
}
