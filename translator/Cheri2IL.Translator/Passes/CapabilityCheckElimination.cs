using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Elides checks of accesses under an authority that has been checked at the same or a wider place on every path before, and the checks
/// of the tag where an address moves between two places that are known to be between base and top: a forward data flow over the function.
/// </summary>
/// <remarks>
/// <para>A fact is about the capability in a register: it is tagged, not sealed, has certain permissions, and its address plus two offsets, Low
/// and High, are between base and top. Each check that passes says so of its first byte and the one behind its last.</para>
/// <para>Guards say the same where they let control pass (<see cref="IrOp.CapAllows"/>).</para>
/// <para>Likewise, a guard can say that there are no tags (<see cref="IrOp.Untagged"/>): until a capability is stored, data stores there need not
/// clear any.</para>
/// <para>CIncOffset by a constant moves the offsets, the other way round, and keeps the tag if the new address is between them as the old one
/// is (<see cref="AccessWindow.OfAddresses(in Capability)"/>). Any other definition ends what is known of a register, and so do calls. DDC is left
/// alone, since accesses under it have nothing to do with its address.</para>
/// </remarks>
public sealed class CapabilityCheckElimination
{
    /// <summary>Times that what is known of one register may shrink at one block before it is given up.</summary>
    private const int MostChanges = 4;

    private const int Registers = 32;

    /// <summary>Facts of each register about bounds, and behind those the ones about tags of memory.</summary>
    private const int Facts = 2 * Registers;

    private readonly IrFunction _function;
    private readonly Dictionary<IrBlock, Fact[]> _in = [];
    private readonly Dictionary<(IrBlock Block, int Register), int> _changes = [];

    private CapabilityCheckElimination(IrFunction function) => _function = function;

    /// <summary>Decides for every check of <paramref name="function"/> whether it is elided, regardless of what was decided before.</summary>
    public static void Run(IrFunction function, PassOptions options)
    {
        if (!function.HasCapabilities)
            return;
        foreach (var i in function.Blocks.SelectMany(b => b.Instructions).Where(i => i.Op is IrOp.CapCheck or IrOp.CapCheckValue or IrOp.CapIncrement or IrOp.ClearTags))
            i.Elided = options.Checks == CheckMode.None && i.Op is IrOp.CapCheck or IrOp.CapCheckValue ? "checks off" : null;
        if (options.Checks == CheckMode.Optimized)
            new CapabilityCheckElimination(function).Solve();
    }

    private void Solve()
    {
        var work = new Queue<IrBlock>();
        foreach (var entry in _function.ExtraEntries.Prepend(_function.Blocks[0]))
        {
            _in[entry] = new Fact[Facts];
            work.Enqueue(entry);
        }

        while (work.TryDequeue(out var block))
        {
            var leaving = Transfer(block, elide: false);
            for (var s = 0; s < block.Successors.Count; s++)
            {
                if (Enter(block.Successors[s], s == 0 ? leaving.First : leaving.Others))
                    work.Enqueue(block.Successors[s]);
            }
        }

        // Only the fixed point holds on every path.
        foreach (var block in _function.Blocks.Where(_in.ContainsKey))
            Transfer(block, elide: true);
    }

    private bool Enter(IrBlock block, Fact[] facts)
    {
        if (!_in.TryGetValue(block, out var current))
        {
            _in.Add(block, [.. facts]);
            return true;
        }

        var changed = false;
        for (var r = 0; r < Facts; r++)
        {
            var joined = Fact.Join(current[r], facts[r]);
            if (joined == current[r])
                continue;
            changed = true;
            var changes = _changes[(block, r)] = _changes.GetValueOrDefault((block, r)) + 1;
            current[r] = changes > MostChanges ? default : joined;
        }

        return changed;
    }

    /// <summary>What is known where the block leaves to its first successor, and to others.</summary>
    private (Fact[] First, Fact[] Others) Transfer(IrBlock block, bool elide)
    {
        Fact[] facts = [.. _in[block]];

        // Values that are what a register holds at this moment: its capability, or its address plus a constant.
        var held = new Dictionary<IrInstruction, (int Register, long Offset)>();
        foreach (var i in block.Instructions)
        {
            switch (i.Op)
            {
                case IrOp.GetC or IrOp.Get when i.Register is > 0 and < Registers:
                    held[i] = (i.Register, 0);
                    break;
                case IrOp.Add or IrOp.CapIncrement when i.B is { Op: IrOp.Const } && held.TryGetValue(i.A!, out var place) && Fact.IsNear(i.B.Immediate):
                    held[i] = (place.Register, place.Offset + i.B.Immediate);
                    break;
                case IrOp.CapCheck or IrOp.CapCheckValue:
                    Check(i, held, facts, elide);
                    break;
                case IrOp.ClearTags when elide && held.TryGetValue(i.A!, out var stored):
                    if (facts[Registers + stored.Register] is { Exists: true } untagged && untagged.Spans(stored.Offset + i.Immediate)
                        && untagged.Spans(stored.Offset + i.Immediate + IrSignature.SizeOf(i.Access)))
                        i.Elided = $"{GuestRegister.Name(stored.Register)}{untagged.Low:+0;-0;+0}..{untagged.High:+0;-0;+0} has no tags since 0x{untagged.Pc:x}";
                    break;
                case IrOp.CapStore or IrOp.CapSwap or IrOp.CapStoreConditional:
                    Array.Clear(facts, Registers, Registers);
                    break;
                case IrOp.SetC when i.Register < Registers:
                    var fact = Derived(i.A!, held, facts, elide);
                    var tags = held.TryGetValue(i.A!, out var from) && facts[Registers + from.Register] is { Exists: true } before ? before.Moved(from.Offset) : default;
                    Forget(i.Register);
                    facts[i.Register] = fact;
                    facts[Registers + i.Register] = tags;
                    break;
                case IrOp.Set when i.Register < Registers:
                    Forget(i.Register);
                    break;
            }
        }

        if (block.Terminator.Op is IrOp.Call or IrOp.Ecall)
            return (new Fact[Facts], []);
        if (block.Terminator is not { Op: IrOp.Branch, A: { Op: IrOp.CapAllows or IrOp.Untagged } guard })
            return (facts, facts);
        Fact[] allowed = [.. facts];
        if (guard.Op == IrOp.CapAllows)
        {
            Check(guard, held, allowed, elide: false);
        }
        else if (held.TryGetValue(guard.A!, out var first))
        {
            var low = first.Offset + guard.Immediate;
            allowed[Registers + first.Register] = new Fact(low, low + guard.B!.Immediate, CapabilityPermissions.None, guard.Pc);
        }

        return (allowed, facts);

        void Forget(int register)
        {
            facts[register] = facts[Registers + register] = default;
            foreach (var value in held.Where(h => h.Value.Register == register).Select(h => h.Key).ToArray())
                held.Remove(value);
        }
    }

    /// <summary>Notes that a check passes here, or elides it; or that a guard said so.</summary>
    private static void Check(IrInstruction check, Dictionary<IrInstruction, (int Register, long Offset)> held, Fact[] facts, bool elide)
    {
        if (check.A!.Op != IrOp.GetC || !held.TryGetValue(check.A, out var authority)
            || !held.TryGetValue(check.B!, out var address) || address.Register != authority.Register)
            return;
        var low = address.Offset + check.Immediate;
        var place = new Fact(low, low + AccessNeeds.Size(check), AccessNeeds.Permissions(check), check.Pc);
        ref var fact = ref facts[authority.Register];
        if (check.Op == IrOp.CapCheck && fact.Implies(place))
        {
            if (elide)
                check.Elided = $"{GuestRegister.Name(authority.Register)}{fact.Low:+0;-0;+0}..{fact.High:+0;-0;+0} checked {(fact.Pc == Fact.SeveralPlaces ? "on every path" : $"at 0x{fact.Pc:x}")}";
            return;
        }

        fact = fact.And(place);
    }

    /// <summary>What is known of a register that is written with a value.</summary>
    private static Fact Derived(IrInstruction value, Dictionary<IrInstruction, (int Register, long Offset)> held, Fact[] facts, bool elide)
    {
        if (!held.TryGetValue(value, out var place) || facts[place.Register] is not { Exists: true } fact)
            return default;
        if (value.Op == IrOp.GetC)
            return fact;
        if (value.Op != IrOp.CapIncrement || value.A!.Op != IrOp.GetC || !fact.Spans(0) || !fact.Spans(place.Offset))
            return default;
        if (elide)
            value.Elided = $"{GuestRegister.Name(place.Register)}{fact.Low:+0;-0;+0}..{fact.High:+0;-0;+0} is between base and top";
        return fact.Moved(place.Offset);
    }

    /// <summary>The address plus Low and plus High are between base and top, and Permissions are granted; checked at guest instruction Pc.</summary>
    private readonly record struct Fact(long Low, long High, CapabilityPermissions Permissions, long Pc)
    {
        /// <summary>Pc when several instructions have checked it.</summary>
        public const long SeveralPlaces = -1;

        private const long MaxOffset = 1L << 40;

        public bool Exists => Pc != 0;

        public static bool IsNear(long offset) => offset is > -MaxOffset and < MaxOffset;

        public static Fact Join(Fact a, Fact b)
        {
            if (!a.Exists || !b.Exists || Math.Max(a.Low, b.Low) > Math.Min(a.High, b.High))
                return default;
            return new Fact(Math.Max(a.Low, b.Low), Math.Min(a.High, b.High), a.Permissions & b.Permissions, a.Pc == b.Pc ? a.Pc : SeveralPlaces);
        }

        public bool Spans(long offset) => Exists && offset >= Low && offset <= High;

        public bool Implies(Fact other) => Spans(other.Low) && Spans(other.High) && (other.Permissions & ~Permissions) == 0;

        public Fact And(Fact other) => !Exists ? other
            : new Fact(Math.Min(Low, other.Low), Math.Max(High, other.High), Permissions | other.Permissions, Pc == other.Pc ? Pc : SeveralPlaces);

        public Fact Moved(long distance) => IsNear(Low - distance) && IsNear(High - distance) ? this with { Low = Low - distance, High = High - distance } : default;
    }
}
