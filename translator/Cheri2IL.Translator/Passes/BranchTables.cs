using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Takes the index of a jump table from where the guest took it, and does without the table where it is constant and the index certain to be
/// in it: the jump is a branch table then, of which every way is known.
/// </summary>
/// <remarks>
/// The way from the index to the jump is what a mispredicted jump waits for. What the guest left of the entry in registers is set on the way
/// to each target where anybody can see it; or, where it may be seen before the jump, it is loaded as ever, beside that way.
/// </remarks>
public sealed class BranchTables
{
    private readonly IrFunction _function;
    private readonly Dictionary<Way, IrBlock> _ways = [];
    private readonly HashSet<IrInstruction> _known = [];

    private BranchTables(IrFunction function) => _function = function;

    /// <summary>Simplifies the jumps by table of <paramref name="function"/>.</summary>
    public static void Run(IrFunction function)
    {
        function.Number();
        if (!function.Blocks.Exists(b => b.Terminator.Op == IrOp.Switch))
            return;
        var ranges = RangeAnalysis.Run(function, ReversePostorder.Of(function));
        var tables = new BranchTables(function);
        foreach (var block in function.Blocks.ToArray())
        {
            if (block.Terminator.Op != IrOp.Switch)
                continue;
            var values = ranges.Values(block);
            if (values.IsEmpty)
                continue;
            var index = Index(block.Terminator.A!, values);
            if (function.HasCapabilities || !tables.TryReplace(block, index, values))
                block.Terminator.A = index;
        }

        // From here on they are those that the function relies on.
        foreach (var load in function.Blocks.SelectMany(b => b.Instructions).Where(i => i.IsConstant))
            load.IsConstant = tables._known.Contains(load);
    }

    /// <summary>((x &lt;&lt; k) + base - table) &gt;&gt; k is x where base is the table and x is small.</summary>
    private static IrInstruction Index(IrInstruction index, ReadOnlySpan<ValueRange> values)
    {
        if (index is not { Op: IrOp.ShiftRightU, Type: IrType.I64, A: { Op: IrOp.Sub, A.Op: IrOp.Add } distance, B: { Op: IrOp.Const } shift })
            return index;
        var (sum, table) = (distance.A!, values[distance.B!.Id]);
        foreach (var (scaled, start) in (ReadOnlySpan<(IrInstruction, IrInstruction)>)[(sum.A!, sum.B!), (sum.B!, sum.A!)])
        {
            if (scaled is { Op: IrOp.ShiftLeft, B: { Op: IrOp.Const } left } && left.Immediate == shift.Immediate && left.Immediate is >= 0 and < 32
                && table.IsConstant && table.Base == 0 && values[start.Id] == table
                && values[scaled.A!.Id].IsWithin(0, int.MaxValue))
                return Unextended(scaled.A, values);
        }

        return index;
    }

    /// <summary>A small value without extensions that do not change it.</summary>
    private static IrInstruction Unextended(IrInstruction value, ReadOnlySpan<ValueRange> values)
    {
        while (value is { Op: IrOp.ZeroExtend32 or IrOp.SignExtend32, A: { Op: IrOp.Truncate, A: { } whole } } && values[whole.Id].IsWithin(0, int.MaxValue))
            value = whole;
        return value;
    }

    /// <summary>Makes the jump that ends a block a branch table, if it can only go to the table's targets.</summary>
    private bool TryReplace(IrBlock block, IrInstruction index, ReadOnlySpan<ValueRange> values)
    {
        if (Entry.Of(block.Terminator, values) is not { } entry || !entry.IsCertain(block, values))
            return false;
        var terminator = block.Terminator;
        var address = values[entry.Load.A!.Id];
        _function.Constants.Add(new AddressRange(address.Low + entry.Load.Immediate, address.High + entry.Load.Immediate + entry.Size));
        if (SetBehind(block, entry) is { } set)
        {
            for (var k = 0; k < block.Successors.Count; k++)
                block.Successors[k] = WayTo(block.Successors[k], entry, set, terminator.Pc);
            block.Instructions.RemoveAll(i => entry.Has(i) || (i.Op == IrOp.Set && entry.Has(i.A)) || IsCheckOf(i, entry.Load, block));
        }
        else
        {
            _known.Add(entry.Load);
        }

        EndBy(block, index, terminator.Pc);
        return true;
    }

    /// <summary>Puts a branch table in the place of a block's terminator; its successors are the caller's.</summary>
    /// <param name="block">Block.</param>
    /// <param name="index">Value of 32 bits, or of 64 of which the lower half decides.</param>
    /// <param name="pc">Guest address of the jump.</param>
    internal static void EndBy(IrBlock block, IrInstruction index, long pc)
    {
        block.Instructions.RemoveAt(block.Instructions.Count - 1);
        if (index.Type == IrType.I64)
            block.Instructions.Add(index = new IrInstruction(IrOp.Truncate, IrType.I32, index) { Pc = pc });
        block.Instructions.Add(new IrInstruction(IrOp.BranchTable, IrType.Void, index) { Pc = pc });
    }

    /// <summary>
    /// Registers that have the entry, or the target, where the block ends; null: somebody sees them before, or the values are used for something else.
    /// </summary>
    private static (ulong Entry, ulong Target)? SetBehind(IrBlock block, Entry entry)
    {
        var (ofEntry, ofTarget) = (0UL, 0UL);
        for (var k = block.Instructions.IndexOf(entry.Load) + 1; k < block.Instructions.Count - 1; k++)
        {
            var i = block.Instructions[k];
            if (i.Op == IrOp.Set)
            {
                var bit = 1UL << i.Register;
                (ofEntry, ofTarget) = (ofEntry & ~bit, ofTarget & ~bit);
                if (i.A == entry.Load && entry.Load != entry.Target)
                    ofEntry |= bit;
                else if (entry.Has(i.A))
                    ofTarget |= bit;
            }
            else if (IrOpInfo.Effects(i.Op) != IrEffects.None
                || (i.Op == IrOp.Get && ((ofEntry | ofTarget) >> i.Register & 1) != 0)
                || (!entry.Has(i) && (entry.Has(i.A) || entry.Has(i.B) || entry.Has(i.C))))
            {
                return null;
            }
        }

        return (ofEntry, ofTarget);
    }

    /// <summary>The target, or a block in front of it that sets registers that are live there.</summary>
    private IrBlock WayTo(IrBlock target, Entry entry, (ulong Entry, ulong Target) set, long pc)
    {
        var way = new Way(target, set.Entry & target.LiveRegisters, set.Target & target.LiveRegisters, entry.Base);
        if ((way.OfEntry | way.OfTarget) == 0)
            return target;
        if (_ways.TryGetValue(way, out var block))
            return block;
        block = new IrBlock(target.Pc) { LiveRegisters = target.LiveRegisters & ~(way.OfEntry | way.OfTarget) };
        foreach (var (registers, value) in (ReadOnlySpan<(ulong, long)>)[(way.OfEntry, target.Pc - entry.Base), (way.OfTarget, target.Pc)])
        {
            if (registers == 0)
                continue;
            var constant = new IrInstruction(IrOp.Const, IrType.I64) { Immediate = value, Pc = pc };
            block.Instructions.Add(constant);
            for (byte r = 0; r < GuestRegister.Count; r++)
            {
                if ((registers >> r & 1) != 0)
                    block.Instructions.Add(new IrInstruction(IrOp.Set, IrType.Void, constant) { Register = r, Pc = pc });
            }
        }

        block.Instructions.Add(new IrInstruction(IrOp.Jump, IrType.Void) { Pc = pc });
        block.Successors.Add(target);
        _function.Blocks.Add(block);
        return _ways[way] = block;
    }

    private static bool IsCheckOf(IrInstruction i, IrInstruction load, IrBlock block)
        => i.Op == IrOp.Check && i.A == load.A
            && !block.Instructions.Exists(o => o != load && o.A == load.A && (IrOpInfo.Effects(o.Op) & (IrEffects.ReadsMemory | IrEffects.WritesMemory)) != 0);

    /// <summary>A block in front of a target.</summary>
    /// <param name="Target">The target.</param>
    /// <param name="OfEntry">Registers that it sets to the entry.</param>
    /// <param name="OfTarget">Registers that it sets to the target's pc.</param>
    /// <param name="Base">What entries are relative to.</param>
    private readonly record struct Way(IrBlock Target, ulong OfEntry, ulong OfTarget, long Base);

    /// <summary>How the pc of a jump comes from an entry of a constant table.</summary>
    /// <param name="Load">Loads the entry.</param>
    /// <param name="Sum">Adds what it is relative to; the load itself where it is absolute.</param>
    /// <param name="Target">Without bit 0, which no target has; the sum itself if that is not cleared.</param>
    /// <param name="Base">What the entry is relative to.</param>
    private sealed record Entry(IrInstruction Load, IrInstruction Sum, IrInstruction Target, long Base)
    {
        /// <summary>Bytes.</summary>
        public int Size => IrSignature.SizeOf(Load.Access);

        public static Entry? Of(IrInstruction jump, ReadOnlySpan<ValueRange> values)
        {
            var target = jump.B!;
            var sum = target is { Op: IrOp.And, B: { Op: IrOp.Const, Immediate: ~1L } } ? target.A! : target;
            if (IsConstantLoad(sum))
                return new Entry(sum, sum, target, 0);
            if (sum.Op != IrOp.Add)
                return null;
            foreach (var (load, other) in (ReadOnlySpan<(IrInstruction, IrInstruction)>)[(sum.A!, sum.B!), (sum.B!, sum.A!)])
            {
                if (IsConstantLoad(load) && values[other.Id] is { IsConstant: true, Base: 0 } start)
                    return new Entry(load, sum, target, start.Low);
            }

            return null;
        }

        private static bool IsConstantLoad(IrInstruction i) => i is { Op: IrOp.Load, IsConstant: true };

        public bool Has(IrInstruction? i) => i is not null && (i == Load || i == Sum || i == Target);

        /// <summary>Whether what is loaded is an entry of the table, whichever, and leads to the successor that has its number.</summary>
        public bool IsCertain(IrBlock block, ReadOnlySpan<ValueRange> values)
        {
            if (block.Terminator.A is not { Op: IrOp.ShiftRightU, A: { Op: IrOp.Sub, B: { Op: IrOp.Const } table } distance } || distance.A != Load.A)
                return false;
            var address = values[Load.A!.Id];
            return address.IsWithin(table.Immediate, table.Immediate + ((block.Successors.Count - 1) * Size))
                && (address.Low - table.Immediate) % Size == 0 && address.Stride % Size == 0
                && block.Successors.TrueForAll(s => IsLoaded(s.Pc - Base));
        }

        private bool IsLoaded(long value) => Load.Access switch
        {
            MemoryAccess.I32 => value is >= int.MinValue and <= int.MaxValue,
            MemoryAccess.U32 => value is >= 0 and <= uint.MaxValue,
            _ => Size == sizeof(long),
        };
    }
}
