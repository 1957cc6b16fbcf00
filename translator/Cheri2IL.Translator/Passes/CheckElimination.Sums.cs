using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <content>
/// Facts about sums of two registers, either of which may be shifted: a base and an index. A loop that computes its addresses anew in every
/// turn has no register that holds what the turn before checked, but the index is a known distance further on.
/// </content>
public sealed partial class CheckElimination
{
    /// <summary>Sums that facts are kept of in one place: loops that go through more arrays at once are rare.</summary>
    private const int MaxSums = 8;

    /// <summary>By base: what it is, where it is computed from others in this block.</summary>
    private readonly Form[] _forms;

    /// <summary>What is known of sums of this block's bases.</summary>
    private readonly List<Sum> _sums = [];

    /// <summary>By block: what is known of sums of registers where it begins; null: not reached.</summary>
    private readonly Sum[]?[] _sumsIn;

    /// <summary>By block: how often facts about sums were widened there (<see cref="MaxWidenings"/>).</summary>
    private readonly byte[] _sumWidenings;

    /// <summary>What a value without a known distance from another is as a sum.</summary>
    private Form FormOf(IrInstruction i)
    {
        switch (i.Op)
        {
            case IrOp.ShiftLeft when i.Type == IrType.I64 && i.B!.Op == IrOp.Const:
                var shift = (int)i.B.Immediate & 63;
                return TermOf(i.A!) is { } shifted && shifted.Term.Shift == 0 ? new Form(new Term(shifted.Term.Base, shift), default, shifted.Distance << shift) : default;
            case IrOp.Add when i.Type == IrType.I64 && TermOf(i.A!) is { } a && TermOf(i.B!) is { } b:
                var (first, second) = a.Term.CompareTo(b.Term) <= 0 ? (a, b) : (b, a);
                return new Form(first.Term, second.Term, unchecked(first.Distance + second.Distance));
            default:
                return default;
        }
    }

    /// <summary>The one term that a value is, and its distance from that; null: it is a constant, or a sum of two.</summary>
    private (Term Term, long Distance)? TermOf(IrInstruction value)
    {
        var (valueBase, offset) = (_bases[value.Id], _offsets[value.Id]);
        if (valueBase == ZeroBase || _forms[valueBase].Second.Exists)
            return null;
        var form = _forms[valueBase];
        return form.First.Exists ? (form.First, unchecked(form.Distance + offset)) : (new Term(valueBase, 0), offset);
    }

    /// <summary>True if a check is redundant for what is known of a sum; otherwise, that it was made is known from here on.</summary>
    private bool VisitSum(IrInstruction check, int valueBase, long offset, bool elide)
    {
        var form = _forms[valueBase];
        if (!form.Second.Exists)
            return false;
        var distance = unchecked(form.Distance + offset);
        var known = _sums.FindIndex(s => s.First == form.First && s.Second == form.Second);
        if (known >= 0 && _sums[known].Fact is var fact && fact.Covers(distance) && fact.Covers(distance + check.Immediate))
        {
            if (elide)
                check.Elided = fact.Where($"{NameOf(form.First)}+{NameOf(form.Second)}");
            _facts[valueBase] = fact.Shifted(unchecked(-form.Distance));
            return true;
        }

        if (!Fact.IsTracked(distance))
            return false;
        var made = new Sum(form.First, form.Second, new Fact(distance, distance, check.Pc));
        if (known >= 0)
            _sums[known] = made;
        else if (_sums.Count < MaxSums)
            _sums.Add(made);
        return false;
    }

    private string NameOf(Term term) => (_names[term.Base] ?? "value") + (term.Shift == 0 ? "" : $"<<{term.Shift}");

    /// <summary>What is known of sums of registers behind the block, which every successor begins with.</summary>
    private Sum[] LeavingSums(IrBlock block)
    {
        if (_sums.Count == 0 || block.Terminator.Op is IrOp.Call or IrOp.Ecall)
            return [];
        var leaving = new List<Sum>();
        foreach (var sum in _sums)
        {
            for (var r = 1; r < Tracked; r++)
            {
                for (var s = 1; s < Tracked && _registerBases[r] == sum.First.Base; s++)
                {
                    if (_registerBases[s] == sum.Second.Base && leaving.Count < MaxSums)
                        Leave(sum, r, s);
                }
            }
        }

        return [.. leaving];

        void Leave(Sum sum, int r, int s)
        {
            var distance = unchecked((_registerOffsets[r] << sum.First.Shift) + (_registerOffsets[s] << sum.Second.Shift));
            var fact = sum.Fact.Shifted(unchecked(-distance));
            var (a, b) = (sum.First with { Base = r }, sum.Second with { Base = s });
            if (b.CompareTo(a) < 0)
                (a, b) = (b, a);
            if (fact.Exists && !leaving.Exists(l => l.First == a && l.Second == b))
                leaving.Add(new Sum(a, b, fact));
        }
    }

    /// <summary>As <see cref="Enter"/>.</summary>
    private bool EnterSums(IrBlock block, Sum[] sums, bool isBackEdge)
    {
        if (_sumsIn[block.Id] is not { } current)
        {
            _sumsIn[block.Id] = sums;
            return true;
        }

        if (current.Length == 0)
            return false;
        var kept = new List<Sum>();
        foreach (var sum in current)
        {
            var other = Array.Find(sums, s => s.First == sum.First && s.Second == sum.Second).Fact;
            var joined = other.Exists ? Fact.Join(sum.Fact, other) : default;
            if (isBackEdge && (joined.Low, joined.High) != (sum.Fact.Low, sum.Fact.High) && ++_sumWidenings[block.Id] > MaxWidenings)
                joined = default;
            if (joined.Exists)
                kept.Add(sum with { Fact = joined });
        }

        if (kept.SequenceEqual(current))
            return false;
        _sumsIn[block.Id] = [.. kept];
        return true;
    }

    /// <summary>What a base is, shifted left.</summary>
    /// <param name="Base">Number of the base; 0: no term.</param>
    /// <param name="Shift">By how many bits.</param>
    private readonly record struct Term(int Base, int Shift) : IComparable<Term>
    {
        public bool Exists => Base != ZeroBase;

        public int CompareTo(Term other) => (Base, Shift).CompareTo((other.Base, other.Shift));
    }

    /// <summary>A value as a sum, modulo 2^64, of one or two terms and a distance.</summary>
    private readonly record struct Form(Term First, Term Second, long Distance);

    /// <summary>What is known of First + Second, in that order.</summary>
    private readonly record struct Sum(Term First, Term Second, Fact Fact);
}
