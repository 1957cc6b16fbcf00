using System.Buffers.Binary;
using System.Reflection.Metadata;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Passes;
using RegisterSet = System.UInt128;

namespace Cheri2IL.Translator.Emit;

/// <summary>Numbers that a translation reports; counts of emitted code, not of executions.</summary>
public sealed record EmitStatistics
{
    /// <summary>Checks in the IR.</summary>
    public int Checks { get; set; }

    /// <summary>Checks that a pass proved redundant.</summary>
    public int ElidedChecks { get; set; }

    /// <summary>Checks of accesses under capabilities in the IR.</summary>
    public int CapabilityChecks { get; set; }

    /// <summary>Those of them that a pass proved redundant.</summary>
    public int ElidedCapabilityChecks { get; set; }

    /// <summary>Counts the checks of functions.</summary>
    public static EmitStatistics Count(IEnumerable<IrFunction> functions)
    {
        var result = new EmitStatistics();
        foreach (var i in functions.SelectMany(f => f.Blocks).SelectMany(b => b.Instructions))
        {
            var elided = i.Elided is not null ? 1 : 0;
            if (i.Op == IrOp.Check)
            {
                result.Checks++;
                result.ElidedChecks += elided;
            }
            else if (i.Op is IrOp.CapCheck or IrOp.CapCheckValue)
            {
                result.CapabilityChecks++;
                result.ElidedCapabilityChecks += elided;
            }
        }

        return result;
    }
}

/// <summary>IL of one method.</summary>
/// <param name="Code">IL bytes.</param>
/// <param name="MaxStack">Deepest evaluation stack.</param>
/// <param name="Locals">Types of the IL locals.</param>
/// <param name="Map">IL offset to guest pc, ascending; one entry per guest instruction's code.</param>
/// <param name="Commits">IL offset to guest pc of every <see cref="IrOp.Commit"/>, ascending.</param>
/// <param name="Instructions">IL instructions.</param>
/// <param name="LocalReferences">ldloc, stloc, ldarg and starg count.</param>
/// <param name="Blocks">Basic blocks.</param>
public sealed record EmittedMethod(byte[] Code, int MaxStack, LocalType[] Locals, (int Offset, long Pc)[] Map, (int Offset, long Pc)[] Commits, int Instructions, int LocalReferences, int Blocks)
{
    /// <summary>Where in the code the tokens of the assembly's own methods are, that it calls.</summary>
    public int[] Calls { get; init; } = [];

    /// <summary>Adds <paramref name="distance"/> to the row of every method of its own that it calls from row <paramref name="first"/> on, in place.</summary>
    public void MoveCalls(int first, int distance)
    {
        foreach (var at in Calls)
        {
            var token = Code.AsSpan(at);
            if (BinaryPrimitives.ReadInt32LittleEndian(token) is var value && value >= first)
                BinaryPrimitives.WriteInt32LittleEndian(token, value + distance);
        }
    }
}

/// <summary>What is to be known of a function besides its IR.</summary>
public readonly record struct EmitOptions
{
    /// <summary>Whether it is a part of a split function other than the one that begins it.</summary>
    public bool IsPart { get; init; }

    /// <summary>Whether the code counts the checks that it executes.</summary>
    public bool CountsChecks { get; init; }

    /// <summary>What the code does without, to be timed.</summary>
    public CapabilityCost Omitted { get; init; }

    /// <summary>Whether registers are stored where a check fails that does not poll.</summary>
    public bool IsPrecise { get; init; }

    /// <summary>
    /// Guest addresses of the function's code, if a longjmp may return to it: then it goes on there in the method's place, and
    /// the method itself goes on where code behind a longjmp returns to it. Empty otherwise: ways back into a loop cost
    /// RyuJIT registers even if they are never taken.
    /// </summary>
    public GuestRange Extent { get; init; }
}

/// <summary>A translated method and which of its entries to take.</summary>
/// <param name="Token">Metadata token.</param>
/// <param name="Part">0 for the method's first entry, else the index of another one (<see cref="GuestState.PartEntry"/>).</param>
/// <param name="IsInside">Whether it is inside a split function, for its other parts only, rather than a function's entry.</param>
public readonly record struct MethodEntry(int Token, int Part, bool IsInside);

/// <summary>Types that an IL local can have.</summary>
public enum LocalType : byte
{
    /// <summary>int32.</summary>
    Int32,

    /// <summary>int64.</summary>
    Int64,

    /// <summary>float32.</summary>
    Float32,

    /// <summary>float64.</summary>
    Float64,

    /// <summary>native int.</summary>
    Native,

    /// <summary><see cref="GuestReturn"/>.</summary>
    Return,

    /// <summary>A vector of 32 bytes.</summary>
    Vector,

    /// <summary><see cref="Runtime.Capabilities.Capability"/>.</summary>
    Capability,

    /// <summary><see cref="Runtime.Capabilities.AccessWindow"/>.</summary>
    Window,
}

/// <summary>
/// Emits the IL of one IR function in the call shape described in ARCHITECTURE.md: an ordinary .NET method with sp, ra,
/// a0, a1, a2 as arguments, one IL local per other guest register, and {pc, a0} as result.
/// </summary>
public sealed partial class MethodEmitter
{
    private const int StateArgument = 0;

    /// <summary>Registers that an entry of a part may need before it shares the code that loads them.</summary>
    private const int MostOwnLoads = 6;

    private readonly IrFunction _function;
    private readonly RegisterAnalysis _registers;
    private readonly WindowAnalysis _windows;
    private readonly IntegerRegisters _integerRegisters;
    private readonly StackBalance _balance;
    private readonly EmitOptions _options;
    private readonly HashSet<IrInstruction> _droppedFloatResults;
    private readonly RuntimeMembers _members;
    private readonly Func<IrInstruction, MethodEntry?> _methodEntry;
    private readonly ILWriter _il = new();
    private readonly BlockScheduler _schedule = new();
    private readonly NaNPlacement _nans;
    private readonly Dictionary<IrInstruction, (int A, int B)> _factors = new(ByNumber.Instance);
    private readonly List<LocalType> _locals = [];
    private readonly int[] _home = new int[GuestRegister.Count];
    private readonly Dictionary<IrInstruction, int> _temporaries = new(ByNumber.Instance);
    private readonly Dictionary<LocalType, List<int>> _freeTemporaries = [];
    private readonly List<(int Local, LocalType Type)> _blockTemporaries = [];
    private readonly Dictionary<IrBlock, ILLabel> _labels = [];
    private readonly List<(long Pc, uint Integers, Action Emit)> _cold = [];
    private readonly List<(int Instruction, long Pc)> _map = [];
    private readonly List<(int Instruction, long Pc)> _commits = [];
    private long _pc;
    private int _memoryBase;
    private int _limit;
    private int _result = -1;
    private int _target = -1;
    private int _switchIndex = -1;
    private int _entryPoint = -1;
    private int _entrySp = -1;
    private ILLabel? _mismatch;
    private ILLabel? _return;
    private ILLabel? _leave;
    private readonly Dictionary<(int Token, RegisterSet Dirty, long SpOffset), ILLabel> _passages = [];
    private readonly List<(IrBlock Block, ILLabel Label)> _switches = [];
    private RegisterSet _dirty;

    /// <summary>Registers that certainly hold integers at the place that is being emitted; none where they have just been loaded.</summary>
    private uint _integers;

    /// <summary>Those that must have metadata in locals behind the block all the same (<see cref="IntegerRegisters.MixedBehind"/>).</summary>
    private uint _mixed;

    private MethodEmitter(IrFunction function, RuntimeMembers members, Func<IrInstruction, MethodEntry?> methodEntry, EmitOptions options)
    {
        function.Number();
        _function = function;
        _options = options;
        _balance = new StackBalance(function);
        _members = members;
        _methodEntry = methodEntry;
        _windows = new WindowAnalysis(function);
        _integerRegisters = new IntegerRegisters(function);
        _registers = new RegisterAnalysis(function, options.IsPrecise, _windows);
        _nans = new NaNPlacement(_registers, _schedule, options.IsPrecise && function.HasCapabilities);
        _droppedFloatResults = DroppedFloatResults.Find(function, _registers);
    }

    /// <summary>Emits <paramref name="function"/>.</summary>
    /// <param name="function">Verified IR.</param>
    /// <param name="members">Tokens of the runtime's members.</param>
    /// <param name="methodEntry">The method that a call or tail call to a constant pc enters, or null when that is for the dispatch table to say.</param>
    /// <param name="options">What else is to be known.</param>
    public static EmittedMethod Emit(IrFunction function, RuntimeMembers members, Func<IrInstruction, MethodEntry?> methodEntry, EmitOptions options = default)
    {
        var emitter = new MethodEmitter(function, members, methodEntry, options);
        return emitter.Run();
    }

    /// <summary>
    /// Emits what is entered in the place of a function that is known: it returns at once if the runtime does what the function would, and else
    /// calls that. A method of its own, because RyuJIT saves registers for all of a method at its start.
    /// </summary>
    /// <param name="function">What it does.</param>
    /// <param name="pc">Its guest address.</param>
    /// <param name="own">Token of the method that is its own code.</param>
    /// <param name="members">Tokens of the runtime's members.</param>
    /// <param name="isPrecise">Whether faults are: the whole method then is behind one commit (<see cref="Passes.PreciseFaults"/>), at the function's start.</param>
    public static EmittedMethod EmitLibraryFunction(LibraryFunction function, long pc, int own, RuntimeMembers members, bool isPrecise)
    {
        var il = new ILWriter();
        var itself = il.DefineLabel();
        il.Emit(ILOpCode.Nop);
        foreach (var register in RegisterAnalysis.Registers(isPrecise ? RegisterAnalysis.Arguments : 0))
        {
            il.LoadArgument(StateArgument);
            il.LoadArgument(ArgumentOf(register));
            il.Emit(ILOpCode.Stfld, members.StateRegister(register), 2, 0);
        }

        il.LoadArgument(StateArgument);
        foreach (var register in (ReadOnlySpan<int>)[GuestRegister.A0, GuestRegister.A0 + 1, GuestRegister.A0 + 2])
            il.LoadArgument(ArgumentOf(register));
        il.LoadConstant(isPrecise ? 1 : 0);
        var instead = function switch
        {
            LibraryFunction.Copy => members.TryCopy,
            LibraryFunction.Move => members.TryMove,
            _ => members.TryFill,
        };
        il.Emit(ILOpCode.Call, instead, 5, 1);
        il.Branch(ILOpCode.Brfalse, itself);
        il.LoadArgument(ArgumentOf(GuestRegister.Ra));
        il.LoadConstant(-2L);
        il.Emit(ILOpCode.And);
        il.LoadArgument(ArgumentOf(GuestRegister.A0));
        il.Emit(ILOpCode.Call, members.Return, 2, 1);
        il.Emit(ILOpCode.Ret);
        il.MarkLabel(itself);
        for (var argument = StateArgument; argument <= ArgumentOf(GuestRegister.A0 + 2); argument++)
            il.LoadArgument(argument);
        il.Emit(ILOpCode.Call, own, 6, 1);
        il.Emit(ILOpCode.Ret);
        return new EmittedMethod(il.Encode(out _), il.MaxStack, [], [(0, pc)], isPrecise ? [(0, pc)] : [], il.Count, il.LocalReferences, il.CountBlocks());
    }

    /// <summary>Finds instructions of one block of a numbered function: a number is at hand, where an object's identity takes a call.</summary>
    private sealed class ByNumber : IEqualityComparer<IrInstruction>
    {
        public static ByNumber Instance { get; } = new();

        public bool Equals(IrInstruction? a, IrInstruction? b) => ReferenceEquals(a, b);

        public int GetHashCode(IrInstruction instruction) => instruction.Id;
    }

    private EmittedMethod Run()
    {
        AssignHomes();
        foreach (var block in _function.Blocks)
            _labels.Add(block, _il.DefineLabel());
        EmitPrologue();
        for (var k = 0; k < _function.Blocks.Count; k++)
            EmitBlock(_function.Blocks[k], k + 1 < _function.Blocks.Count ? _function.Blocks[k + 1] : null);
        for (var k = 0; k < _cold.Count; k++)
        {
            Attribute(_cold[k].Pc);
            _integers = _cold[k].Integers;
            _cold[k].Emit();
        }

        if (_mismatch is { } mismatch)
        {
            Attribute(_function.EntryPc);
            EmitMismatch(mismatch);
        }

        if (_leave is { } leave)
        {
            _il.MarkLabel(leave);
            _il.LoadLocal(_result);
            _il.Emit(ILOpCode.Ret);
        }

        var code = _il.Encode(out var offsets);
        (int, long)[] ByOffset(List<(int Instruction, long Pc)> places) => [.. places.Select(p => (offsets[p.Instruction], p.Pc))];
        return new EmittedMethod(code, _il.MaxStack, [.. _locals], ByOffset(_map), ByOffset(_commits), _il.Count, _il.LocalReferences, _il.CountBlocks())
        {
            Calls = _il.Calls(offsets),
        };
    }

    // ---- registers and locals
    private void AssignHomes()
    {
        _memoryBase = NewLocal(LocalType.Native);
        _limit = NewLocal(LocalType.Int64);
        foreach (var register in RegisterAnalysis.Registers(_registers.Used & ~RegisterAnalysis.Arguments & ulong.MaxValue))
            _home[register] = NewLocal(register < GuestRegister.F0 ? LocalType.Int64 : LocalType.Float64);
        AssignCapabilityHomes();
    }

    private int NewLocal(LocalType type)
    {
        _locals.Add(type);
        return _locals.Count - 1;
    }

    /// <summary>Argument index of a register, or -1.</summary>
    private static int ArgumentOf(int register) => register switch
    {
        GuestRegister.Sp => 1,
        GuestRegister.Ra => 2,
        GuestRegister.A0 => 3,
        GuestRegister.A0 + 1 => 4,
        GuestRegister.A0 + 2 => 5,
        _ => -1,
    };

    private void LoadRegister(int register)
    {
        var argument = ArgumentOf(register);
        if (argument >= 0)
            _il.LoadArgument(argument);
        else
            _il.LoadLocal(_home[register]);
    }

    private void StoreRegister(int register)
    {
        var argument = ArgumentOf(register);
        if (argument >= 0)
            _il.StoreArgument(argument);
        else
            _il.StoreLocal(_home[register]);
    }

    /// <summary>Stores registers to the state block.</summary>
    private void Spill(RegisterSet mask) => ForEach(mask, register =>
    {
        if (register >= GuestRegister.Count)
        {
            SpillMetadata(register - GuestRegister.Count);
            return;
        }

        LoadRegister(register);
        _il.Emit(ILOpCode.Stfld, _members.StateRegister(register), 2, 0);
    });

    /// <summary>Loads registers from the state block.</summary>
    private void Reload(RegisterSet mask) => ForEach(mask, register =>
    {
        if (register >= GuestRegister.Count)
        {
            ReloadMetadata(register - GuestRegister.Count);
            return;
        }

        _il.Emit(ILOpCode.Ldfld, _members.StateRegister(register), 1, 1);
        StoreRegister(register);
    });

    /// <summary>Emits something for each register, with the state block's address on the stack.</summary>
    /// <remarks>It is loaded once and duplicated, for references to locals are what RyuJIT's limit is short of.</remarks>
    private void ForEach(RegisterSet mask, Action<int> emit)
    {
        if (mask == 0)
            return;
        _il.LoadArgument(StateArgument);
        for (var rest = mask; rest != 0; rest &= rest - 1)
        {
            if ((rest & (rest - 1)) != 0)
                _il.Emit(ILOpCode.Dup);
            emit((int)RegisterSet.TrailingZeroCount(rest));
        }
    }

    private void LoadState(int field)
    {
        _il.LoadArgument(StateArgument);
        _il.Emit(ILOpCode.Ldfld, field, 1, 1);
    }

    private void StoreState(int field, Action value)
    {
        _il.LoadArgument(StateArgument);
        value();
        _il.Emit(ILOpCode.Stfld, field, 2, 0);
    }

    private int Temporary(LocalType type)
    {
        if (!_freeTemporaries.TryGetValue(type, out var free))
            _freeTemporaries[type] = free = [];
        int local;
        if (free.Count > 0)
        {
            local = free[^1];
            free.RemoveAt(free.Count - 1);
        }
        else
        {
            local = NewLocal(type);
        }

        _blockTemporaries.Add((local, type));
        return local;
    }

    private int Shared(ref int local, LocalType type) => local >= 0 ? local : local = NewLocal(type);

    /// <summary>What is emitted from here on belongs to the guest instruction at <paramref name="pc"/>.</summary>
    private void Attribute(long pc)
    {
        _pc = pc;
        _map.Add((_il.Count, pc));
    }

    /// <summary>Code that is rarely reached, to be placed after all else; it belongs to the guest instruction that is being emitted.</summary>
    private void AddCold(Action emit) => _cold.Add((_pc, _integers, emit));

    /// <summary>Counts an execution, in code that is translated to count: the counter of <see cref="CheckCounts"/> with that name.</summary>
    private void Count(string kind)
    {
        if (!_options.CountsChecks)
            return;
        _il.LoadArgument(StateArgument);
        _il.Emit(ILOpCode.Ldflda, _members.Counts, 1, 1);
        _il.Emit(ILOpCode.Ldflda, _members.Counter(kind), 1, 1);
        _il.Emit(ILOpCode.Dup);
        _il.Emit(ILOpCode.Ldind_i8);
        _il.LoadConstant(1L);
        _il.Emit(ILOpCode.Add);
        _il.Emit(ILOpCode.Stind_i8);
    }

    private static LocalType LocalTypeOf(IrType type) => type switch
    {
        IrType.I32 => LocalType.Int32,
        IrType.F32 => LocalType.Float32,
        IrType.F64 => LocalType.Float64,
        IrType.Cap => LocalType.Capability,
        _ => LocalType.Int64,
    };

    // ---- structure
    private void EmitPrologue()
    {
        Attribute(_function.EntryPc);
        _il.Emit(ILOpCode.Nop);
        if (AnyInstruction(i => i.Op is IrOp.Call or IrOp.TailCall or IrOp.Switch))
            EmitStackCheck();
        LoadSlot(_function.Blocks[0]);
        EmitEntrySp();
        KeepPcc();
        if (_function.ExtraEntries.Count > 0)
            EmitEntrySwitch();
        EmitFetchCheck();
        Reload(LoadedAt(_function.Blocks[0]));
        ComputeWindows(_function.Blocks[0], kept: 0);
    }

    /// <summary>
    /// Keeps sp as it was at the entry of the function where a later place has to compare with it. In a part of a split
    /// function, and at the extra entries of the first one, that is what the state block says.
    /// </summary>
    private void EmitEntrySp()
    {
        if (!_options.IsPart && _function.ExtraEntries.Count == 0 && _function.Blocks.TrueForAll(b => !LeavesFunction(b) || _balance.AtEnd(b) is not null))
            return;
        _entrySp = NewLocal(LocalType.Int64);
        if (_options.IsPart)
            LoadState(_members.PartSp);
        else
            LoadRegister(GuestRegister.Sp);
        _il.StoreLocal(_entrySp);
    }

    private void LoadEntrySp(IrBlock block)
    {
        if (_entrySp >= 0)
        {
            _il.LoadLocal(_entrySp);
            return;
        }

        LoadRegister(GuestRegister.Sp);
        _il.LoadConstant(_balance.AtEnd(block)!.Value);
        _il.Emit(ILOpCode.Sub);
    }

    /// <summary>
    /// Loads the slot's base and limit where <paramref name="block"/> and what follows need them. They are loaded again
    /// after every call: one load, as from a stack slot, and nothing to keep across the call.
    /// </summary>
    private void LoadSlot(IrBlock block) => LoadSlot(_registers.SlotIn(block));

    private void LoadSlot(SlotUse needed)
    {
        if (needed.HasFlag(SlotUse.Base))
        {
            LoadState(_members.MemoryBase);
            _il.StoreLocal(_memoryBase);
        }

        if (needed.HasFlag(SlotUse.Limit))
        {
            LoadState(_members.Limit);
            _il.StoreLocal(_limit);
        }

        if (needed.HasFlag(SlotUse.Tags) && !Omits(CapabilityCost.Tag))
            LoadTagTable();
    }

    private static bool LeavesFunction(IrBlock block) => block.Terminator.Op is IrOp.Return or IrOp.TailCall or IrOp.Switch;

    /// <summary>A part of a split function has several entries; the state block names the one that is meant.</summary>
    private void EmitEntrySwitch()
    {
        var entry = NewLocal(LocalType.Int32);
        var first = _il.DefineLabel();
        LoadState(_members.PartEntry);
        _il.StoreLocal(entry);
        _il.LoadLocal(entry);
        _il.Branch(ILOpCode.Brfalse, first);
        StoreState(_members.PartEntry, () => _il.LoadConstant(0));
        if (!_options.IsPart)
        {
            LoadState(_members.PartSp);
            _il.StoreLocal(_entrySp);
        }

        // Entries that need much share the code that loads what any of them needs, or it would be the most of a part. To
        // load too much is no mistake: the state block is complete here.
        var own = _function.ExtraEntries.Where(e => RegisterSet.PopCount(LoadedAt(e)) <= (RegisterSet)MostOwnLoads || _function.HasCapabilities).ToDictionary(e => e, _ => _il.DefineLabel());
        void Switch(Func<IrBlock, ILLabel> target)
        {
            _il.LoadLocal(entry);
            _il.LoadConstant(1);
            _il.Emit(ILOpCode.Sub);
            _il.Switch([.. _function.ExtraEntries.Select(target)]);
        }

        var others = _function.ExtraEntries.Where(e => !own.ContainsKey(e)).ToArray();
        ILLabel? shared = others.Length > 0 ? _il.DefineLabel() : null;
        Switch(e => own.TryGetValue(e, out var label) ? label : shared!.Value);
        _il.Branch(ILOpCode.Br, first);
        foreach (var (block, label) in own)
        {
            _il.MarkLabel(label);
            LoadSlot(block);
            Reload(LoadedAt(block));
            ComputeWindows(block, kept: 0);
            _il.Branch(ILOpCode.Br, _labels[block]);
        }

        if (shared is not null)
        {
            _il.MarkLabel(shared.Value);
            LoadSlot(others.Aggregate(SlotUse.None, (all, e) => all | _registers.SlotIn(e)));
            Reload(others.Aggregate((RegisterSet)0, (all, e) => all | LoadedAt(e)));
            Switch(e => _labels[e]);
        }

        _il.MarkLabel(first);
    }

    private RegisterSet LoadedAt(IrBlock entry) => _registers.LoadedAt(entry) & ~RegisterAnalysis.Arguments;

    private bool AnyInstruction(Func<IrInstruction, bool> predicate)
    {
        foreach (var block in _function.Blocks)
        {
            foreach (var i in block.Instructions)
            {
                if (predicate(i))
                    return true;
            }
        }

        return false;
    }

    /// <summary>Host stack overflow protection and, because any thread can raise the limit, the poll of call loops.</summary>
    private void EmitStackCheck()
    {
        Count(nameof(CheckCounts.Stack));
        var marker = NewLocal(LocalType.Int32);
        var leave = _il.DefineLabel();
        _il.LoadLocalAddress(marker);
        _il.Emit(ILOpCode.Conv_u8);
        LoadState(_members.HostStackLimit);
        _il.Branch(ILOpCode.Blt_un, leave);
        AddCold(() => EmitLeave(leave));
    }

    /// <summary>Cold: stores the arguments and unwinds to the dispatcher, to go on at the entry by which the method was entered.</summary>
    private void EmitLeave(ILLabel label)
    {
        _il.MarkLabel(label);
        Spill(RegisterAnalysis.Arguments);
        var pc = Shared(ref _target, LocalType.Int64);
        _il.LoadConstant(_function.EntryPc);
        _il.StoreLocal(pc);
        if (_function.ExtraEntries.Count > 0)
        {
            var first = _il.DefineLabel();
            LoadState(_members.PartEntry);
            _il.Branch(ILOpCode.Brfalse, first);
            LoadState(_members.StatePc);
            _il.StoreLocal(pc);
            // It was for this method alone.
            StoreState(_members.PartEntry, () => _il.LoadConstant(0));
            _il.MarkLabel(first);
        }

        _il.LoadArgument(StateArgument);
        _il.LoadLocal(pc);
        _il.Emit(ILOpCode.Call, _members.Leave, 2, 1);
        LeaveMethod();
    }

    /// <summary>
    /// Leaves the method with the result on the stack. Everything but guest returns does so at one place: RyuJIT makes no more than
    /// four epilogues, and beyond that sends every result through memory.
    /// </summary>
    private void LeaveMethod()
    {
        _il.StoreLocal(Shared(ref _result, LocalType.Return));
        _il.Branch(ILOpCode.Br, _leave ??= _il.DefineLabel());
    }

    /// <summary>
    /// Cold: a callee came back otherwise than by the return of the method that was called, but here nevertheless, for the code
    /// behind a longjmp or a signal returns by unwinding. Goes on at <paramref name="returned"/>, or unwinds further.
    /// </summary>
    private void EmitElsewhere(ILLabel label, long continuation, ILLabel returned)
    {
        _il.MarkLabel(label);
        _il.LoadArgument(StateArgument);
        _il.LoadLocal(_result);
        LoadRegister(GuestRegister.Sp);
        _il.LoadConstant(continuation);
        _il.Emit(ILOpCode.Call, _members.HasReturned, 4, 1);
        _il.Branch(ILOpCode.Brtrue, returned);
        _il.Branch(ILOpCode.Br, _mismatch ??= _il.DefineLabel());
    }

    private bool MayReenter => _options.Extent.End != 0;

    private void EmitMismatch(ILLabel label)
    {
        _il.MarkLabel(label);
        if (MayReenter)
            EmitReentry();
        _il.LoadArgument(StateArgument);
        _il.LoadLocal(_result);
        LoadRegister(GuestRegister.Sp);
        _il.Emit(ILOpCode.Call, _members.Unwind, 3, 1);
        LeaveMethod();
    }

    /// <summary>
    /// Where a callee came back to another place in this function, in the same frame (longjmp), goes on there, in this method's
    /// place: its callers then need not unwind, and go on in their methods when it returns.
    /// </summary>
    private void EmitReentry()
    {
        var entry = Shared(ref _entryPoint, LocalType.Native);
        var unwind = _il.DefineLabel();
        _il.LoadArgument(StateArgument);
        _il.LoadLocal(_result);
        LoadRegister(GuestRegister.Sp);
        _il.LoadConstant(_options.Extent.Start);
        _il.LoadConstant(_options.Extent.End);
        _il.Emit(ILOpCode.Call, _members.Reenter, 5, 1);
        _il.StoreLocal(entry);
        _il.LoadLocal(entry);
        _il.Branch(ILOpCode.Brfalse, unwind);
        Reload(RegisterAnalysis.Arguments);
        LoadArguments();
        _il.LoadLocal(entry);
        _il.Emit(ILOpCode.Tail);
        _il.Emit(ILOpCode.Calli, _members.MethodSignature, 7, 1);
        _il.Emit(ILOpCode.Ret);
        _il.MarkLabel(unwind);
    }

    /// <summary>
    /// Goes to <paramref name="unbalanced"/> when sp is not what it was at the entry of the function: the caller relies on that
    /// when it goes on in line. Emits nothing where that is known. False: control never comes back, sp certainly differs.
    /// </summary>
    private bool EmitBalanceCheck(IrBlock block, Action unbalanced)
    {
        if (!_options.IsPart && _function.ExtraEntries.Count == 0 && _balance.AtEnd(block) is { } distance)
        {
            if (distance == 0)
                return true;
            unbalanced();
            return false;
        }

        var differs = _il.DefineLabel();
        LoadRegister(GuestRegister.Sp);
        _il.LoadLocal(_entrySp);
        _il.Branch(ILOpCode.Bne_un, differs);
        AddCold(() =>
        {
            _il.MarkLabel(differs);
            unbalanced();
        });
        return true;
    }

    /// <summary>A guest jump to another method with an sp that the caller does not expect back: a call, then unwinding.</summary>
    private void EmitUnbalancedTailCall(Action call)
    {
        LoadArguments();
        call();
        _il.StoreLocal(Shared(ref _result, LocalType.Return));
        _il.Branch(ILOpCode.Br, _mismatch ??= _il.DefineLabel());
    }

    private void EmitBlock(IrBlock block, IrBlock? next)
    {
        _il.MarkLabel(_labels[block]);
        _vector = block.IsVector ? VectorLoop.Recognise(block) : null;
        if (_vector is not null)
            EmitVectorForm(block, _vector);
        _schedule.Schedule(block);
        foreach (var (local, type) in _blockTemporaries)
            _freeTemporaries[type].Add(local);
        _blockTemporaries.Clear();
        _temporaries.Clear();
        _factors.Clear();
        _nans.Analyse(block);
        _dirty = _registers.DirtyIn(block);
        _integers = _integerRegisters.At(block);
        _mixed = _integerRegisters.MixedBehind(block);
        Attribute(block.Instructions[PreciseFaults.GoesOn(block) ? 1 : 0].Pc);
        foreach (var i in block.Instructions)
        {
            if (i is { Op: IrOp.Commit, Elided: not null })
            {
                if (i == block.Instructions[0])
                    _commits.Add((_il.Count, i.Pc));
                continue;
            }

            if (i.Pc != _pc)
                Attribute(i.Pc);
            foreach (var settlement in _nans.Before(i))
                EmitSettlement(settlement);
            if (IrOpInfo.IsTerminator(i.Op))
            {
                var stored = _dirty & _registers.StoredAtEnd(block);
                Spill(stored);
                _dirty &= ~stored;
                Reload(_registers.LoadedBefore(i));
                EmitTerminator(block, i, next);
            }
            else
            {
                Reload(_registers.LoadedBefore(i));
                if (i.Type == IrType.Void)
                    EmitStatement(block, i);
                else if (_schedule[i] == Placement.Own)
                    Materialise(i);
            }

            _dirty = _registers.DirtyAfter(i, _dirty);
            _integers = IntegerRegisters.After(i, _integers);
        }
    }

    private void Materialise(IrInstruction i)
    {
        if (ChecksNaN(i))
        {
            EmitArithmetic(i);
            if (_droppedFloatResults.Contains(i))
            {
                _il.LoadLocal(_temporaries[i]);
                Keep(i.Type);
            }

            return;
        }

        if (i.Op == IrOp.CapLoad)
        {
            EmitCapabilityLoad(i);
            return;
        }

        EmitAndKeep(i);
        if (_schedule.Uses(i) == 0)
        {
            _il.Emit(ILOpCode.Pop);
            return;
        }

        var local = Temporary(LocalTypeOf(i.Type));
        _il.StoreLocal(local);
        _temporaries.Add(i, local);
    }

    /// <summary>Pushes a value that is computed here.</summary>
    private void EmitAndKeep(IrInstruction i)
    {
        EmitExpression(i);
        if (!_droppedFloatResults.Contains(i))
            return;
        _il.Emit(ILOpCode.Dup);
        Keep(i.Type);
    }

    /// <summary>Drops a value in such a way that RyuJIT still computes it: the guest may read the flags that this raises.</summary>
    private void Keep(IrType type)
    {
        if (type == IrType.I32)
            _il.Emit(ILOpCode.Conv_i8);
        var kept = type is IrType.F32 or IrType.F64 ? HostType(type) : typeof(long);
        _il.Emit(ILOpCode.Call, _members.Static(typeof(FloatOps), nameof(FloatOps.Keep), kept), 1, 0);
    }

    /// <summary>Pushes the value of <paramref name="i"/>.</summary>
    private void Value(IrInstruction i)
    {
        if (_temporaries.TryGetValue(i, out var local))
            _il.LoadLocal(local);
        else
            EmitAndKeep(i);
    }

    // ---- statements
    private void EmitStatement(IrBlock block, IrInstruction i)
    {
        switch (i.Op)
        {
            case IrOp.Set:
                Value(i.A!);
                StoreRegister(i.Register);
                DropMetadata(i);
                break;
            case IrOp.Check:
                EmitCheck(i);
                break;
            case IrOp.CheckAlignment:
                EmitAlignmentCheck(i, GuestFaultKind.MisalignedAtomic);
                break;
            case IrOp.Store:
                EmitStore(i);
                break;
            case IrOp.Fence:
                EmitFence(i);
                break;
            case IrOp.Poll:
                EmitPoll(i);
                break;
            case IrOp.Commit:
                EmitCommit(block, i);
                break;
            case IrOp.WriteFlags:
                CallWithState(_members.WriteFlags, i.A!);
                break;
            case IrOp.WriteRounding:
                CallWithState(_members.WriteRounding, i.A!);
                break;
            default:
                EmitCapabilityStatement(i);
                break;
        }
    }

    private void CallWithState(int method, IrInstruction value)
    {
        _il.LoadArgument(StateArgument);
        Value(value);
        _il.Emit(ILOpCode.Call, method, 2, 0);
    }

    /// <summary>
    /// The canonical check: one unsigned compare of the base with the slot's limit; the cold block stores the
    /// registers and throws. A check that polls compares with a limit in the state block that any thread can lower, and
    /// the cold block finds out which it was. The only place that emits it.
    /// </summary>
    private void EmitCheck(IrInstruction i)
    {
        if (i.Elided is not null)
        {
            Count(i.IsStore ? nameof(CheckCounts.ElidedStore) : nameof(CheckCounts.ElidedLoad));
            return;
        }

        Count(i.IsStore ? nameof(CheckCounts.Store) : nameof(CheckCounts.Load));
        var fault = _il.DefineLabel();
        Pin(i.A!);
        Value(i.A!);
        if (i.Polls)
        {
            _il.LoadArgument(StateArgument);
            _il.Emit(ILOpCode.Volatile);
            _il.Emit(ILOpCode.Ldfld, _members.PollLimit, 1, 1);
        }
        else
        {
            _il.LoadLocal(_limit);
        }

        _il.Branch(ILOpCode.Bgt_un, fault);
        AddColdFault(fault, i.IsStore ? GuestFaultKind.StoreAccess : GuestFaultKind.LoadAccess, i, i.A!, i.Immediate);
    }

    private void EmitAlignmentCheck(IrInstruction i, GuestFaultKind kind)
    {
        Count(nameof(CheckCounts.Alignment));
        var fault = _il.DefineLabel();
        Pin(i.A!);
        Value(i.A!);
        _il.Emit(ILOpCode.Conv_i4);
        _il.LoadConstant((int)i.Immediate - 1);
        _il.Emit(ILOpCode.And);
        _il.Branch(ILOpCode.Brtrue, fault);
        AddColdFault(fault, kind, i, i.A!, 0);
    }

    /// <summary>Gives a value that a cold block will push again a place that outlives the expression.</summary>
    private void Pin(IrInstruction value)
    {
        if (value.Op is not (IrOp.Const or IrOp.Get) && !_temporaries.ContainsKey(value))
            Materialise(value);
    }

    /// <summary>What pushes a pinned value plus an offset in a cold block, from where it is now: a temporary, or registers not yet overwritten.</summary>
    private Action Later(IrInstruction value, long offset)
    {
        var local = _temporaries.TryGetValue(value, out var temporary) ? temporary : -1;
        return () =>
        {
            if (local >= 0)
                _il.LoadLocal(local);
            else
                EmitExpression(value);
            if (offset == 0)
                return;
            _il.LoadConstant(offset);
            _il.Emit(ILOpCode.Add);
        };
    }

    private void AddColdFault(ILLabel label, GuestFaultKind kind, IrInstruction at, IrInstruction address, long offset)
    {
        // A poll may leave here. Otherwise the guest ends, or the evaluator goes on from the last commit.
        if (_options.IsPrecise && !_function.HasCapabilities && !at.Polls)
        {
            var committed = _commits[^1].Pc;
            AddCold(() =>
            {
                _il.MarkLabel(label);
                _il.LoadConstant(committed);
                _il.Emit(ILOpCode.Call, _members.FaultBehind, 1, 1);
                _il.Emit(ILOpCode.Throw);
            });
            return;
        }

        var dirty = at.Polls || _options.IsPrecise ? _dirty & _registers.SeenAt(at) : (RegisterSet)0;
        var loadAddress = Later(address, at.Polls ? 0 : offset);
        AddCold(() =>
        {
            _il.MarkLabel(label);
            Spill(dirty);
            if (at.Polls)
                _il.LoadArgument(StateArgument);
            _il.LoadConstant((int)kind);
            _il.LoadConstant(_options.IsPrecise ? 1 : 0);
            _il.LoadConstant(at.Pc);
            loadAddress();
            if (at.Polls)
            {
                _il.LoadConstant(offset);
                _il.Emit(ILOpCode.Call, _members.LeaveOrFault, 6, 1);
                _il.Emit(ILOpCode.Throw);
                return;
            }

            _il.Emit(ILOpCode.Call, _members.Fault, 4, 1);
            _il.Emit(ILOpCode.Throw);
        });
    }

    /// <summary>Stores the registers that are newer in locals, if they are not computed again behind it.</summary>
    /// <remarks>
    /// RyuJIT moves a load to where its value is used, but not past a store: into the first store of the next commit at most, where
    /// that commit's place is therefore behind. A load that it moves into the call at the end of the block is taken for
    /// what stands before it, for the call has no place of its own: such a load needs a store in between, that of the pc.
    /// </remarks>
    private void EmitCommit(IrBlock block, IrInstruction i)
    {
        var stored = _dirty & _registers.SeenAt(i);
        var first = stored & (0 - stored);
        Spill(first);
        _commits.Add((_il.Count, i.Pc));
        Spill(stored & ~first);
        if (stored == first && IsLoadBeforeCall(block, i))
            StoreState(_members.StatePc, () => _il.LoadConstant(i.Pc));
    }

    private static bool IsLoadBeforeCall(IrBlock block, IrInstruction commit)
    {
        var next = block.Instructions.IndexOf(commit) + 1;
        return block.Instructions[next].Op is not (IrOp.Check or IrOp.CheckAlignment or IrOp.Store)
            && block.Terminator.Op is not (IrOp.Jump or IrOp.Branch)
            && block.Instructions.FindIndex(next, i => i is { Op: IrOp.Commit, Elided: null }) < 0;
    }

    private void EmitPoll(IrInstruction i)
    {
        Count(nameof(CheckCounts.Poll));
        var leave = _il.DefineLabel();
        _il.LoadArgument(StateArgument);

        // Another thread writes it: without the prefix the JIT loads it once, before a loop that has no other side effect.
        _il.Emit(ILOpCode.Volatile);
        _il.Emit(ILOpCode.Ldfld, _members.Interrupt, 1, 1);
        _il.Branch(ILOpCode.Brtrue, leave);
        var dirty = _dirty & _registers.SeenAt(i);
        AddCold(() =>
        {
            _il.MarkLabel(leave);
            Spill(dirty);
            _il.LoadArgument(StateArgument);
            _il.LoadConstant(i.Pc);
            _il.Emit(ILOpCode.Call, _members.LeaveLoop, 2, 1);
            _il.Emit(ILOpCode.Throw);
        });
    }

    /// <summary>
    /// x86-64 orders everything but a store before a later load; volatile accesses keep the JIT from reordering, so
    /// only a fence from writes to reads needs an instruction.
    /// </summary>
    private void EmitFence(IrInstruction i)
    {
        const int Write = 1;
        const int ReadOrInput = 2 | 8;
        if (((i.Immediate >> 4) & (Write | 4)) != 0 && (i.Immediate & ReadOrInput) != 0)
            _il.Emit(ILOpCode.Call, _members.MemoryBarrier, 0, 0);
    }

    // ---- control flow
    private void EmitTerminator(IrBlock block, IrInstruction i, IrBlock? next)
    {
        switch (i.Op)
        {
            case IrOp.Jump:
                GoTo(block.Successors[0], next);
                break;
            case IrOp.Branch:
                EmitBranch(block, i, next);
                break;
            case IrOp.Switch:
                EmitSwitch(block, i);
                break;
            case IrOp.BranchTable:
                EmitBranchTable(block, i, next);
                break;
            case IrOp.Call:
                EmitCall(block, i, next);
                break;
            case IrOp.TailCall:
                EmitTailCall(block, i);
                break;
            case IrOp.Return:
                EmitReturn(block, i);
                break;
            case IrOp.Ecall:
                EmitEcall(block, i, next);
                break;
            case IrOp.FenceI:
                Spill(_dirty);
                _il.LoadArgument(StateArgument);
                _il.Emit(ILOpCode.Call, _members.FenceI, 1, 0);
                _il.LoadArgument(StateArgument);
                _il.LoadConstant(i.Immediate);
                _il.Emit(ILOpCode.Call, _members.Leave, 2, 1);
                LeaveMethod();
                break;
            case IrOp.Trap:
                Spill(_dirty);
                _il.LoadConstant((int)i.Fault);
                _il.LoadConstant(1);
                _il.LoadConstant(i.Pc);
                _il.LoadConstant(i.Immediate);
                _il.Emit(ILOpCode.Call, _members.Fault, 4, 1);
                _il.Emit(ILOpCode.Throw);
                break;
            default:
                throw new InvalidOperationException($"{i.Op} is not a terminator");
        }
    }

    private void GoTo(IrBlock target, IrBlock? next)
    {
        if (target != next)
            _il.Branch(ILOpCode.Br, _labels[target]);
    }

    private void EmitBranch(IrBlock block, IrInstruction i, IrBlock? next)
    {
        BranchIf(i.A!, LabelOf(block.Successors[0], block));
        if (block.Successors[1] != next)
            _il.Branch(ILOpCode.Br, LabelOf(block.Successors[1], block));
    }

    /// <summary>Jumps if a condition holds, with a compare-and-branch where the condition is a comparison made here.</summary>
    private void BranchIf(IrInstruction condition, ILLabel target)
    {
        var opcode = condition.Op switch
        {
            IrOp.Eq => ILOpCode.Beq,
            IrOp.Ne => ILOpCode.Bne_un,
            IrOp.LtS => ILOpCode.Blt,
            IrOp.LtU => ILOpCode.Blt_un,
            IrOp.GeS => ILOpCode.Bge,
            IrOp.GeU => ILOpCode.Bge_un,
            _ => ILOpCode.Brtrue,
        };
        if (opcode == ILOpCode.Brtrue || _temporaries.ContainsKey(condition))
        {
            Value(condition);
            _il.Branch(ILOpCode.Brtrue, target);
            return;
        }

        Value(condition.A!);
        Value(condition.B!);
        _il.Branch(opcode, target);
    }

    /// <summary>
    /// A jump table: IL switch on the index, then the computed pc must be the one that the case stands for; anything else
    /// leaves by the dispatch table.
    /// </summary>
    /// <remarks>
    /// Jumps by the same table share the code: an interpreter that dispatches at the end of each of its 200 instructions would otherwise consist of
    /// cases, and RyuJIT take minutes for them.
    /// </remarks>
    private void EmitSwitch(IrBlock block, IrInstruction i)
    {
        var pc = Shared(ref _target, LocalType.Int64);
        var index = Shared(ref _switchIndex, LocalType.Int32);
        Value(i.A!);
        _il.Emit(ILOpCode.Conv_i4);
        _il.StoreLocal(index);
        Value(i.B!);
        _il.StoreLocal(pc);
        if (!_function.HasCapabilities)
        {
            var known = _switches.Find(s => _balance.AtEnd(s.Block) == _balance.AtEnd(block) && s.Block.Successors.SequenceEqual(block.Successors));
            if (known.Block is not null)
            {
                _il.Branch(ILOpCode.Br, known.Label);
                return;
            }

            _switches.Add((block, _il.DefineLabel()));
            _il.MarkLabel(_switches[^1].Label);
        }

        var cases = new Dictionary<IrBlock, ILLabel>();
        var table = new ILLabel[block.Successors.Count];
        for (var k = 0; k < table.Length; k++)
        {
            if (!cases.TryGetValue(block.Successors[k], out var label))
                cases[block.Successors[k]] = label = _il.DefineLabel();
            table[k] = label;
        }

        var other = _il.DefineLabel();
        _il.LoadLocal(index);
        _il.Switch(table);
        _il.Branch(ILOpCode.Br, other);
        foreach (var (target, label) in cases)
        {
            _il.MarkLabel(label);
            _il.LoadLocal(pc);
            _il.LoadConstant(target.Pc);
            _il.Branch(ILOpCode.Beq, _labels[target]);
            _il.Branch(ILOpCode.Br, other);
        }

        _il.MarkLabel(other);
        _dirty = _registers.DirtyAtSwitch(block);
        Spill(_dirty & ~RegisterAnalysis.Arguments);
        EmitTailCallTo(block, pc);
    }

    private void EmitBranchTable(IrBlock block, IrInstruction i, IrBlock? next)
    {
        Value(i.A!);
        _il.Switch([.. block.Successors.SkipLast(1).Select(s => _labels[s])]);
        GoTo(block.Successors[^1], next);
    }

    private void LoadArguments()
    {
        for (var k = 0; k <= 5; k++)
            _il.LoadArgument(k);
    }

    private void EmitCall(IrBlock block, IrInstruction i, IrBlock? next)
    {
        var continuation = block.Successors[0];
        var method = i.A is null ? _methodEntry(i) : null;
        if (method is not { IsInside: false })
        {
            var pc = Shared(ref _target, LocalType.Int64);
            if (i.A is null)
                _il.LoadConstant(i.Immediate);
            else
                Value(i.A);
            _il.StoreLocal(pc);
            Spill(_dirty & ~RegisterAnalysis.Arguments);
            EmitLookup(pc);
            LoadArguments();
            _il.LoadLocal(_entryPoint);
            _il.Emit(ILOpCode.Calli, _members.MethodSignature, 7, 1);
        }
        else
        {
            Spill(_dirty & ~RegisterAnalysis.Arguments);
            LoadArguments();
            _il.Emit(ILOpCode.Call, method.Value.Token, 6, 1);
        }

        var result = Shared(ref _result, LocalType.Return);
        _il.StoreLocal(result);
        _il.LoadLocal(result);
        _il.Emit(ILOpCode.Ldfld, _members.ResultPc, 1, 1);
        _il.LoadConstant(continuation.Pc);
        if (MayReenter)
        {
            var elsewhere = _il.DefineLabel();
            var returned = _il.DefineLabel();
            _il.Branch(ILOpCode.Bne_un, elsewhere);
            AddCold(() => EmitElsewhere(elsewhere, continuation.Pc, returned));
            _il.MarkLabel(returned);
        }
        else
        {
            _il.Branch(ILOpCode.Bne_un, _mismatch ??= _il.DefineLabel());
        }

        EmitPccComparison();
        _il.LoadLocal(result);
        _il.Emit(ILOpCode.Ldfld, _members.ResultA0, 1, 1);
        StoreRegister(GuestRegister.A0);
        LoadSlot(continuation);
        var kept = KeepWindows(i, continuation);
        _integers = 0;
        Reload(_registers.LoadedAt(continuation) & ~RegisterAnalysis.ValidAfterCall & ~kept);
        ComputeWindows(continuation, kept);
        GoTo(continuation, next);
    }

    /// <summary>Looks the pc in a local up in the dispatch table; the entry point is in <see cref="_entryPoint"/> after it.</summary>
    private void EmitLookup(int pc)
    {
        Count(nameof(CheckCounts.Lookup));
        var entry = Shared(ref _entryPoint, LocalType.Native);
        var slow = _il.DefineLabel();
        var join = _il.DefineLabel();
        _il.LoadLocal(pc);
        _il.LoadConstant(DispatchTable.InlineEnd - 1);
        _il.Branch(ILOpCode.Bgt_un, slow);
        LoadState(_members.Dispatch);
        _il.LoadLocal(pc);
        _il.LoadConstant(DispatchTable.EntryShift);
        _il.Emit(ILOpCode.Shl);
        _il.Emit(ILOpCode.Conv_i);
        _il.Emit(ILOpCode.Add);
        _il.Emit(ILOpCode.Ldind_i);
        _il.StoreLocal(entry);
        _il.LoadLocal(entry);
        _il.Branch(ILOpCode.Brfalse, slow);
        _il.MarkLabel(join);
        var dirty = _dirty;
        AddCold(() =>
        {
            _il.MarkLabel(slow);
            Spill(dirty & RegisterAnalysis.Arguments);
            _il.LoadArgument(StateArgument);
            _il.LoadLocal(pc);
            _il.Emit(ILOpCode.Call, _members.Resolve, 2, 1);
            _il.StoreLocal(entry);
            _il.Branch(ILOpCode.Br, join);
        });
    }

    private void EmitTailCall(IrBlock block, IrInstruction i)
    {
        if (i.A is null && _methodEntry(i) is { } method)
        {
            if (method.IsInside)
            {
                EmitPassage(block, i, method);
                return;
            }

            Spill(_dirty & ~RegisterAnalysis.Arguments);
            void Call() => _il.Emit(ILOpCode.Call, method.Token, 6, 1);
            if (!EmitBalanceCheck(block, () => EmitUnbalancedTailCall(Call)))
                return;
            LoadArguments();
            _il.Emit(ILOpCode.Tail);
            Call();
            _il.Emit(ILOpCode.Ret);
            return;
        }

        var pc = Shared(ref _target, LocalType.Int64);
        if (i.A is null)
            _il.LoadConstant(i.Immediate);
        else
            Value(i.A);
        _il.StoreLocal(pc);
        Spill(_dirty & ~RegisterAnalysis.Arguments);
        EmitTailCallTo(block, pc);
    }

    /// <summary>To another part of the function. sp is compared where the function is left.</summary>
    /// <remarks>Passages that store the same registers share the code for it, which is long.</remarks>
    private void EmitPassage(IrBlock block, IrInstruction i, MethodEntry method)
    {
        StoreState(_members.PartEntry, () => _il.LoadConstant(method.Part));
        if (method.Part != 0)
            StoreState(_members.StatePc, () => _il.LoadConstant(i.Immediate));
        var dirty = _dirty & ~RegisterAnalysis.Arguments;
        var key = (method.Token, dirty, _entrySp >= 0 ? 0 : _balance.AtEnd(block)!.Value);
        if (_passages.TryGetValue(key, out var passage))
        {
            _il.Branch(ILOpCode.Br, passage);
            return;
        }

        _passages.Add(key, passage = _il.DefineLabel());
        _il.MarkLabel(passage);
        Spill(dirty);
        StoreState(_members.PartSp, () => LoadEntrySp(block));
        LoadArguments();
        _il.Emit(ILOpCode.Tail);
        _il.Emit(ILOpCode.Call, method.Token, 6, 1);
        _il.Emit(ILOpCode.Ret);
    }

    private void EmitTailCallTo(IrBlock block, int pc)
    {
        EmitLookup(pc);
        void Call()
        {
            _il.LoadLocal(_entryPoint);
            _il.Emit(ILOpCode.Calli, _members.MethodSignature, 7, 1);
        }

        if (!EmitBalanceCheck(block, () => EmitUnbalancedTailCall(Call)))
            return;
        LoadArguments();
        _il.LoadLocal(_entryPoint);
        _il.Emit(ILOpCode.Tail);
        _il.Emit(ILOpCode.Calli, _members.MethodSignature, 7, 1);
        _il.Emit(ILOpCode.Ret);
    }

    /// <summary>
    /// Stores everything but a0, which is returned, ra, which equals the pc that is returned, and sp, which is what it was at
    /// entry; with any other sp the frames unwind.
    /// </summary>
    private void EmitReturn(IrBlock block, IrInstruction i)
    {
        var dirty = _dirty;
        var pc = Shared(ref _target, LocalType.Int64);
        Value(i.A!);
        _il.StoreLocal(pc);
        if (!EmitBalanceCheck(block, () =>
        {
            Spill(dirty);
            _il.LoadArgument(StateArgument);
            _il.LoadLocal(pc);
            _il.Emit(ILOpCode.Call, _members.Leave, 2, 1);
            LeaveMethod();
        }))
        {
            return;
        }

        Spill(_dirty & ~(RegisterAnalysis.Bit(GuestRegister.A0) | RegisterAnalysis.Bit(GuestRegister.Ra) | RegisterAnalysis.Bit(GuestRegister.Sp)));
        if (_return is { } shared)
        {
            _il.Branch(ILOpCode.Br, shared);
            return;
        }

        _return = _il.DefineLabel();
        _il.MarkLabel(_return.Value);
        _il.LoadLocal(pc);
        LoadRegister(GuestRegister.A0);
        _il.Emit(ILOpCode.Call, _members.Return, 2, 1);
        _il.Emit(ILOpCode.Ret);
    }

    private void EmitEcall(IrBlock block, IrInstruction i, IrBlock? next)
    {
        var continuation = block.Successors[0];
        var leave = _il.DefineLabel();
        Spill(_dirty);
        _il.LoadArgument(StateArgument);
        _il.LoadConstant(i.Pc);
        _il.Emit(ILOpCode.Stfld, _members.StatePc, 2, 0);
        _il.LoadArgument(StateArgument);
        _il.Emit(ILOpCode.Call, _members.SystemCall, 1, 1);
        _il.Branch(ILOpCode.Brfalse, leave);
        _integers = 0;
        LoadSlot(continuation);
        Reload(_registers.LoadedAt(continuation));
        ComputeWindows(continuation, kept: 0);
        GoTo(continuation, next);
        AddCold(() =>
        {
            _il.MarkLabel(leave);
            _il.LoadArgument(StateArgument);
            _il.Emit(ILOpCode.Call, _members.LeaveAfterSystemCall, 1, 1);
            LeaveMethod();
        });
    }
}
