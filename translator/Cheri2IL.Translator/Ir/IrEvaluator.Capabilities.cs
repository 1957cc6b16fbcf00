using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Ir;

/// <content>Capability values, checks and memory (CHERI ISAv9; where sources differ, the Sail model).</content>
public sealed unsafe partial class IrEvaluator
{
    private const int FaultNumberOfPcc = 0x20;
    private const int TagLine = 4 * CapabilityState.Granule;

    /// <summary>Permissions of accesses in the order in which they are missed.</summary>
    private static readonly (CapabilityPermissions Permission, CapabilityFaultCause Cause)[] PermissionCauses =
    [
        (CapabilityPermissions.Load, CapabilityFaultCause.PermitLoadViolation),
        (CapabilityPermissions.LoadCapability, CapabilityFaultCause.PermitLoadCapViolation),
        (CapabilityPermissions.Store, CapabilityFaultCause.PermitStoreViolation),
        (CapabilityPermissions.StoreCapability, CapabilityFaultCause.PermitStoreCapViolation),
        (CapabilityPermissions.StoreLocalCapability, CapabilityFaultCause.PermitStoreLocalCapViolation),
    ];

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
            _values[i.Id] = (long)IntegerOfCapability(i);
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
        IrOp.CapBase => Cap(i.A).Bounds.Base,
        IrOp.CapLength => Cap(i.A).Bounds.SaturatedLength,
        IrOp.CapTop => Cap(i.A).Bounds.SaturatedTop,
        IrOp.CapTag => Cap(i.A).IsTagged ? 1UL : 0,
        IrOp.CapSealed => Cap(i.A).IsSealed ? 1UL : 0,
        IrOp.CapOffset => Cap(i.A).Offset,
        IrOp.CapFlags => Cap(i.A).IsCapabilityMode ? 1UL : 0,
        IrOp.CapHigh => Cap(i.A).Metadata,
        IrOp.CapSubset => Cap(i.A).IsSubsetOf(Cap(i.B)) ? 1UL : 0,
        IrOp.CapEqual => Cap(i.A) == Cap(i.B) ? 1UL : 0,
        IrOp.CapToPointer => Cap(i.A).ToPointer(Cap(i.B)),
        IrOp.CapRoundLength => Capability.RepresentableLength((ulong)Value(i.A)),
        IrOp.CapAlignmentMask => Capability.RepresentableAlignmentMask((ulong)Value(i.A)),
        _ => throw new InvalidOperationException($"operation {i.Op} yields no integer"),
    };

    // ---- checks
    private void CapabilityCheck(IrInstruction i, GuestState* state)
    {
        switch (i.Op)
        {
            case IrOp.CapCheck or IrOp.CapCheckValue:
                CheckAccess(i);
                break;
            case IrOp.CapCheckAlignment:
                if ((Value(i.A) & (i.Immediate - 1)) != 0)
                    throw new GuestFault(i.IsStore ? GuestFaultKind.MisalignedStore : GuestFaultKind.MisalignedLoad, i.Pc, Value(i.A));
                break;
            case IrOp.CapCheckFetch:
                var pcc = CapabilityState.Read(state, GuestRegister.Pcc);
                CheckUsable(i, pcc, FaultNumberOfPcc, (ulong)i.Pc);
                Require(i, pcc.Permits(CapabilityPermissions.Execute), CapabilityFaultCause.PermitExecuteViolation, FaultNumberOfPcc, (ulong)i.Pc);
                Require(i, pcc.Bounds.Covers((ulong)i.Pc, (ulong)i.Immediate), CapabilityFaultCause.LengthViolation, FaultNumberOfPcc, (ulong)i.Pc);
                break;
            case IrOp.CapCheckTarget:
                var bounds = CapabilityState.Read(state, GuestRegister.Pcc).Bounds;
                Require(i, (int)Value(i.A) == 0 || bounds.Covers((ulong)Value(i.B), 2), CapabilityFaultCause.LengthViolation, FaultNumberOfPcc, (ulong)Value(i.B));
                break;
            case IrOp.CapCheckJump:
                CheckJump(i, Cap(i.A));
                break;
            case IrOp.CapCheckSystem:
                var permitted = CapabilityState.Read(state, GuestRegister.Pcc).Permits(CapabilityPermissions.AccessSystemRegisters);
                Require(i, permitted, CapabilityFaultCause.AccessSystemRegsViolation, FaultNumberOfPcc, (ulong)i.Pc);
                break;
            default:
                CheckInvoke(i, Cap(i.A), Cap(i.B), i.Register, (int)i.Immediate);
                break;
        }
    }

    private void CheckAccess(IrInstruction i)
    {
        var authority = Cap(i.A);
        var address = (ulong)(Value(i.B) + i.Immediate);
        var size = i.Capability switch
        {
            CapabilityAccess.LoadTags => TagLine,
            >= CapabilityAccess.StoreCapability => CapabilityState.Granule,
            _ => IrSignature.SizeOf(i.Access),
        };
        var stored = i.C == null ? CapabilityPermissions.None : Cap(i.C).NeededToStore;
        var needed = NeededFor(i.Capability) | stored;
        if (AccessWindow.Of(authority, needed, (uint)size).Allows(address))
            return;

        var number = i.Register < GuestRegister.F0 ? i.Register : FaultNumberOfPcc + (i.Register - GuestRegister.Pcc);
        CheckUsable(i, authority, number, address);
        foreach (var (permission, cause) in PermissionCauses)
            Require(i, (needed & permission) == 0 || authority.Permits(permission), cause, number, address);
        Require(i, authority.Bounds.Covers(address, (ulong)size), CapabilityFaultCause.LengthViolation, number, address);
        throw new InvalidOperationException($"an access at 0x{address:x} through {authority} is refused without a cause");
    }

    private static CapabilityPermissions NeededFor(CapabilityAccess access) => access switch
    {
        CapabilityAccess.Load or CapabilityAccess.LoadCapability => CapabilityPermissions.Load,
        CapabilityAccess.Store or CapabilityAccess.StoreCapability => CapabilityPermissions.Store,
        CapabilityAccess.LoadTags => CapabilityPermissions.Load | CapabilityPermissions.LoadCapability,
        _ => CapabilityPermissions.Load | CapabilityPermissions.Store,
    };

    private static void CheckJump(IrInstruction i, in Capability target)
    {
        var address = (target.Address + (ulong)i.Immediate) & ~1UL;
        Require(i, target.IsTagged, CapabilityFaultCause.TagViolation, i.Register, address);
        Require(i, !target.IsSealed || (target.IsSentry && i.Immediate == 0), CapabilityFaultCause.SealViolation, i.Register, address);
        Require(i, target.Permits(CapabilityPermissions.Execute), CapabilityFaultCause.PermitExecuteViolation, i.Register, address);
        Require(i, target.Bounds.Covers(address, 2), CapabilityFaultCause.LengthViolation, i.Register, address);
    }

    private static void CheckInvoke(IrInstruction i, in Capability code, in Capability data, int codeNumber, int dataNumber)
    {
        var target = code.Address & ~1UL;
        Require(i, code.IsTagged, CapabilityFaultCause.TagViolation, codeNumber, target);
        Require(i, data.IsTagged, CapabilityFaultCause.TagViolation, dataNumber, target);
        Require(i, code.Type <= ObjectType.Last, CapabilityFaultCause.SealViolation, codeNumber, target);
        Require(i, data.Type <= ObjectType.Last, CapabilityFaultCause.SealViolation, dataNumber, target);
        Require(i, code.Type == data.Type, CapabilityFaultCause.TypeViolation, codeNumber, target);
        Require(i, code.Permits(CapabilityPermissions.Invoke), CapabilityFaultCause.PermitCInvokeViolation, codeNumber, target);
        Require(i, data.Permits(CapabilityPermissions.Invoke), CapabilityFaultCause.PermitCInvokeViolation, dataNumber, target);
        Require(i, code.Permits(CapabilityPermissions.Execute), CapabilityFaultCause.PermitExecuteViolation, codeNumber, target);
        Require(i, !data.Permits(CapabilityPermissions.Execute), CapabilityFaultCause.PermitExecuteViolation, dataNumber, target);
        Require(i, code.Bounds.Covers(target, 2), CapabilityFaultCause.LengthViolation, codeNumber, target);
    }

    private static void CheckUsable(IrInstruction i, in Capability authority, int number, ulong address)
    {
        Require(i, authority.IsTagged, CapabilityFaultCause.TagViolation, number, address);
        Require(i, !authority.IsSealed, CapabilityFaultCause.SealViolation, number, address);
    }

    /// <param name="i">The check.</param>
    /// <param name="holds">What it asks for.</param>
    /// <param name="cause">What it is if that does not hold.</param>
    /// <param name="number">Number of the register at fault, as in xtval.</param>
    /// <param name="address">What was to be accessed, or executed.</param>
    private static void Require(IrInstruction i, bool holds, CapabilityFaultCause cause, int number, ulong address)
    {
        if (!holds)
            throw new GuestFault(GuestFaultKind.Capability, i.Pc, (long)address) { CapabilityCause = cause, CapabilityRegister = (byte)number };
    }

    // ---- memory
    private void AccessCapability(IrInstruction i, GuestState* state)
    {
        var address = Value(i.A) + i.Immediate;
        var isWrite = (IrOpInfo.Effects(i.Op) & IrEffects.WritesMemory) != 0 && i.Op != IrOp.CapLoadReserved;
        var size = i.Op switch
        {
            IrOp.ClearTags => IrSignature.SizeOf(i.Access),
            IrOp.CapLoadTags => TagLine,
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
                if (Value(i.B) == 0)
                    CapabilityState.ClearTags(state, address, size);
                break;
        }
    }
}
