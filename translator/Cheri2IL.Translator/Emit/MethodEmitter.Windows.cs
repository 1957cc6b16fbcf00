using System.Numerics;
using System.Reflection.Metadata;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using RegisterSet = System.UInt128;

namespace Cheri2IL.Translator.Emit;

/// <content>Checks of accesses against decoded bounds in locals (<see cref="WindowAnalysis"/>), and what keeps those true.</content>
public sealed partial class MethodEmitter
{
    private readonly Dictionary<int, int> _windowBase = [];
    private readonly Dictionary<(int Register, int Kind), int> _windowCount = [];

    /// <summary>A capability that is being decoded. Not a temporary: what returns from a cold block must leave those of its block alone.</summary>
    private int _decoded = -1;
    private int _window = -1;

    /// <summary>The authority of an access that failed. RyuJIT keeps it in memory, because checks take its address.</summary>
    private int _refused = -1;

    private int WindowBase(int register)
    {
        if (!_windowBase.TryGetValue(register, out var local))
            _windowBase.Add(register, local = NewLocal(LocalType.Int64));
        return local;
    }

    private int WindowCount(int register, int kind)
    {
        if (!_windowCount.TryGetValue((register, kind), out var local))
            _windowCount.Add((register, kind), local = NewLocal(LocalType.Int64));
        return local;
    }

    /// <summary>Computes the windows that code behind a place where registers were loaded needs.</summary>
    private void ComputeWindows(IrBlock next, RegisterSet kept)
    {
        var live = _windows.LiveIn(next);
        for (var register = 0; register < live.Length; register++)
        {
            if ((kept & WindowAnalysis.RegistersOf(register)) == 0)
                ComputeWindows(register, live[register], isInLine: false);
        }
    }

    /// <summary>Decodes what a register holds into its windows of these kinds.</summary>
    /// <param name="register">Register.</param>
    /// <param name="kinds">Kinds.</param>
    /// <param name="isInLine">Whether to decode in line: longer, but without a call, and overlapping with what comes next.</param>
    /// <param name="isBaseKnown">Whether the base is what the local for it holds, unless the windows are empty.</param>
    private void ComputeWindows(int register, uint kinds, bool isInLine, bool isBaseKnown = false)
    {
        if (kinds == 0)
            return;
        if (Omits(CapabilityCost.Decode))
        {
            OpenWindows(register, kinds);
            return;
        }

        CountDecoding(BitOperations.PopCount(kinds & ~(1u << _windows.DerivationKind)));
        var held = RegisterAt(register);
        var window = Shared(ref _window, LocalType.Window);
        LoadMetadata(held);
        LoadCapabilityAddress(held);
        LoadTestedTag();
        _il.Emit(ILOpCode.Call, isInLine ? Capabilities.WindowOfAddresses : Capabilities.DecodeWindow, 3, 1);
        _il.StoreLocal(window);
        if (!isBaseKnown)
        {
            LoadWindow(Capabilities.WindowBase);
            _il.StoreLocal(WindowBase(register));
        }

        foreach (var kind in WindowAnalysis.Bits(kinds))
        {
            if (kind == _windows.DerivationKind)
            {
                _il.LoadLocalAddress(window);
                LoadCapabilityAddress(held);
                _il.Emit(ILOpCode.Call, Capabilities.CountOfDerivation, 2, 1);
            }
            else
            {
                var (needed, size) = _windows.Kinds[kind];
                LoadWindow(Capabilities.WindowCount);
                LoadMetadata(held);
                _il.LoadConstant(Omits(CapabilityCost.Permission) ? 0 : (int)needed);
                _il.LoadConstant(size);
                _il.Emit(ILOpCode.Call, Capabilities.NarrowWindow, 4, 1);
            }

            _il.StoreLocal(WindowCount(register, kind));
        }

        void LoadTestedTag()
        {
            if (Omits(CapabilityCost.Tag))
                _il.LoadConstant(1);
            else
                LoadTag(held);
        }

        void LoadWindow(int getter)
        {
            _il.LoadLocalAddress(window);
            _il.Emit(ILOpCode.Call, getter, 1, 1);
        }
    }

    /// <summary>Makes windows allow everything, for code whose bounds are not decoded (<see cref="CapabilityCost.Decode"/>).</summary>
    private void OpenWindows(int register, uint kinds)
    {
        _il.LoadConstant(0L);
        _il.StoreLocal(WindowBase(register));
        foreach (var kind in WindowAnalysis.Bits(kinds))
        {
            _il.LoadConstant(-1L);
            _il.StoreLocal(WindowCount(register, kind));
        }
    }

    /// <summary>
    /// Behind a call: registers whose windows are needed and that ABIs have callees preserve. Whether this one did, is looked at: where the
    /// state block has what the locals hold, those and the windows are still true. Others are loaded.
    /// </summary>
    /// <returns>The registers for which that is done.</returns>
    private RegisterSet KeepWindows(IrInstruction call, IrBlock continuation)
    {
        var kept = _windows.KeptAcross(call);
        foreach (var register in RegisterAnalysis.Registers(_integers))
            kept &= ~WindowAnalysis.RegistersOf(register);
        var live = _windows.LiveIn(continuation);
        for (var register = 0; register < live.Length; register++)
        {
            if ((kept & WindowAnalysis.RegistersOf(register)) != 0)
                KeepWindows(register, live[register]);
        }

        return kept;
    }

    private void KeepWindows(int register, uint kinds)
    {
        var changed = _il.DefineLabel();
        var join = _il.DefineLabel();
        if (register != GuestRegister.Sp)
        {
            // sp is what it was, or control would not be here.
            if (register == DdcIndex)
                LoadCapabilityState(Capabilities.DdcAddress);
            else
                LoadState(_members.StateRegister(register));
            LoadCapabilityAddress(RegisterAt(register));
            _il.Branch(ILOpCode.Bne_un, changed);
        }

        _il.LoadArgument(StateArgument);
        MetadataAt(register);
        _il.Emit(ILOpCode.Ldind_i8);
        _il.LoadLocal(_metadataHome[register]);
        _il.Branch(ILOpCode.Bne_un, changed);
        _il.LoadArgument(StateArgument);
        TagAt(register);
        _il.Emit(ILOpCode.Ldind_u1);
        _il.LoadLocal(_tagHome[register]);
        _il.Branch(ILOpCode.Bne_un, changed);
        _il.MarkLabel(join);
        AddCold(() =>
        {
            _il.MarkLabel(changed);
            Reload(WindowAnalysis.RegistersOf(register) & ~RegisterAnalysis.ValidAfterCall);
            ComputeWindows(register, kinds, isInLine: false);
            _il.Branch(ILOpCode.Br, join);
        });
    }

    /// <summary>Makes the windows of a register those of another, which holds the same capability, perhaps at another address.</summary>
    private void CopyWindows(int from, int to, uint kinds)
    {
        if (from == to || kinds == 0)
            return;
        _il.LoadLocal(WindowBase(from));
        _il.StoreLocal(WindowBase(to));
        foreach (var kind in WindowAnalysis.Bits(kinds))
        {
            _il.LoadLocal(WindowCount(from, kind));
            _il.StoreLocal(WindowCount(to, kind));
        }
    }

    /// <summary>An integer has no window: nothing is allowed through it.</summary>
    private void CloseWindows(IrInstruction write)
    {
        foreach (var kind in WindowAnalysis.Bits(_windows.LiveAfter(write)))
        {
            _il.LoadConstant(0L);
            _il.StoreLocal(WindowCount(write.Register, kind));
        }
    }

    /// <summary>
    /// The check of an access: its distance from the window's base is less than the number of addresses there. The cold block finds the cause
    /// in the architecture's order. False: there is no window for it.
    /// </summary>
    private bool EmitWindowCheck(IrInstruction i)
    {
        var kind = _windows.KindOf(i);
        if (kind < 0)
            return false;
        if (Omits(CapabilityCost.Bounds))
            return true;
        var register = CapabilityState.Index(i.A!.Register);
        var fault = _il.DefineLabel();
        var join = i.C is null ? default : _il.DefineLabel();
        Pin(i.B!);
        var isStore = i.C is not null;
        var value = !isStore || IsInPlace(i.C!) ? -1 : LocalOf(i.C!);
        LoadSum(i.B!, i.Immediate);
        _il.LoadLocal(WindowBase(register));
        _il.Emit(ILOpCode.Sub);
        _il.LoadLocal(WindowCount(register, kind));
        _il.Branch(ILOpCode.Bge_un, fault);
        if (isStore)
            _il.MarkLabel(join);
        var dirty = _options.IsPrecise ? _dirty : 0;
        var loadAddress = Later(i.B!, i.Immediate);
        AddCold(() =>
        {
            _il.MarkLabel(fault);
            if (isStore)
            {
                EmitExactStoreCheck(i, value, loadAddress, join, dirty);
                return;
            }

            Spill(dirty);
            _il.LoadArgument(StateArgument);
            LoadMetadata(i.A);
            LoadCapabilityAddress(i.A);
            LoadTag(i.A);
            loadAddress();
            _il.LoadConstant((int)AccessNeeds.Permissions(i));
            _il.LoadConstant(AccessNeeds.Size(i));
            _il.LoadConstant(i.A.Register);
            _il.LoadConstant(_options.IsPrecise ? 1 : 0);
            _il.LoadConstant(i.Pc);
            _il.Emit(ILOpCode.Call, Capabilities.AccessFault, 10, 1);
            _il.Emit(ILOpCode.Throw);
        });
        return true;
    }

    /// <summary>Pushes 1 if the window allows it. Where there is none, 0: what is guarded does without.</summary>
    private void EmitAllowance(IrInstruction i)
    {
        var kind = _windows.KindOf(i);
        if (kind < 0 || Omits(CapabilityCost.Bounds))
        {
            _il.LoadConstant(kind < 0 ? 0 : 1);
            return;
        }

        Count(nameof(CheckCounts.Guard));
        var register = CapabilityState.Index(i.A!.Register);
        LoadSum(i.B!, i.Immediate);
        _il.LoadLocal(WindowBase(register));
        _il.Emit(ILOpCode.Sub);
        _il.LoadLocal(WindowCount(register, kind));
        _il.Emit(ILOpCode.Clt_un);
    }

    /// <summary>Cold: the window is for capabilities that need every permission to be stored; goes back to <paramref name="join"/> if this one needs less.</summary>
    private void EmitExactStoreCheck(IrInstruction i, int value, Action loadAddress, ILLabel join, RegisterSet dirty)
    {
        var authority = Shared(ref _refused, LocalType.Capability);
        var stored = value >= 0 ? value : Shared(ref _shared, LocalType.Capability);
        if (value < 0)
            Make(i.C!, stored);
        Make(i.A!, authority);
        _il.LoadLocalAddress(authority);
        loadAddress();
        _il.LoadConstant((int)AccessNeeds.Permissions(i));
        _il.LoadConstant(AccessNeeds.Size(i));
        _il.LoadLocalAddress(stored);
        _il.LoadConstant(AccessNeeds.Number(i));
        EmitColdCheck(i, Capabilities.CheckStore, 6, join, dirty, loadAddress, (i.A!.Register, authority));
    }

    /// <summary>
    /// Writes a register with the capability of another at a new address. Where the windows that code behind it needs can be those of the
    /// source, the tag stays if the new address is between base and top; otherwise <see cref="Capability"/> says what the result is.
    /// False: it is not that.
    /// </summary>
    private bool EmitDerivation(IrInstruction i)
    {
        var (value, kinds) = (i.A!, _windows.LiveAfter(i));
        var source = _windows.SourceOf(i);
        if (source < 0 || (kinds == 0 && value.Elided is null && !_windows.IsByWindow(i)))
            return false;
        var target = CapabilityState.Index(i.Register);
        if (!WindowAnalysis.IsDerivation(value))
        {
            CopyRegister(value, i.Register);
            CopyWindows(source, target, kinds);
            return true;
        }

        if (_temporaries.ContainsKey(value))
            return false;
        var address = Temporary(LocalType.Int64);
        if (value.Op == IrOp.CapIncrement)
            LoadCapabilityAddress(value.A!);
        Value(value.B!);
        if (value.Op == IrOp.CapIncrement)
            _il.Emit(ILOpCode.Add);
        _il.StoreLocal(address);
        Count(value.Elided is null ? nameof(CheckCounts.Derivation) : nameof(CheckCounts.ElidedDerivation));
        var isProven = value.Elided is not null || Omits(CapabilityCost.Bounds);
        var lost = isProven ? default : _il.DefineLabel();
        if (!isProven)
        {
            _il.LoadLocal(address);
            _il.LoadLocal(WindowBase(source));
            _il.Emit(ILOpCode.Sub);
            _il.LoadLocal(WindowCount(source, _windows.DerivationKind));
            _il.Branch(ILOpCode.Bge_un, lost);
        }

        if (target != source)
        {
            LoadMetadata(value.A!);
            _il.StoreLocal(_metadataHome[target]);
            LoadTag(value.A!);
            _il.StoreLocal(_tagHome[target]);
            CopyWindows(source, target, kinds);
        }

        _il.LoadLocal(address);
        StoreRegister(i.Register);
        if (isProven)
            return true;
        var join = _il.DefineLabel();
        _il.MarkLabel(join);
        var result = Shared(ref _decoded, LocalType.Capability);
        AddCold(() =>
        {
            _il.MarkLabel(lost);
            Make(RegisterAt(source), result);
            _il.LoadLocalAddress(result);
            _il.LoadLocal(address);
            if (value.Op == IrOp.CapIncrement)
            {
                LoadCapabilityAddress(RegisterAt(source));
                _il.Emit(ILOpCode.Sub);
            }

            _il.Emit(ILOpCode.Call, Capabilities.Operation(value.Op), 2, 1);
            _il.StoreLocal(result);

            // Metadata and base stay. Were they written here, RyuJIT would take them for different values behind the join.
            if (target != source)
            {
                LoadMetadata(RegisterAt(source));
                _il.StoreLocal(_metadataHome[target]);
                CopyWindows(source, target, kinds);
            }

            LoadPart(result, IrOp.CapAddress);
            StoreRegister(i.Register);
            LoadPart(result, IrOp.CapTag);
            _il.StoreLocal(_tagHome[target]);
            ComputeWindows(target, kinds, isInLine: false, isBaseKnown: true);
            _il.Branch(ILOpCode.Br, join);
        });
        return true;
    }

    /// <summary>
    /// Writes a register with a capability that is likely to have the metadata of the one before; then the windows stay
    /// (<see cref="WindowAnalysis.IsRecurrence"/>). False: it is not that.
    /// </summary>
    private bool EmitRecurrence(IrInstruction i)
    {
        if (!_windows.IsRecurrence(i) || IsInPlace(i.A!))
            return false;
        var next = LocalOf(i.A!);
        var other = _il.DefineLabel();
        var join = _il.DefineLabel();
        LoadPart(next, IrOp.CapHigh);
        LoadMetadata(RegisterAt(i.Register));
        _il.Branch(ILOpCode.Bne_un, other);
        LoadPart(next, IrOp.CapTag);
        _il.Branch(ILOpCode.Brfalse, other);
        LoadPart(next, IrOp.CapAddress);
        _il.LoadLocal(WindowBase(i.Register));
        _il.Emit(ILOpCode.Sub);
        _il.LoadLocal(WindowCount(i.Register, _windows.DerivationKind));
        _il.Branch(ILOpCode.Bge_un, other);
        LoadPart(next, IrOp.CapAddress);
        StoreRegister(i.Register);
        _il.LoadConstant(1);
        _il.StoreLocal(_tagHome[i.Register]);
        _il.MarkLabel(join);
        AddCold(() =>
        {
            _il.MarkLabel(other);
            StoreCapability(next, i.Register);
            ComputeWindows(i.Register, _windows.LiveAfter(i), isInLine: true);
            _il.Branch(ILOpCode.Br, join);
        });
        return true;
    }

    private static IrInstruction RegisterAt(int index) => new(IrOp.GetC, IrType.Cap)
    {
        Register = index == DdcIndex ? GuestRegister.Ddc : (byte)index,
    };
}
