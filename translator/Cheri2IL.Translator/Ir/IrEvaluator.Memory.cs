using System.Runtime.CompilerServices;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Ir;

/// <content>Memory operations.</content>
public sealed unsafe partial class IrEvaluator
{
    private static long Access(IrInstruction i, long a, long b, GuestState* state)
    {
        // A hardware trap inside the slot surfaces as NullReferenceException: this is how its guest pc is known.
        state->Pc = i.Pc;
        switch (i.Op)
        {
            case IrOp.Check:
                if (i.Elided is null && (ulong)a > state->Limit)
                    throw new GuestFault(i.IsStore ? GuestFaultKind.StoreAccess : GuestFaultKind.LoadAccess, i.Pc, a + i.Immediate);
                return 0;
            case IrOp.CheckAlignment:
                if ((a & (i.Immediate - 1)) != 0)
                    throw new GuestFault(GuestFaultKind.MisalignedAtomic, i.Pc, a);
                return 0;
            case IrOp.Load:
                return Load(i.Access, Confine(i, a + i.Immediate, GuestFaultKind.LoadAccess, state));
            case IrOp.Store:
                Store(i.Access, Confine(i, a + i.Immediate, GuestFaultKind.StoreAccess, state), b);
                return 0;
            case IrOp.LoadReserved:
                var value = Load(i.Access, Confine(i, a, GuestFaultKind.LoadAccess, state));
                state->ReservationSize = IrSignature.SizeOf(i.Access);
                state->ReservationAddress = a;
                state->ReservationValue = value;
                return value;
            case IrOp.StoreConditional:
                return StoreConditional(i, a, b, state);
            case IrOp.Amo:
                var target = Confine(i, a, GuestFaultKind.StoreAccess, state);
                return i.Access == MemoryAccess.I32 ? Update((int*)target, i.Amo, (int)b) : Update((long*)target, i.Amo, b);
            case IrOp.Fence:
                Interlocked.MemoryBarrier();
                return 0;
            default:
                throw new InvalidOperationException($"operation {i.Op} does not access memory");
        }
    }

    /// <summary>
    /// Host address of an access that lies wholly inside the slot; faults otherwise. This is the same fault that the
    /// never-mapped pages around the slot raise in translated code, without relying on a preceding check.
    /// </summary>
    private static byte* Confine(IrInstruction i, long address, GuestFaultKind kind, GuestState* state)
    {
        if ((ulong)address > state->Limit - (ulong)(IrSignature.SizeOf(i.Access) - 1))
            throw new GuestFault(kind, i.Pc, address);
        return state->MemoryBase + address;
    }

    private static long Load(MemoryAccess access, byte* p) => access switch
    {
        MemoryAccess.I8 => *(sbyte*)p,
        MemoryAccess.U8 => *p,
        MemoryAccess.I16 => Unsafe.ReadUnaligned<short>(p),
        MemoryAccess.U16 => Unsafe.ReadUnaligned<ushort>(p),
        MemoryAccess.I32 or MemoryAccess.F32 => Unsafe.ReadUnaligned<int>(p),
        MemoryAccess.U32 => Unsafe.ReadUnaligned<uint>(p),
        _ => Unsafe.ReadUnaligned<long>(p),
    };

    private static void Store(MemoryAccess access, byte* p, long value)
    {
        switch (IrSignature.SizeOf(access))
        {
            case 1:
                *p = (byte)value;
                break;
            case 2:
                Unsafe.WriteUnaligned(p, (short)value);
                break;
            case 4:
                Unsafe.WriteUnaligned(p, (int)value);
                break;
            default:
                Unsafe.WriteUnaligned(p, value);
                break;
        }
    }

    private static long StoreConditional(IrInstruction i, long a, long b, GuestState* state)
    {
        if (state->ReservationSize != IrSignature.SizeOf(i.Access) || state->ReservationAddress != a)
        {
            state->ReservationSize = 0;
            return 1;
        }

        var target = Confine(i, a, GuestFaultKind.StoreAccess, state);
        var expected = state->ReservationValue;
        var stored = i.Access == MemoryAccess.I32
            ? Interlocked.CompareExchange(ref *(int*)target, (int)b, (int)expected) == (int)expected
            : Interlocked.CompareExchange(ref *(long*)target, b, expected) == expected;
        state->ReservationSize = 0;
        return stored ? 0 : 1;
    }

    private static long Update(int* p, AmoKind kind, int b)
    {
        switch (kind)
        {
            case AmoKind.Swap:
                return Interlocked.Exchange(ref *p, b);
            case AmoKind.Add:
                return Interlocked.Add(ref *p, b) - b;
            case AmoKind.And:
                return Interlocked.And(ref *p, b);
            case AmoKind.Or:
                return Interlocked.Or(ref *p, b);
        }

        while (true)
        {
            var old = Volatile.Read(ref *p);
            var replacement = kind switch
            {
                AmoKind.Xor => old ^ b,
                AmoKind.Min => Math.Min(old, b),
                AmoKind.Max => Math.Max(old, b),
                AmoKind.MinU => (int)Math.Min((uint)old, (uint)b),
                _ => (int)Math.Max((uint)old, (uint)b),
            };
            if (Interlocked.CompareExchange(ref *p, replacement, old) == old)
                return old;
        }
    }

    private static long Update(long* p, AmoKind kind, long b)
    {
        switch (kind)
        {
            case AmoKind.Swap:
                return Interlocked.Exchange(ref *p, b);
            case AmoKind.Add:
                return Interlocked.Add(ref *p, b) - b;
            case AmoKind.And:
                return Interlocked.And(ref *p, b);
            case AmoKind.Or:
                return Interlocked.Or(ref *p, b);
        }

        while (true)
        {
            var old = Volatile.Read(ref *p);
            var replacement = kind switch
            {
                AmoKind.Xor => old ^ b,
                AmoKind.Min => Math.Min(old, b),
                AmoKind.Max => Math.Max(old, b),
                AmoKind.MinU => (long)Math.Min((ulong)old, (ulong)b),
                _ => (long)Math.Max((ulong)old, (ulong)b),
            };
            if (Interlocked.CompareExchange(ref *p, replacement, old) == old)
                return old;
        }
    }
}
