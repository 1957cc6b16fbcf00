using System.Runtime.CompilerServices;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Ir;

/// <content>Memory operations.</content>
public sealed unsafe partial class IrEvaluator
{
    internal static long Access(IrInstruction i, long a, long b, GuestState* state)
    {
        // A hardware trap inside the slot surfaces as NullReferenceException: this is how its guest pc is known.
        state->Pc = i.Pc;
        switch (i.Op)
        {
            case IrOp.Check:
                ref var checks = ref (i.IsStore ? ref state->Counts.Store : ref state->Counts.Load);
                checks++;
                if (i.Elided is null && (ulong)a > state->Limit)
                    throw new GuestFault(i.IsStore ? GuestFaultKind.StoreAccess : GuestFaultKind.LoadAccess, i.Pc, a + i.Immediate);
                return 0;
            case IrOp.CheckAlignment:
                state->Counts.Alignment++;
                if ((a & (i.Immediate - 1)) != 0)
                    throw new GuestFault(GuestFaultKind.MisalignedAtomic, i.Pc, a);
                return 0;
            case IrOp.Load:
                return Load(i.Access, Confine(i, a + i.Immediate, GuestFaultKind.LoadAccess, state));
            case IrOp.Store:
                Store(i.Access, Confine(i, a + i.Immediate, GuestFaultKind.StoreAccess, state), b);
                return 0;
            case IrOp.LoadReserved:
                var loaded = Confine(i, a, GuestFaultKind.LoadAccess, state);
                return i.Access switch
                {
                    MemoryAccess.I32 => Atomics.LoadReserved32(state, loaded),
                    MemoryAccess.I64 => Atomics.LoadReserved64(state, loaded),
                    _ => Atomics.LoadReservedNarrow(state, loaded, IrSignature.SizeOf(i.Access)),
                };
            case IrOp.StoreConditional:
                var stored = Confine(i, a, GuestFaultKind.StoreAccess, state);
                return i.Access switch
                {
                    MemoryAccess.I32 => Atomics.StoreConditional32(state, stored, b),
                    MemoryAccess.I64 => Atomics.StoreConditional64(state, stored, b),
                    _ => Atomics.StoreConditionalNarrow(state, stored, IrSignature.SizeOf(i.Access), b),
                };
            case IrOp.Amo:
                var target = Confine(i, a, GuestFaultKind.StoreAccess, state);
                return i.Access == MemoryAccess.I32 ? Update32(i.Amo, target, b) : Update64(i.Amo, target, b);
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
        => Confine(i, address, IrSignature.SizeOf(i.Access), kind, state);

    private static byte* Confine(IrInstruction i, long address, int size, GuestFaultKind kind, GuestState* state)
    {
        if ((ulong)address > state->Limit - (ulong)(size - 1))
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

    private static long Update32(AmoKind kind, byte* p, long b) => kind switch
    {
        AmoKind.Swap => Atomics.Swap32(p, b),
        AmoKind.Add => Atomics.Add32(p, b),
        AmoKind.Xor => Atomics.Xor32(p, b),
        AmoKind.And => Atomics.And32(p, b),
        AmoKind.Or => Atomics.Or32(p, b),
        AmoKind.Min => Atomics.Min32(p, b),
        AmoKind.Max => Atomics.Max32(p, b),
        AmoKind.MinU => Atomics.MinU32(p, b),
        _ => Atomics.MaxU32(p, b),
    };

    private static long Update64(AmoKind kind, byte* p, long b) => kind switch
    {
        AmoKind.Swap => Atomics.Swap64(p, b),
        AmoKind.Add => Atomics.Add64(p, b),
        AmoKind.Xor => Atomics.Xor64(p, b),
        AmoKind.And => Atomics.And64(p, b),
        AmoKind.Or => Atomics.Or64(p, b),
        AmoKind.Min => Atomics.Min64(p, b),
        AmoKind.Max => Atomics.Max64(p, b),
        AmoKind.MinU => Atomics.MinU64(p, b),
        _ => Atomics.MaxU64(p, b),
    };
}
