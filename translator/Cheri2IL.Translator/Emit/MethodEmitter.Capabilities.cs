using System.Reflection.Metadata;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using RegisterSet = System.UInt128;

namespace Cheri2IL.Translator.Emit;

/// <content>
/// Capabilities (CHERI ISAv9). The address of a capability register is the integer register of the same number; its metadata and tag are in
/// two more locals. Other capability values are locals of the type <see cref="Capability"/>, of which RyuJIT keeps the parts in registers.
/// PCC is in the state block alone: it changes where control leaves.
/// </content>
public sealed partial class MethodEmitter
{
    private readonly int[] _metadataHome = new int[GuestRegister.Count];
    private readonly int[] _tagHome = new int[GuestRegister.Count];
    private int _ddcAddressHome;
    private int _pccMetadata = -1;
    private int _violation = -1;

    private static readonly int DdcIndex = CapabilityState.Index(GuestRegister.Ddc);

    private CapabilityMembers Capabilities => _members.Capabilities ?? throw new InvalidOperationException("the assembly is one without capabilities");

    private bool Omits(CapabilityCost cost) => (_options.Omitted & cost) != 0;

    /// <summary>Counts that bounds are decoded, for some kinds of accesses.</summary>
    private void CountDecoding(int kinds)
    {
        Count(nameof(CheckCounts.Decode));
        Count(nameof(CheckCounts.Tag));
        for (var k = 0; k < kinds; k++)
            Count(nameof(CheckCounts.Permission));
    }

    // ---- registers
    private void AssignCapabilityHomes()
    {
        foreach (var bit in RegisterAnalysis.Registers(_registers.Used >> GuestRegister.Count))
        {
            _metadataHome[bit] = NewLocal(LocalType.Int64);
            _tagHome[bit] = NewLocal(LocalType.Int32);
            if (bit == DdcIndex)
                _ddcAddressHome = NewLocal(LocalType.Int64);
        }
    }

    /// <summary>Stores metadata and tag at an index; the state block's address is on the stack.</summary>
    private void SpillMetadata(int index)
    {
        if (index == DdcIndex)
        {
            _il.Emit(ILOpCode.Dup);
            _il.Emit(ILOpCode.Ldflda, Capabilities.State, 1, 1);
            _il.LoadLocal(_ddcAddressHome);
            _il.Emit(ILOpCode.Stfld, Capabilities.DdcAddress, 2, 0);
        }

        _il.Emit(ILOpCode.Dup);
        MetadataAt(index);
        LoadMetadata(RegisterAt(index));
        _il.Emit(ILOpCode.Stind_i8);
        TagAt(index);
        LoadTag(RegisterAt(index));
        _il.Emit(ILOpCode.Stind_i1);
    }

    /// <summary>Loads metadata and tag at an index; the state block's address is on the stack.</summary>
    private void ReloadMetadata(int index)
    {
        if (index == DdcIndex)
        {
            _il.Emit(ILOpCode.Dup);
            _il.Emit(ILOpCode.Ldflda, Capabilities.State, 1, 1);
            _il.Emit(ILOpCode.Ldfld, Capabilities.DdcAddress, 1, 1);
            _il.StoreLocal(_ddcAddressHome);
        }

        _il.Emit(ILOpCode.Dup);
        MetadataAt(index);
        _il.Emit(ILOpCode.Ldind_i8);
        _il.StoreLocal(_metadataHome[index]);
        TagAt(index);
        _il.Emit(ILOpCode.Ldind_u1);
        _il.StoreLocal(_tagHome[index]);
    }

    /// <summary>Pushes a field of <see cref="CapabilityState"/>.</summary>
    private void LoadCapabilityState(int field)
    {
        _il.LoadArgument(StateArgument);
        _il.Emit(ILOpCode.Ldflda, Capabilities.State, 1, 1);
        _il.Emit(ILOpCode.Ldfld, field, 1, 1);
    }

    /// <summary>From the address of the state block to that of a metadata word. RyuJIT makes one displacement of it.</summary>
    private void MetadataAt(int index) => ElementAt(Capabilities.Metadata, index * sizeof(ulong));

    private void TagAt(int index) => ElementAt(Capabilities.Tags, index);

    private void ElementAt(int field, int offset)
    {
        _il.Emit(ILOpCode.Ldflda, Capabilities.State, 1, 1);
        _il.Emit(ILOpCode.Ldflda, field, 1, 1);
        _il.LoadConstant(offset);
        _il.Emit(ILOpCode.Conv_i);
        _il.Emit(ILOpCode.Add);
    }

    /// <summary>An integer write of a register: metadata of NULL, no tag.</summary>
    private void DropMetadata(IrInstruction set)
    {
        if (!_function.HasCapabilities || set.Register >= GuestRegister.F0)
            return;
        if ((_mixed >> set.Register & 1) != 0)
            StoreMetadataOfInteger(set.Register);
        CloseWindows(set);
    }

    private void StoreMetadataOfInteger(int register)
    {
        _il.LoadConstant(0L);
        _il.StoreLocal(_metadataHome[register]);
        _il.LoadConstant(0);
        _il.StoreLocal(_tagHome[register]);
    }

    // ---- values
    /// <summary>Pushes a value, a capability or an integer, that an operation on capabilities yields.</summary>
    private void EmitCapabilityValue(IrInstruction i)
    {
        switch (i.Op)
        {
            case IrOp.GetC or IrOp.CapInteger:
                var made = Temporary(LocalType.Capability);
                Make(i, made);
                _il.LoadLocal(made);
                break;
            case IrOp.CapAllows:
                EmitAllowance(i);
                break;
            case IrOp.Untagged:
                EmitUntagged(i);
                break;
            case IrOp.CapLoadReserved:
                _il.LoadArgument(StateArgument);
                LoadAddress(i);
                KeepsTag(i.B!);
                _il.Emit(ILOpCode.Call, Capabilities.LoadReserved, 3, 1);
                break;
            case IrOp.CapStoreConditional:
                _il.LoadArgument(StateArgument);
                LoadAddress(i);
                AddressOf(i.B!);
                _il.Emit(ILOpCode.Call, Capabilities.StoreConditional, 3, 1);
                break;
            case IrOp.CapSwap:
                _il.LoadArgument(StateArgument);
                LoadAddress(i);
                AddressOf(i.B!);
                KeepsTag(i.C!);
                _il.Emit(ILOpCode.Call, Capabilities.Swap, 4, 1);
                break;
            case IrOp.CapLoadTags:
                _il.LoadArgument(StateArgument);
                LoadAddress(i);
                _il.Emit(ILOpCode.Call, Capabilities.LoadTags, 2, 1);
                break;
            default:
                EmitCapabilityOperation(i);
                break;
        }
    }

    private void EmitCapabilityOperation(IrInstruction i)
    {
        foreach (var operand in (ReadOnlySpan<IrInstruction?>)[i.A, i.B])
        {
            if (operand is { Type: IrType.Cap })
                AddressOf(operand);
            else if (operand is not null)
                Value(operand);
        }

        if (i.Op == IrOp.CapAndPermissions)
            _il.Emit(ILOpCode.Conv_u4);
        _il.Emit(ILOpCode.Call, Capabilities.Operation(i.Op), i.B is null ? 1 : 2, 1);
        if (i.Op is IrOp.CapPermissions or IrOp.CapTag or IrOp.CapSealed or IrOp.CapFlags or IrOp.CapSubset or IrOp.CapEqual)
            _il.Emit(ILOpCode.Conv_u8);
    }

    /// <summary>Pushes the host address of a capability value, in a local.</summary>
    private void AddressOf(IrInstruction value) => _il.LoadLocalAddress(LocalOf(value));

    /// <summary>A local that holds a capability value.</summary>
    private int LocalOf(IrInstruction value)
    {
        if (_temporaries.TryGetValue(value, out var local))
            return local;
        local = Temporary(LocalType.Capability);
        if (value.Op is IrOp.GetC or IrOp.CapInteger)
        {
            Make(value, local);
        }
        else
        {
            EmitAndKeep(value);
            _il.StoreLocal(local);
        }

        return local;
    }

    /// <summary>Puts a capability together in a local.</summary>
    private void Make(IrInstruction value, int local)
    {
        _il.LoadLocalAddress(local);
        LoadMetadata(value);
        LoadCapabilityAddress(value);
        LoadTag(value);
        _il.Emit(ILOpCode.Call, Capabilities.Make, 4, 0);
    }

    /// <summary>Whether a value, or what is in its register, is an integer.</summary>
    private bool IsInteger(IrInstruction value) => value.Op == IrOp.CapInteger || (value.Register < GuestRegister.F0 && (_integers >> value.Register & 1) != 0);

    /// <summary>Pushes the metadata of a register's capability or of an integer.</summary>
    private void LoadMetadata(IrInstruction value)
    {
        if (IsInteger(value))
            _il.LoadConstant(0L);
        else if (value.Register == GuestRegister.Pcc)
            LoadPccMetadata();
        else
            _il.LoadLocal(_metadataHome[CapabilityState.Index(value.Register)]);
    }

    /// <summary>Pushes its address.</summary>
    private void LoadCapabilityAddress(IrInstruction value)
    {
        if (value.Op == IrOp.CapInteger)
            Value(value.A!);
        else if (value.Register == GuestRegister.Pcc)
            _il.LoadConstant(value.Pc);
        else if (value.Register == GuestRegister.Ddc)
            _il.LoadLocal(_ddcAddressHome);
        else
            LoadRegister(value.Register);
    }

    /// <summary>Pushes its tag. PCC has one, or the function would not have been entered.</summary>
    private void LoadTag(IrInstruction value)
    {
        if (IsInteger(value))
            _il.LoadConstant(0);
        else if (value.Register == GuestRegister.Pcc)
            _il.LoadConstant(1);
        else
            _il.LoadLocal(_tagHome[CapabilityState.Index(value.Register)]);
    }

    /// <summary>Pushes whether capabilities that are loaded under an authority keep their tags.</summary>
    private void KeepsTag(IrInstruction authority)
    {
        AddressOf(authority);
        _il.LoadConstant((int)CapabilityPermissions.LoadCapability);
        _il.Emit(ILOpCode.Call, Capabilities.Permits, 2, 1);
    }

    private void LoadAddress(IrInstruction access) => LoadSum(access.A!, access.Immediate);

    private void LoadSum(IrInstruction value, long offset)
    {
        Value(value);
        if (offset == 0)
            return;
        _il.LoadConstant(offset);
        _il.Emit(ILOpCode.Add);
    }

    // ---- statements
    private void EmitCapabilityStatement(IrInstruction i)
    {
        switch (i.Op)
        {
            case IrOp.SetC:
                EmitSetCapability(i);
                break;
            case IrOp.CapCheck or IrOp.CapCheckValue:
                var isStore = AccessNeeds.IsStore(i);
                if (i.Elided is not null)
                {
                    Count(isStore ? nameof(CheckCounts.ElidedCapabilityStore) : nameof(CheckCounts.ElidedCapabilityLoad));
                    break;
                }

                Count(isStore ? nameof(CheckCounts.CapabilityStore) : nameof(CheckCounts.CapabilityLoad));
                if (EmitWindowCheck(i))
                    break;
                CountDecoding(kinds: 1);
                Pin(i.B!);
                var authority = LocalOf(i.A!);
                _il.LoadLocalAddress(authority);
                LoadSum(i.B!, i.Immediate);
                _il.LoadConstant((int)AccessNeeds.Permissions(i));
                _il.LoadConstant(AccessNeeds.Size(i));
                if (i.C is not null)
                    AddressOf(i.C);
                _il.LoadConstant(AccessNeeds.Number(i));
                EmitViolation(i, i.C is null ? Capabilities.CheckAccess : Capabilities.CheckStore, i.C is null ? 5 : 6, Later(i.B!, i.Immediate), (i.Register, authority));
                break;
            case IrOp.CapCheckAlignment:
                EmitAlignmentCheck(i, i.IsStore ? GuestFaultKind.MisalignedStore : GuestFaultKind.MisalignedLoad);
                break;
            case IrOp.CapCheckTarget:
                EmitTargetCheck(i);
                break;
            case IrOp.CapCheckJump:
                EmitJumpCheck(i);
                break;
            case IrOp.CapCheckInvoke:
                Count(nameof(CheckCounts.Jump));
                var (code, data) = (LocalOf(i.A!), LocalOf(i.B!));
                _il.LoadLocalAddress(code);
                _il.LoadLocalAddress(data);
                _il.LoadConstant(i.Register);
                _il.LoadConstant((int)i.Immediate);
                EmitViolation(i, Capabilities.CheckInvoke, 4, () => LoadJumpTarget(code, 0), (i.Register, code), ((int)i.Immediate, data));
                break;
            case IrOp.CapCheckSystem:
                AddressOfPcc(i);
                EmitViolation(i, Capabilities.CheckSystemRegisters, 1, () => _il.LoadConstant(i.Pc));
                break;
            case IrOp.CapStore:
                EmitCapabilityStore(i);
                break;
            case IrOp.ClearTags:
                EmitClearTags(i);
                break;
            default:
                throw new InvalidOperationException($"{i.Op} is not a statement");
        }
    }

    private void EmitSetCapability(IrInstruction i)
    {
        var value = i.A!;
        if (i.Register == GuestRegister.Pcc)
        {
            EmitSetPcc(i);
            return;
        }

        if (IsInteger(i))
        {
            // What is written may be derived from it; from here on, and in cold blocks, the locals count.
            StoreMetadataOfInteger(i.Register);
            _integers = IntegerRegisters.After(i, _integers);
        }

        if (EmitLink(i) || EmitDerivation(i) || EmitRecurrence(i))
            return;
        if (IsInPlace(value))
            CopyRegister(value, i.Register);
        else
            StoreCapability(LocalOf(value), i.Register);
        ComputeWindows(CapabilityState.Index(i.Register), _windows.LiveAfter(i), isInLine: true);
    }

    /// <summary>Writes a register with what another holds, or an integer.</summary>
    private void CopyRegister(IrInstruction value, int register)
    {
        if (value.Op == IrOp.GetC && value.Register == register)
            return;
        LoadCapabilityAddress(value);
        StoreAddress(register);
        LoadMetadata(value);
        _il.StoreLocal(_metadataHome[CapabilityState.Index(register)]);
        LoadTag(value);
        _il.StoreLocal(_tagHome[CapabilityState.Index(register)]);
    }

    /// <summary>Writes a capability that is in a local to a register of the state block.</summary>
    private void WriteState(int register, int local)
    {
        _il.LoadArgument(StateArgument);
        _il.LoadConstant(register);
        _il.LoadLocalAddress(local);
        _il.Emit(ILOpCode.Call, Capabilities.Write, 3, 0);
    }

    /// <summary>Writes a register with the capability in a local.</summary>
    private void StoreCapability(int local, int register)
    {
        LoadPart(local, IrOp.CapAddress);
        StoreAddress(register);
        LoadPart(local, IrOp.CapHigh);
        _il.StoreLocal(_metadataHome[CapabilityState.Index(register)]);
        LoadPart(local, IrOp.CapTag);
        _il.StoreLocal(_tagHome[CapabilityState.Index(register)]);
    }

    private void LoadPart(int local, IrOp getter)
    {
        _il.LoadLocalAddress(local);
        _il.Emit(ILOpCode.Call, Capabilities.Operation(getter), 1, 1);
    }

    /// <summary>Whether the parts of a value can be had without putting it together: a register that still holds it, or an integer.</summary>
    private bool IsInPlace(IrInstruction value) => value.Op is IrOp.GetC or IrOp.CapInteger && !_temporaries.ContainsKey(value);

    private void StoreAddress(int register)
    {
        if (register == GuestRegister.Ddc)
            _il.StoreLocal(_ddcAddressHome);
        else
            StoreRegister(register);
    }

    /// <summary>Calls a check, whose operands are on the stack, and faults with the violation that it finds.</summary>
    /// <param name="i">The instruction.</param>
    /// <param name="check">Method of <see cref="CapabilityChecks"/>.</param>
    /// <param name="operands">Its operands.</param>
    /// <param name="loadAddress">Pushes what was to be accessed or executed.</param>
    /// <param name="authorities">
    /// Registers that may be at fault, and locals that hold them: reports show those, also where no other register is stored.
    /// </param>
    private void EmitViolation(IrInstruction i, int check, int operands, Action loadAddress, params (int Register, int Local)[] authorities)
    {
        var violation = Shared(ref _violation, LocalType.Int32);
        var fault = _il.DefineLabel();
        _il.Emit(ILOpCode.Call, check, operands, 1);
        _il.StoreLocal(violation);
        _il.LoadLocal(violation);
        _il.Branch(ILOpCode.Brtrue, fault);
        var dirty = _options.IsPrecise ? _dirty : 0;
        AddCold(() =>
        {
            _il.MarkLabel(fault);
            Spill(dirty);
            ThrowViolation(i, loadAddress, authorities);
        });
    }

    /// <summary>Cold: calls a check, whose operands are on the stack; goes to <paramref name="allowed"/> if it finds nothing, and faults otherwise.</summary>
    private void EmitColdCheck(
        IrInstruction i, int check, int operands, ILLabel allowed, RegisterSet dirty, Action loadAddress, params ReadOnlySpan<(int Register, int Local)> authorities)
    {
        var violation = Shared(ref _violation, LocalType.Int32);
        _il.Emit(ILOpCode.Call, check, operands, 1);
        _il.StoreLocal(violation);
        _il.LoadLocal(violation);
        _il.Branch(ILOpCode.Brfalse, allowed);
        Spill(dirty);
        ThrowViolation(i, loadAddress, authorities);
    }

    /// <summary>Throws the fault of the violation in the local for it.</summary>
    private void ThrowViolation(IrInstruction i, Action loadAddress, params ReadOnlySpan<(int Register, int Local)> authorities)
    {
        if (!_options.IsPrecise)
        {
            foreach (var (register, local) in authorities)
                WriteState(register, local);
        }

        _il.LoadLocal(_violation);
        _il.LoadConstant(_options.IsPrecise ? 1 : 0);
        _il.LoadConstant(i.Pc);
        loadAddress();
        _il.Emit(ILOpCode.Call, Capabilities.Fault, 4, 1);
        _il.Emit(ILOpCode.Throw);
    }

    /// <summary>LR and SC of 8 and 16 bits.</summary>
    private void EmitNarrowReservation(IrInstruction i)
    {
        _il.LoadArgument(StateArgument);
        HostAddress(i.A!, 0);
        _il.LoadConstant(IrSignature.SizeOf(i.Access));
        if (i.Op == IrOp.StoreConditional)
            Value(i.B!);
        var name = i.Op == IrOp.LoadReserved ? nameof(Atomics.LoadReservedNarrow) : nameof(Atomics.StoreConditionalNarrow);
        _il.Emit(ILOpCode.Call, _members.Static(typeof(Atomics), name), i.Op == IrOp.LoadReserved ? 3 : 4, 1);
    }
}
