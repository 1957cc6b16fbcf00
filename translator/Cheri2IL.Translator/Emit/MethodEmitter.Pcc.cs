using System.Reflection.Metadata;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Emit;

/// <content>
/// PCC: what it allows to be fetched, jumps that change it, and links. Most jumps stay within one PCC: the same metadata, at an address
/// between the same base and top, is the same capability, of which everything was checked at the method's entry.
/// </content>
public sealed partial class MethodEmitter
{
    /// <summary>
    /// PCC has to allow all of the function's code, in its mode: that stands for the check of each fetch. The window in the state block is
    /// PCC's, decoded; where it does not say so, the runtime looks at PCC itself. Where that does not allow it either, the evaluator finds
    /// how far the function gets.
    /// </summary>
    private void EmitFetchCheck()
    {
        if (_options.IsPart || _function.FetchedCode is not var (start, last))
            return;
        Count(nameof(CheckCounts.Fetch));
        var unknown = _il.DefineLabel();
        var allowed = _il.DefineLabel();
        foreach (var address in (ReadOnlySpan<long>)[start, last])
        {
            _il.LoadConstant(address);
            LoadCodeWindow(Capabilities.CodeBase);
            _il.Emit(ILOpCode.Sub);
            LoadCodeWindow(Capabilities.CodeLength);
            _il.Branch(ILOpCode.Bge_un, unknown);
        }

        _il.MarkLabel(allowed);
        AddCold(() =>
        {
            _il.MarkLabel(unknown);
            _il.LoadArgument(StateArgument);
            _il.LoadConstant(start);
            _il.LoadConstant(last);
            _il.LoadConstant(_function.IsCapabilityMode ? 1 : 0);
            _il.Emit(ILOpCode.Call, Capabilities.AllowsFetch, 4, 1);
            _il.Branch(ILOpCode.Brtrue, allowed);
            Spill(RegisterAnalysis.Arguments);
            _il.LoadArgument(StateArgument);
            _il.LoadConstant(_function.EntryPc);
            _il.Emit(ILOpCode.Call, Capabilities.LeaveToEvaluator, 2, 1);
            _il.Emit(ILOpCode.Throw);
        });
    }

    private void LoadCodeWindow(int field)
    {
        _il.LoadArgument(StateArgument);
        _il.Emit(ILOpCode.Ldflda, Capabilities.State, 1, 1);
        _il.Emit(ILOpCode.Ldflda, _function.IsCapabilityMode ? Capabilities.CapabilityCode : Capabilities.IntegerCode, 1, 1);
        _il.Emit(ILOpCode.Ldfld, field, 1, 1);
    }

    private void LoadPccMetadata()
    {
        _il.LoadArgument(StateArgument);
        MetadataAt(CapabilityState.Index(GuestRegister.Pcc));
        _il.Emit(ILOpCode.Ldind_i8);
    }

    /// <summary>Keeps PCC's metadata where calls will compare with it.</summary>
    private void KeepPcc()
    {
        if (!_function.HasCapabilities || !AnyInstruction(i => i.Op == IrOp.Call))
            return;
        _pccMetadata = NewLocal(LocalType.Int64);
        LoadPccMetadata();
        _il.StoreLocal(_pccMetadata);
    }

    /// <summary>
    /// A callee has to come back with the PCC that it was called with: the same metadata at the same address has the same bounds, and what
    /// was jumped to is tagged.
    /// </summary>
    private void EmitPccComparison()
    {
        if (_pccMetadata < 0)
            return;
        LoadPccMetadata();
        _il.LoadLocal(_pccMetadata);
        _il.Branch(ILOpCode.Bne_un, _mismatch ??= _il.DefineLabel());
    }

    private void EmitTargetCheck(IrInstruction i)
    {
        Count(nameof(CheckCounts.Jump));
        Pin(i.B!);
        ILLabel? skip = i.A!.Op == IrOp.Const ? null : _il.DefineLabel();
        if (skip is { } notTaken)
        {
            Value(i.A);
            _il.Branch(ILOpCode.Brfalse, notTaken);
        }

        var outside = _il.DefineLabel();
        var allowed = _il.DefineLabel();
        var loadTarget = Later(i.B!, 0);
        EmitInsideCode(loadTarget, outside);
        _il.MarkLabel(allowed);
        var pcc = Shared(ref _refused, LocalType.Capability);
        var dirty = _options.IsPrecise ? _dirty : 0;
        AddCold(() =>
        {
            _il.MarkLabel(outside);
            Make(PccAt(i), pcc);
            _il.LoadLocalAddress(pcc);
            loadTarget();
            EmitColdCheck(i, Capabilities.CheckTarget, 2, allowed, dirty, loadTarget);
        });
        if (skip is { } join)
            _il.MarkLabel(join);
    }

    /// <summary>Pushes the host address of PCC as it is at an instruction.</summary>
    private void AddressOfPcc(IrInstruction at) => AddressOf(PccAt(at));

    private static IrInstruction PccAt(IrInstruction at) => new(IrOp.GetC, IrType.Cap) { Register = GuestRegister.Pcc, Pc = at.Pc };

    private void LoadJumpTarget(int local, long offset)
    {
        _il.LoadLocalAddress(local);
        _il.LoadConstant(offset);
        _il.Emit(ILOpCode.Call, Capabilities.JumpTarget, 2, 1);
    }

    /// <summary>Goes to <paramref name="outside"/> unless PCC, as the state block has it decoded, allows two bytes to be fetched.</summary>
    private void EmitInsideCode(Action loadTarget, ILLabel outside)
    {
        for (var offset = 0L; offset < 2; offset++)
        {
            loadTarget();
            if (offset != 0)
            {
                _il.LoadConstant(offset);
                _il.Emit(ILOpCode.Add);
            }

            LoadCodeWindow(Capabilities.CodeBase);
            _il.Emit(ILOpCode.Sub);
            LoadCodeWindow(Capabilities.CodeLength);
            _il.Branch(ILOpCode.Bge_un, outside);
        }
    }

    /// <summary>
    /// A jump to a sentry of this PCC at an address between its base and top needs no more checks. All others are made in the
    /// architecture's order.
    /// </summary>
    private void EmitJumpCheck(IrInstruction i)
    {
        Count(nameof(CheckCounts.Jump));
        var code = i.A!;
        if (!IsInPlace(code) || code.Op != IrOp.GetC || code.Register >= GuestRegister.Count || i.Immediate != 0)
        {
            var target = LocalOf(code);
            _il.LoadLocalAddress(target);
            _il.LoadConstant(i.Immediate);
            _il.LoadConstant(i.Register);
            EmitViolation(i, Capabilities.CheckJump, 3, () => LoadJumpTarget(target, i.Immediate), (i.Register, target));
            return;
        }

        var other = _il.DefineLabel();
        var join = _il.DefineLabel();
        LoadTag(code);
        _il.Branch(ILOpCode.Brfalse, other);
        LoadMetadata(code);
        _il.LoadConstant(unchecked((long)Capability.SentryType));
        _il.Emit(ILOpCode.Xor);
        LoadPccMetadata();
        _il.Branch(ILOpCode.Bne_un, other);
        EmitInsideCode(LoadEven, other);
        _il.MarkLabel(join);
        var refused = Shared(ref _refused, LocalType.Capability);
        var dirty = _options.IsPrecise ? _dirty : 0;
        AddCold(() =>
        {
            _il.MarkLabel(other);
            Make(code, refused);
            _il.LoadLocalAddress(refused);
            _il.LoadConstant(i.Immediate);
            _il.LoadConstant(i.Register);
            EmitColdCheck(i, Capabilities.CheckJump, 3, join, dirty, () => LoadJumpTarget(refused, i.Immediate), (i.Register, refused));
        });

        void LoadEven()
        {
            LoadCapabilityAddress(code);
            _il.LoadConstant(~1L);
            _il.Emit(ILOpCode.And);
        }
    }

    /// <summary>Writes PCC, whose address is the pc, where its metadata changes; what becomes PCC is tagged.</summary>
    private void EmitSetPcc(IrInstruction i)
    {
        var value = i.A!;
        if (_temporaries.ContainsKey(value) || value is not { Op: IrOp.CapUnsealed, A: { Op: IrOp.GetC } code } || !IsInPlace(code))
        {
            WriteState(i.Register, LocalOf(value));
            return;
        }

        var other = _il.DefineLabel();
        var join = _il.DefineLabel();
        LoadMetadata(code);
        _il.LoadConstant(unchecked((long)~Capability.TypeMask));
        _il.Emit(ILOpCode.And);
        LoadPccMetadata();
        _il.Branch(ILOpCode.Bne_un, other);
        _il.MarkLabel(join);
        var entered = Shared(ref _refused, LocalType.Capability);
        AddCold(() =>
        {
            _il.MarkLabel(other);
            Make(code, entered);
            _il.LoadLocalAddress(entered);
            _il.Emit(ILOpCode.Call, Capabilities.Operation(IrOp.CapUnsealed), 1, 1);
            _il.StoreLocal(entered);
            WriteState(i.Register, entered);
            _il.Branch(ILOpCode.Br, join);
        });
    }

    /// <summary>
    /// A link: a sentry of PCC at an address inside the function or right behind it, which is between PCC's base and top. False: it is not that.
    /// </summary>
    private bool EmitLink(IrInstruction i)
    {
        if (_function.FetchedCode is not var (start, last) || i.Register >= GuestRegister.Count
            || i.A is not { Op: IrOp.CapSealEntry, A: { Op: IrOp.CapSetAddress, A: { Op: IrOp.GetC, Register: GuestRegister.Pcc }, B: { Op: IrOp.Const, Immediate: var next } } place }
            || _temporaries.ContainsKey(i.A) || _temporaries.ContainsKey(place) || next < start || next > last + 1 || _windows.LiveAfter(i) != 0)
            return false;
        _il.LoadConstant(next);
        StoreRegister(i.Register);
        LoadPccMetadata();
        _il.LoadConstant(unchecked((long)Capability.SentryType));
        _il.Emit(ILOpCode.Or);
        _il.StoreLocal(_metadataHome[i.Register]);
        _il.LoadConstant(1);
        _il.StoreLocal(_tagHome[i.Register]);
        return true;
    }
}
