using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Elides checks of values whose neighbourhood was checked on every path before: a forward data flow over the whole function.
/// </summary>
/// <remarks>
/// <para>A check that passed proves of one value v that v is at most the limit, and with it every access within the window of
/// 64 KiB around v is inside the slot or in never-mapped pages. So a check is redundant when, on every path to it, a value
/// that differs from its own by a known, small constant was checked. Checks only ever disappear; none is moved.</para>
/// <para>A fact is "register r plus some offset in [low, high] was checked". Adding a constant moves the interval, any
/// other definition kills the fact, and where paths meet the intervals are joined, as long as everything stays within the
/// window. Facts speak of values, not of memory, so neither stores nor system calls touch them; but registers change across
/// calls. sp alone survives: the code behind a call runs only when sp is what it was (<see cref="IrOp.Call"/>).</para>
/// <para>Of a capability, it is the address that facts are about.</para>
/// <para>Sums of two registers, which arrays are indexed with, have facts of their own (CheckElimination.Sums.cs).</para>
/// <para>Blocks that are entered from elsewhere begin without facts: the entry, and <see cref="IrFunction.ExtraEntries"/>.</para>
/// </remarks>
public sealed partial class CheckElimination
{
    /// <summary>Joins at one place that may widen an interval, before the fact is given up: a loop that steps a pointer widens for ever.</summary>
    private const int MaxWidenings = 4;

    /// <summary>Facts kept per block boundary: x1..x31, and in the place of x0 absolute addresses.</summary>
    private const int Tracked = 32;

    /// <summary>Base of constants: they are offsets from zero.</summary>
    private const int ZeroBase = 0;

    private readonly IrFunction _function;
    private readonly PassOptions _options;
    private readonly Fact[]?[] _in;
    private readonly Fact[] _leaving = new Fact[Tracked];
    private readonly byte[] _widenings;
    private readonly Fact[] _facts;
    private readonly int[] _bases;
    private readonly long[] _offsets;
    private readonly int[] _registerBases = new int[Tracked];
    private readonly long[] _registerOffsets = new long[Tracked];
    private readonly string?[] _names;

    private CheckElimination(IrFunction function, PassOptions options)
    {
        _function = function;
        _options = options;
        _in = new Fact[]?[function.Blocks.Count];
        _widenings = new byte[function.Blocks.Count * Tracked];
        var longest = function.Blocks.Max(b => b.Instructions.Count);
        _facts = new Fact[Tracked + longest];
        _names = new string?[Tracked + longest];
        _bases = new int[longest];
        _offsets = new long[longest];
        _forms = new Form[Tracked + longest];
        _sumsIn = new Sum[]?[function.Blocks.Count];
        _sumWidenings = new byte[function.Blocks.Count];
    }

    /// <summary>Decides for every check of <paramref name="function"/> whether it is elided, regardless of what was decided before.</summary>
    public static void Run(IrFunction function, PassOptions options)
    {
        function.Number();
        foreach (var block in function.Blocks)
        {
            foreach (var i in block.Instructions)
                i.Elided = i.Op == IrOp.Check && options.Checks == CheckMode.None ? "checks off" : null;
        }

        if (options.Checks == CheckMode.Optimized && function.Blocks.Count > 0)
            new CheckElimination(function, options).Solve();
    }

    private IEnumerable<IrBlock> Entries => _function.ExtraEntries.Append(_function.Blocks[0]);

    private void Solve()
    {
        var order = ReversePostorder.Of(_function);
        var pending = new PriorityQueue<IrBlock, int>();
        var queued = new bool[_function.Blocks.Count];
        foreach (var entry in Entries)
        {
            Enter(entry, new Fact[Tracked], isBackEdge: false);
            EnterSums(entry, [], isBackEdge: false);
        }

        foreach (var block in order.Blocks)
        {
            queued[block.Id] = true;
            pending.Enqueue(block, order[block]);
        }

        while (pending.TryDequeue(out var block, out _))
        {
            queued[block.Id] = false;
            if (_in[block.Id] is null)
                continue;
            Transfer(block, elide: false);
            var (leaving, sums) = (Leaving(block), LeavingSums(block));
            foreach (var successor in block.Successors)
            {
                var isBackEdge = order.IsBackEdge(block, successor);
                if ((Enter(successor, leaving, isBackEdge) | EnterSums(successor, sums, isBackEdge)) && !queued[successor.Id])
                {
                    queued[successor.Id] = true;
                    pending.Enqueue(successor, order[successor]);
                }
            }
        }

        // Only the fixed point holds on every path.
        foreach (var block in order.Blocks)
            Transfer(block, elide: true);
        ElideByRange(order);
    }

    /// <summary>Elides checks of values that are inside every slot, or near a value that was checked before the block.</summary>
    private void ElideByRange(ReversePostorder order)
    {
        if (!order.Blocks.Exists(b => b.Instructions.Exists(i => i.Op == IrOp.Check && i.Elided is null)))
            return;
        var analysis = RangeAnalysis.Run(_function, order);
        foreach (var block in order.Blocks)
        {
            if (!block.Instructions.Exists(i => i.Op == IrOp.Check && i.Elided is null))
                continue;
            var values = analysis.Values(block);
            foreach (var i in block.Instructions)
            {
                if (i.Op != IrOp.Check || i.Elided is not null || values.IsEmpty)
                    continue;
                var value = values[i.A!.Id];
                if (value.IsWithin(0, _options.GuaranteedSlotBytes - 1))
                    i.Elided = $"0x{value.Low:x}..0x{value.High:x} is inside every slot";
                else if (value.Base != 0 && !analysis.IsOf(block, value.Base))
                    i.Elided = Near(block, value, i.Immediate, analysis.Entering(block));
            }
        }
    }

    /// <summary>
    /// Why accesses at <paramref name="value"/> plus <paramref name="offset"/> need no check: some register is at a known distance
    /// from the same base where the block begins, and was checked near by. Null: they do.
    /// </summary>
    private string? Near(IrBlock block, ValueRange value, long offset, ReadOnlySpan<ValueRange> entering)
    {
        for (var r = 1; r < Tracked; r++)
        {
            var fact = _in[block.Id]![r];
            var at = entering[r];
            if (!fact.Exists || at.Base != value.Base || !at.IsConstant
                || !Fact.IsTracked(value.Low) || !Fact.IsTracked(value.High) || !Fact.IsTracked(at.Low))
                continue;
            var (low, high) = (value.Low - at.Low, value.High - at.Low);
            if (fact.Covers(low) && fact.Covers(high) && fact.Covers(low + offset) && fact.Covers(high + offset))
                return $"{Fact.Text(GuestRegister.Name(r), low, high)} is near {fact.Where(GuestRegister.Name(r))}";
        }

        return null;
    }

    /// <summary>
    /// Joins facts into the entry of a block. True when that changed it. Only what comes round a loop can widen for ever: giving
    /// facts up elsewhere would lose what a check inside the loop says anew.
    /// </summary>
    private bool Enter(IrBlock block, Fact[] facts, bool isBackEdge)
    {
        if (_in[block.Id] is not { } current)
        {
            _in[block.Id] = facts.AsSpan().ToArray();
            return true;
        }

        var changed = false;
        for (var r = 0; r < Tracked; r++)
        {
            if (!current[r].Exists || current[r] == facts[r])
                continue;
            var joined = facts[r].Exists ? Fact.Join(current[r], facts[r]) : default;
            if (joined == current[r])
                continue;
            changed = true;
            var widened = joined.Low != current[r].Low || joined.High != current[r].High;
            if (joined.Exists && widened && isBackEdge && ++_widenings[(block.Id * Tracked) + r] > MaxWidenings)
                joined = default;
            current[r] = joined;
        }

        return changed;
    }

    /// <summary>Facts behind the terminator, by register, for every successor; valid until the next call.</summary>
    private Fact[] Leaving(IrBlock block)
    {
        var leaving = _leaving;
        Array.Clear(leaving);
        var onlySp = block.Terminator.Op == IrOp.Call;
        leaving[ZeroBase] = _facts[ZeroBase];
        if (block.Terminator.Op == IrOp.Ecall)
            return leaving;
        for (var r = 1; r < Tracked; r++)
        {
            if (!onlySp || r == GuestRegister.Sp)
                leaving[r] = _facts[_registerBases[r]].Shifted(-_registerOffsets[r]);
        }

        return leaving;
    }

    /// <summary>Carries the facts of a block's entry through it, and marks redundant checks when that is wanted.</summary>
    private void Transfer(IrBlock block, bool elide)
    {
        var entering = _in[block.Id]!;
        for (var r = 0; r < Tracked; r++)
        {
            _facts[r] = entering[r];
            _names[r] = r == ZeroBase ? null : GuestRegister.Name(r);
            _registerBases[r] = r;
            _registerOffsets[r] = 0;
        }

        _sums.Clear();
        _sums.AddRange(_sumsIn[block.Id]!);
        foreach (var i in block.Instructions)
        {
            switch (i.Op)
            {
                case IrOp.Const:
                    Describe(i, ZeroBase, i.Immediate);
                    break;
                case IrOp.Get when i.Register < Tracked:
                    Describe(i, _registerBases[i.Register], _registerOffsets[i.Register]);
                    break;
                case IrOp.Set when i.Register < Tracked:
                    _registerBases[i.Register] = _bases[i.A!.Id];
                    _registerOffsets[i.Register] = _offsets[i.A.Id];
                    if (_offsets[i.A.Id] == 0)
                        _names[_bases[i.A.Id]] ??= GuestRegister.Name(i.Register);
                    break;
                case IrOp.GetC when i.Register < Tracked:
                    Describe(i, _registerBases[i.Register], _registerOffsets[i.Register]);
                    break;
                case IrOp.SetC when i.Register < Tracked:
                    _registerBases[i.Register] = _bases[i.A!.Id];
                    _registerOffsets[i.Register] = _offsets[i.A.Id];
                    break;
                case IrOp.CapIncrement when i.B!.Op == IrOp.Const:
                    Describe(i, _bases[i.A!.Id], _offsets[i.A.Id] + i.B.Immediate);
                    break;
                case IrOp.Add when i.B!.Op == IrOp.Const:
                    Describe(i, _bases[i.A!.Id], _offsets[i.A.Id] + i.B.Immediate);
                    break;
                case IrOp.Add when i.A!.Op == IrOp.Const:
                    Describe(i, _bases[i.B!.Id], _offsets[i.B.Id] + i.A.Immediate);
                    break;
                case IrOp.Sub when i.B!.Op == IrOp.Const:
                    Describe(i, _bases[i.A!.Id], _offsets[i.A.Id] - i.B.Immediate);
                    break;
                case IrOp.Check:
                    VisitCheck(i, elide);
                    break;
                default:
                    // A value of its own, about which nothing is known yet.
                    var fresh = Tracked + i.Id;
                    _facts[fresh] = default;
                    _names[fresh] = null;
                    _forms[fresh] = FormOf(i);
                    Describe(i, fresh, 0);
                    break;
            }
        }
    }

    private void Describe(IrInstruction i, int valueBase, long offset)
    {
        _bases[i.Id] = valueBase;
        _offsets[i.Id] = offset;
    }

    private void VisitCheck(IrInstruction check, bool elide)
    {
        var valueBase = _bases[check.A!.Id];
        var offset = _offsets[check.A.Id];
        if (valueBase == ZeroBase && offset >= 0 && offset < _options.GuaranteedSlotBytes)
        {
            if (elide)
                check.Elided = $"0x{offset:x} is inside every slot";
            return;
        }

        // Both the value itself and the access at its offset have to be near what was checked.
        var fact = _facts[valueBase];
        if (fact.Covers(offset) && fact.Covers(offset + check.Immediate))
        {
            if (elide)
                check.Elided = fact.Where(valueBase == ZeroBase ? null : _names[valueBase] ?? "value");
            return;
        }

        if (VisitSum(check, valueBase, offset, elide))
            return;
        if (Fact.IsTracked(offset))
            _facts[valueBase] = new Fact(offset, offset, check.Pc);
    }

    /// <summary>Base plus some offset in [Low, High] was checked, at guest instruction Pc.</summary>
    private readonly record struct Fact(long Low, long High, long Pc)
    {
        /// <summary>Pc when different paths were checked at different instructions.</summary>
        public const long SeveralPlaces = -1;

        /// <inheritdoc/>
        public bool Equals(Fact other) => Low == other.Low && High == other.High && Pc == other.Pc;

        /// <inheritdoc/>
        public override int GetHashCode() => HashCode.Combine(Low, High, Pc);

        /// <summary>Offsets beyond this are not followed, so that no sum of a few overflows.</summary>
        private const long MaxOffset = 1L << 60;

        /// <summary>Offsets from what is called <paramref name="name"/>, or absolute addresses if that is null, as text.</summary>
        public static string Text(string? name, long low, long high)
        {
            return low == high ? One(low) : name is null ? $"0x{low:x}..0x{high:x}" : $"{One(low)}..{Signed(high)}";

            string One(long offset) => name is null ? $"0x{offset:x}" : name + Signed(offset);
            static string Signed(long offset) => offset < 0 ? $"{offset}" : $"+{offset}";
        }

        /// <summary>What was checked where, as text.</summary>
        public string Where(string? name)
            => $"{Text(name, Low, High)} checked {(Pc == SeveralPlaces ? "on every path" : $"at 0x{Pc:x}")}";

        /// <summary>Whether there is a fact: 0 is no guest pc of an instruction.</summary>
        public bool Exists => Pc != 0;

        /// <summary>Whether facts about this offset are kept.</summary>
        public static bool IsTracked(long offset) => offset is >= -MaxOffset and <= MaxOffset;

        /// <summary>The fact that holds on both paths; none when the joint interval exceeds the window.</summary>
        public static Fact Join(Fact a, Fact b)
        {
            var low = Math.Min(a.Low, b.Low);
            var high = Math.Max(a.High, b.High);
            return high - low > IrVerifier.CheckWindow ? default : new Fact(low, high, a.Pc == b.Pc ? a.Pc : SeveralPlaces);
        }

        /// <summary>Whether base + offset is within the window of what was checked, whichever offset in the interval that was.</summary>
        public bool Covers(long offset)
            => Exists && IsTracked(offset)
                && Math.Abs(offset - Low) < IrVerifier.CheckWindow && Math.Abs(offset - High) < IrVerifier.CheckWindow;

        /// <summary>The same about a base that is less by <paramref name="distance"/>; none when offsets get out of hand.</summary>
        public Fact Shifted(long distance)
            => Exists && IsTracked(distance) && IsTracked(Low + distance) && IsTracked(High + distance)
                ? new Fact(Low + distance, High + distance, Pc) : default;
    }
}
