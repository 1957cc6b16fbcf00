using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using RegisterSet = System.UInt128;

namespace Cheri2IL.Translator.Emit;

/// <summary>Which of the slot's numbers code needs in locals.</summary>
[Flags]
public enum SlotUse : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Host address of the slot: for accesses.</summary>
    Base = 1,

    /// <summary>Largest guest address: for checks.</summary>
    Limit = 2,

    /// <summary>The table of memory's tags.</summary>
    Tags = 4,
}

/// <summary>
/// Which guest registers each block needs in IL locals, and which locals may be newer than the state block. Sets of
/// registers are bit masks: bit r is register r of <see cref="GuestRegister"/>, bit 64 + i what the capability at
/// <see cref="CapabilityState.Index"/> i has beyond an x register: metadata and tag, and DDC's address.
/// </summary>
/// <remarks>
/// A place that stores the state (call, exit, poll) stores every register that may be dirty there; such a place therefore
/// counts as a use of them, which makes every path to it hold a valid local. So no path ever stores a stale one.
/// A poll stores those that the guest may read when it goes on (<see cref="Passes.GuestLiveness"/>).
/// The cold paths of checks that do not poll do so with precise faults alone. Otherwise they store nothing, since the guest
/// ends there, and are no uses: those would have a register that is overwritten next carried along for the sake of a report.
/// <para>
/// Where a path on which a register is dirty meets one on which it is not, the other one would have to load it again, to have it
/// stored later. If it is stored later in any case, it is stored in front of the meeting place instead: in front of a loop
/// with a call rather than at the call in every turn.
/// </para>
/// </remarks>
public sealed partial class RegisterAnalysis
{
    /// <summary>Registers that travel as arguments: sp, ra, a0, a1, a2.</summary>
    public static readonly RegisterSet Arguments = (1UL << 1) | (1UL << 2) | (1UL << 10) | (1UL << 11) | (1UL << 12);

    private static readonly RegisterSet Ra = Bit(GuestRegister.Ra);
    private static readonly RegisterSet Sp = Bit(GuestRegister.Sp);
    private static readonly RegisterSet A0 = Bit(GuestRegister.A0);

    private readonly RegisterSet[] _dirtyIn;
    private readonly RegisterSet[] _dirtyOut;
    private readonly RegisterSet[] _storedAtEnd;
    private readonly RegisterSet[] _liveIn;
    private readonly SlotUse[] _slotIn;
    private readonly bool _isPrecise;
    private readonly bool _hasCapabilities;
    private readonly WindowAnalysis? _windows;

    /// <summary>Analyses <paramref name="function"/>.</summary>
    /// <param name="function">Function.</param>
    /// <param name="isPrecise">Whether registers are stored where a check fails that does not poll.</param>
    /// <param name="windows">Which registers are to be kept across calls for the sake of their windows; null: none.</param>
    public RegisterAnalysis(IrFunction function, bool isPrecise, WindowAnalysis? windows = null)
    {
        _windows = windows;
        _isPrecise = isPrecise;
        _hasCapabilities = function.HasCapabilities;
        function.Number();
        _dirtyIn = new RegisterSet[function.Blocks.Count];
        _dirtyOut = new RegisterSet[function.Blocks.Count];
        _storedAtEnd = new RegisterSet[function.Blocks.Count];
        _liveIn = new RegisterSet[function.Blocks.Count];
        _slotIn = new SlotUse[function.Blocks.Count];
        _required = new RegisterSet[function.Blocks.Count];
        _anticipated = new RegisterSet[function.Blocks.Count];
        _validIn = new RegisterSet[function.Blocks.Count];
        SolveDirty(function);
        PlaceStores(function);
        SolveLive(function);
        PlaceLoads(function);
        SolveSlot(function);
        foreach (var block in function.Blocks)
            Used |= UsedBy(block);
    }

    /// <summary>Every register the function names or carries.</summary>
    public RegisterSet Used { get; } = Arguments;

    /// <summary>Registers that may be dirty at the start of a block.</summary>
    public RegisterSet DirtyIn(IrBlock block) => _dirtyIn[block.Id];

    /// <summary>Registers that are stored before the block's terminator, if they are dirty, and are not dirty behind it.</summary>
    public RegisterSet StoredAtEnd(IrBlock block) => _storedAtEnd[block.Id];

    /// <summary>
    /// Registers that may be dirty at a jump by the table that ends a block, or at another one by the same table, as these share their code: no more than
    /// may be dirty at each of its targets.
    /// </summary>
    public RegisterSet DirtyAtSwitch(IrBlock block) => block.Successors.Aggregate(RegisterSet.MaxValue, (all, s) => all & DirtyIn(s));

    /// <summary>Registers that matter at the start of a block: some way onward uses them, or stores them if they are dirty.</summary>
    public RegisterSet LiveIn(IrBlock block) => _liveIn[block.Id];

    /// <summary>What of the slot must be in locals at the start of a block.</summary>
    public SlotUse SlotIn(IrBlock block) => _slotIn[block.Id];

    /// <summary>The set of one register of <see cref="GuestRegister"/>; of PCC and DDC, there is none.</summary>
    public static RegisterSet Bit(int register) => register < GuestRegister.Count ? (RegisterSet)(1UL << register) : 0;

    /// <summary>The set of what a capability register has beyond an x register. PCC is never in locals.</summary>
    public static RegisterSet MetadataBit(int register)
        => register is 0 or GuestRegister.Pcc ? 0 : new RegisterSet(1UL << CapabilityState.Index(register), 0);

    /// <summary>Registers that are in locals, valid, after a call returned in line.</summary>
    public static RegisterSet ValidAfterCall => Sp | Ra | A0;

    /// <summary>Whether the instruction stores the dirty registers on some path.</summary>
    public static bool IsSpillPoint(IrInstruction i) => i.Op switch
    {
        IrOp.Check or IrOp.CapCheck or IrOp.CapCheckValue or IrOp.Commit => i.Elided is null,
        IrOp.CheckAlignment or (> IrOp.CapCheckValue and <= IrOp.CapCheckSystem) or IrOp.Poll or IrOp.Call or IrOp.TailCall or IrOp.Return or IrOp.Ecall or IrOp.FenceI or IrOp.Trap or IrOp.Switch => true,
        _ => false,
    };

    /// <summary>Registers that matter at a commit, where a poll leaves, or a check with precise faults.</summary>
    public RegisterSet SeenAt(IrInstruction i) => _isPrecise && i.Op != IrOp.Commit ? RegisterSet.MaxValue : _hasCapabilities ? i.LiveRegisters | MetadataOf(i.LiveRegisters) : i.LiveRegisters;

    /// <summary>What registers have beyond integers, if they have it; DDC has it, too.</summary>
    private static RegisterSet MetadataOf(ulong registers) => new(registers & uint.MaxValue | ~(ulong)uint.MaxValue, 0);

    /// <summary>Dirty registers after the instruction, from those before it.</summary>
    public RegisterSet DirtyAfter(IrInstruction i, RegisterSet dirty) => i.Op switch
    {
        IrOp.Set or IrOp.SetC => dirty | Written(i),
        IrOp.Call => Ra | A0 | Sp,
        IrOp.Ecall => 0,
        IrOp.Commit when i.Elided is null => dirty & ~SeenAt(i),
        _ => dirty,
    };

    /// <summary>Registers that must be valid before the instruction, from those after it and those dirty at it.</summary>
    internal RegisterSet LiveBefore(IrInstruction i, RegisterSet live, RegisterSet dirty)
    {
        switch (i.Op)
        {
            case IrOp.Get:
                return live | Bit(i.Register);
            case IrOp.GetC:
                return live | Bit(i.Register) | MetadataBit(i.Register);
            case IrOp.Set or IrOp.SetC:
                return live & ~Written(i);
            case IrOp.Call:
                // Whatever is live after it and not brought back by the call itself is reloaded from the state block.
                return (live & (Sp | Ra) & ValidAfterCall) | dirty | Arguments | (_windows?.KeptAcross(i) ?? 0);
            case IrOp.TailCall or IrOp.Switch:
                return (i.Op == IrOp.Switch ? live : 0) | dirty | Arguments;
            case IrOp.Return:
                return dirty | Sp | Ra | A0;
            case IrOp.Ecall:
                return dirty;
            case IrOp.Check or IrOp.CheckAlignment or (>= IrOp.CapCheck and <= IrOp.CapCheckSystem) when !(_isPrecise && _hasCapabilities) && !i.Polls:
                return live;
            case IrOp.Poll or IrOp.Check or IrOp.Commit:
                return IsSpillPoint(i) ? live | (dirty & SeenAt(i)) : live;
            default:
                return IsSpillPoint(i) ? live | dirty : live;
        }
    }

    /// <summary>What a Set or SetC writes: with capabilities, an integer has metadata, too.</summary>
    private RegisterSet Written(IrInstruction i)
        => _hasCapabilities && i.Register is < GuestRegister.F0 or >= GuestRegister.Count ? Bit(i.Register) | MetadataBit(i.Register) : Bit(i.Register);

    private RegisterSet UsedBy(IrBlock block)
    {
        RegisterSet used = 0;
        foreach (var i in block.Instructions)
        {
            if (i.Op is IrOp.Get)
                used |= Bit(i.Register);
            else if (i.Op == IrOp.GetC)
                used |= Bit(i.Register) | MetadataBit(i.Register);
            else if (i.Op is IrOp.Set or IrOp.SetC)
                used |= Written(i);
        }

        return used;
    }

    private void SolveDirty(IrFunction function)
    {
        Array.Clear(_dirtyIn);
        _dirtyIn[0] = Arguments;
        foreach (var entry in function.ExtraEntries)
            _dirtyIn[entry.Id] = Arguments;
        var work = new Queue<IrBlock>(function.Blocks);
        while (work.TryDequeue(out var block))
        {
            var dirty = DirtyIn(block);
            foreach (var i in block.Instructions)
                dirty = DirtyAfter(i, dirty);
            dirty &= ~StoredAtEnd(block);
            _dirtyOut[block.Id] = dirty;
            foreach (var successor in block.Successors)
            {
                ref var into = ref _dirtyIn[successor.Id];
                if ((dirty & ~into) == 0)
                    continue;
                into |= dirty;
                work.Enqueue(successor);
            }
        }
    }

    private void SolveLive(IrFunction function)
    {
        bool changed;
        do
        {
            changed = false;
            for (var b = function.Blocks.Count - 1; b >= 0; b--)
            {
                var live = LiveAtStart(function.Blocks[b]);
                changed |= live != _liveIn[b];
                _liveIn[b] = live;
            }
        }
        while (changed);
    }

    private void SolveSlot(IrFunction function)
    {
        bool changed;
        do
        {
            changed = false;
            for (var b = function.Blocks.Count - 1; b >= 0; b--)
            {
                var block = function.Blocks[b];
                var needed = SlotUse.None;
                // Calls and system calls load them again.
                if (block.Terminator.Op is not (IrOp.Call or IrOp.Ecall))
                {
                    foreach (var successor in block.Successors)
                        needed |= _slotIn[successor.Id];
                }

                foreach (var i in block.Instructions)
                    needed |= SlotUseOf(i);
                changed |= needed != _slotIn[b];
                _slotIn[b] = needed;
            }
        }
        while (changed);
    }

    private static SlotUse SlotUseOf(IrInstruction i) => i.Op switch
    {
        IrOp.Check => i.Elided is null && !i.Polls ? SlotUse.Limit : SlotUse.None,
        IrOp.CapLoad or IrOp.CapStore => SlotUse.Base | SlotUse.Tags,
        IrOp.Untagged => SlotUse.Tags,
        IrOp.ClearTags => i.Elided is null ? SlotUse.Tags : SlotUse.None,
        > IrOp.CapStore and < IrOp.ClearTags => SlotUse.None,
        _ => (IrOpInfo.Effects(i.Op) & (IrEffects.ReadsMemory | IrEffects.WritesMemory)) != 0 ? SlotUse.Base : SlotUse.None,
    };

    private RegisterSet LiveAtStart(IrBlock block)
    {
        RegisterSet live = 0;
        foreach (var successor in block.Successors)
            live |= _liveIn[successor.Id];
        return BeforeInstructions(block, live);
    }

    /// <summary>The registers that a block uses, or that are in a set behind it and not written in it.</summary>
    private RegisterSet BeforeInstructions(IrBlock block, RegisterSet after)
    {
        var count = block.Instructions.Count;
        Span<RegisterSet> dirty = count <= 256 ? stackalloc RegisterSet[count] : new RegisterSet[count];
        var before = DirtyIn(block);
        for (var k = 0; k < count; k++)
        {
            dirty[k] = before;
            before = DirtyAfter(block.Instructions[k], before);
        }

        if (block.Terminator.Op == IrOp.Switch)
            dirty[^1] |= DirtyAtSwitch(block);
        var live = after | (StoredAtEnd(block) & before);
        for (var k = count - 1; k >= 0; k--)
            live = LiveBefore(block.Instructions[k], live, dirty[k]);
        return live;
    }

    /// <summary>The bits of a set, ascending.</summary>
    public static IEnumerable<int> Registers(RegisterSet set)
    {
        while (set != 0)
        {
            yield return (int)RegisterSet.TrailingZeroCount(set);
            set &= set - 1;
        }
    }
}
