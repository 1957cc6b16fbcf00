using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Ir;

/// <content>Capability values, checks and memory (CHERI ISAv9; where sources differ, the Sail model).</content>
public sealed unsafe partial class IrEvaluator
{
    private Capability Cap(IrInstruction? operand) => _capabilities[operand!.Id];

    private void Capabilities(IrInstruction i, GuestState* state)
    {
        state->Pc = i.Pc;
        if (i.Op >= IrOp.CapLoad)
            AccessCapability(i, state);
        else if (i.Op >= IrOp.CapCheck)
            CapabilityCheck(i, state);
        else if (i.Op == IrOp.SetC)
            CapabilityState.Write(state, i.Register, Cap(i.A));
        else if (i.Type == IrType.Cap)
            _capabilities[i.Id] = CapabilityValue(i, state);
        else
            _values[i.Id] = i.Op == IrOp.Untagged ? IsUntagged(i, state) : (long)IntegerOfCapability(i);
    }

    private Capability CapabilityValue(IrInstruction i, GuestState* state)
    {
        if (i.Op == IrOp.GetC)
            return CapabilityState.Read(state, i.Register);
        if (i.Op == IrOp.CapInteger)
            return Capability.FromInteger((ulong)Value(i.A));
        var a = Cap(i.A);
        var integer = i.B is { Type: IrType.I64 } ? (ulong)Value(i.B) : 0;
        return i.Op switch
        {
            IrOp.CapClearTag => a.ClearTag(),
            IrOp.CapSealEntry => a.SealEntry(),
            IrOp.CapUnsealed => a.WithoutSeal(),
            IrOp.CapSetAddress => a.SetAddress(integer),
            IrOp.CapIncrement => a.IncrementOffset(integer),
            IrOp.CapSetOffset => a.SetOffset(integer),
            IrOp.CapSetBounds => a.SetBounds(integer),
            IrOp.CapSetBoundsExact => a.SetBoundsExact(integer),
            IrOp.CapAndPermissions => a.AndPermissions((CapabilityPermissions)integer),
            IrOp.CapSetFlags => a.SetFlags(integer),
            IrOp.CapSetHigh => a.SetHigh(integer),
            IrOp.CapFromPointer => a.FromPointer(integer),
            IrOp.CapSeal => a.Seal(Cap(i.B)),
            IrOp.CapUnseal => a.Unseal(Cap(i.B)),
            IrOp.CapConditionalSeal => a.ConditionalSeal(Cap(i.B)),
            IrOp.CapCopyType => a.CopyType(Cap(i.B)),
            IrOp.CapBuild => a.Build(Cap(i.B)),
            _ => throw new InvalidOperationException($"operation {i.Op} yields no capability"),
        };
    }

    private ulong IntegerOfCapability(IrInstruction i) => i.Op switch
    {
        IrOp.CapAddress => Cap(i.A).Address,
        IrOp.CapPermissions => (ulong)Cap(i.A).Permissions,
        IrOp.CapType => Cap(i.A).TypeValue,
        IrOp.CapBase => Cap(i.A).Base,
        IrOp.CapLength => Cap(i.A).Length,
        IrOp.CapTop => Cap(i.A).Top,
        IrOp.CapTag => Cap(i.A).IsTagged ? 1UL : 0,
        IrOp.CapSealed => Cap(i.A).IsSealed ? 1UL : 0,
        IrOp.CapOffset => Cap(i.A).Offset,
        IrOp.CapFlags => Cap(i.A).IsCapabilityMode ? 1UL : 0,
        IrOp.CapHigh => Cap(i.A).Metadata,
        IrOp.CapAllows => AccessWindow.Of(Cap(i.A), AccessNeeds.Permissions(i), (uint)AccessNeeds.Size(i)).Allows((ulong)(Value(i.B) + i.Immediate)) ? 1UL : 0,
        IrOp.CapSubset => Cap(i.A).IsSubsetOf(Cap(i.B)) ? 1UL : 0,
        IrOp.CapEqual => Cap(i.A).IsIdenticalTo(Cap(i.B)) ? 1UL : 0,
        IrOp.CapToPointer => Cap(i.A).ToPointer(Cap(i.B)),
        IrOp.CapRoundLength => Capability.RepresentableLength((ulong)Value(i.A)),
        IrOp.CapAlignmentMask => Capability.RepresentableAlignmentMask((ulong)Value(i.A)),
        _ => throw new InvalidOperationException($"operation {i.Op} yields no integer"),
    };

    private long IsUntagged(IrInstruction i, GuestState* state)
    {
        var first = Value(i.A) + i.Immediate;
        var last = first + Value(i.B) - 1;
        if (!state->Capabilities.IsAlone || (ulong)first > state->Limit || (ulong)last > state->Limit)
            return 0;
        for (var address = first & -CapabilityState.Granule; address <= last; address += CapabilityState.Granule)
        {
            if (CapabilityState.TagOf(state, address) != 0)
                return 0;
        }

        return 1;
    }

    // ---- checks
    private void CapabilityCheck(IrInstruction i, GuestState* state)
    {
        if (i.Op == IrOp.CapCheckAlignment)
        {
            if ((Value(i.A) & (i.Immediate - 1)) != 0)
                throw new GuestFault(i.IsStore ? GuestFaultKind.MisalignedStore : GuestFaultKind.MisalignedLoad, i.Pc, Value(i.A));
            return;
        }

        CountCheck(i, ref state->Counts);
        var pcc = CapabilityState.Read(state, GuestRegister.Pcc);
        var address = i.Op switch
        {
            IrOp.CapCheck or IrOp.CapCheckValue => (ulong)(Value(i.B) + i.Immediate),
            IrOp.CapCheckTarget => (ulong)Value(i.B),
            IrOp.CapCheckJump => Cap(i.A).JumpTarget(i.Immediate),
            IrOp.CapCheckInvoke => Cap(i.A).JumpTarget(0),
            _ => (ulong)i.Pc,
        };
        var violation = i.Op switch
        {
            IrOp.CapCheck => CapabilityChecks.Access(Cap(i.A), address, AccessNeeds.Permissions(i), AccessNeeds.Size(i), AccessNeeds.Number(i)),
            IrOp.CapCheckValue => CapabilityChecks.Store(
                Cap(i.A), address, AccessNeeds.Permissions(i), AccessNeeds.Size(i), Cap(i.C), AccessNeeds.Number(i)),
            IrOp.CapCheckFetch => CapabilityChecks.Fetch(pcc, address, (int)i.Immediate),
            IrOp.CapCheckTarget => (int)Value(i.A) == 0 ? 0 : CapabilityChecks.Target(pcc, address),
            IrOp.CapCheckJump => CapabilityChecks.Jump(Cap(i.A), i.Immediate, i.Register),
            IrOp.CapCheckSystem => CapabilityChecks.SystemRegisters(pcc),
            _ => CapabilityChecks.Invoke(Cap(i.A), Cap(i.B), i.Register, (int)i.Immediate),
        };
        if (violation != 0)
            throw GuestFault.OfCapability(violation, i.Pc, (long)address);
    }

    /// <summary>Every check here tests everything.</summary>
    private static void CountCheck(IrInstruction check, ref CheckCounts counts)
    {
        switch (check.Op)
        {
            case IrOp.CapCheck or IrOp.CapCheckValue:
                ref var accesses = ref (AccessNeeds.IsStore(check) ? ref counts.CapabilityStore : ref counts.CapabilityLoad);
                accesses++;
                counts.Decode++;
                counts.Tag++;
                counts.Permission++;
                break;
            case IrOp.CapCheckFetch:
                counts.Fetch++;
                break;
            case IrOp.CapCheckTarget or IrOp.CapCheckJump or IrOp.CapCheckInvoke:
                counts.Jump++;
                break;
        }
    }

    // ---- memory
    private void AccessCapability(IrInstruction i, GuestState* state)
    {
        var address = Value(i.A) + i.Immediate;
        var isWrite = (IrOpInfo.Effects(i.Op) & IrEffects.WritesMemory) != 0 && i.Op != IrOp.CapLoadReserved;
        var size = i.Op switch
        {
            IrOp.ClearTags => IrSignature.SizeOf(i.Access),
            IrOp.CapLoadTags => AccessNeeds.TagLine,
            _ => CapabilityState.Granule,
        };
        Confine(i, address, size, isWrite ? GuestFaultKind.StoreAccess : GuestFaultKind.LoadAccess, state);
        switch (i.Op)
        {
            case IrOp.CapLoad:
                _capabilities[i.Id] = CapabilityMemory.Load(state, address, Cap(i.B).Permits(CapabilityPermissions.LoadCapability));
                break;
            case IrOp.CapStore:
                CapabilityMemory.Store(state, address, Cap(i.B));
                break;
            case IrOp.CapLoadReserved:
                _capabilities[i.Id] = CapabilityMemory.LoadReserved(state, address, Cap(i.B).Permits(CapabilityPermissions.LoadCapability));
                break;
            case IrOp.CapStoreConditional:
                _values[i.Id] = CapabilityMemory.StoreConditional(state, address, Cap(i.B));
                break;
            case IrOp.CapSwap:
                _capabilities[i.Id] = CapabilityMemory.Swap(state, address, Cap(i.B), Cap(i.C).Permits(CapabilityPermissions.LoadCapability));
                break;
            case IrOp.CapLoadTags:
                _values[i.Id] = CapabilityMemory.LoadTags(state, address);
                break;
            default:
                state->Counts.TagClear++;
                if (Value(i.B) == 0)
                    CapabilityState.ClearTags(state, address, size);
                break;
        }
    }
}
