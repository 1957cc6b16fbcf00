using Cheri2IL.Translator.Ir;
using RegisterSet = System.UInt128;

namespace Cheri2IL.Translator.Emit;

/// <summary>A place where a result that may be any of the host's NaNs becomes RISC-V's canonical one.</summary>
/// <param name="Value">The arithmetic operation whose result it is, or the change of such a result's sign: then one of the registers holds it.</param>
/// <param name="Registers">Guest registers whose locals hold it.</param>
/// <param name="Products">Fused operations that it depends on: if it is a NaN, each may still owe the invalid flag of its product.</param>
internal sealed record NaNSettlement(IrInstruction Value, ulong Registers, IReadOnlyList<IrInstruction> Products);

/// <summary>
/// Decides where the NaNs of the host's arithmetic are seen to.
/// </summary>
/// <remarks>
/// The host's NaNs have other bits than RISC-V's, but arithmetic and comparisons see no difference: a result is made canonical
/// only where its bits can be seen. A fused multiply-add of zero, infinity and NaN is invalid on RISC-V but not on x86
/// (unprivileged specification, 20.6; Intel SDM, FMA): that flag is raised later, when a result turns out to be a NaN; what is
/// computed from it inherits that and stands for it.
/// Seen are: what is stored or moved to an integer register; registers that matter where the guest may leave the block; and
/// the flags where they are read. So at the end of each block nothing is left to do. A check that fails ends the guest,
/// unless faults are precise: then it sees every register too. A result whose sign is changed (fneg, fabs) and put into
/// a register is such a result again: as a NaN it is the canonical one with that sign.
/// </remarks>
internal sealed class NaNPlacement(RegisterAnalysis liveness, BlockScheduler schedule, bool isPrecise)
{
    private readonly HashSet<IrInstruction> _raw = [];
    private readonly Dictionary<IrInstruction, IrInstruction[]> _sources = [];
    private readonly List<IrInstruction> _owing = [];
    private readonly HashSet<IrInstruction> _observed = [];
    private readonly IrInstruction?[] _registers = new IrInstruction?[GuestRegister.Count];
    private readonly Dictionary<IrInstruction, List<NaNSettlement>> _before = [];

    /// <summary>Settlements to make before <paramref name="instruction"/>, in order.</summary>
    public IReadOnlyList<NaNSettlement> Before(IrInstruction instruction)
        => _before.TryGetValue(instruction, out var list) ? list : [];

    /// <summary>Analyses a block that is scheduled; results hold until the next call.</summary>
    public void Analyse(IrBlock block)
    {
        _before.Clear();
        if (!block.Instructions.Exists(MethodEmitter.ChecksNaN))
            return;
        _raw.Clear();
        _sources.Clear();
        _owing.Clear();
        Array.Clear(_registers);
        FindObserved(block);
        for (var k = 0; k < block.Instructions.Count; k++)
        {
            var i = block.Instructions[k];

            // What an access stores, before its check rather than between the two: nothing comes between them.
            if (i.Op == IrOp.Check && i.IsStore && StoredBehind(block, k) is { } stored)
                Settle(stored, i);
            if (MayLeave(i) || IrOpInfo.IsTerminator(i.Op) || TouchesStatus(i.Op))
                SettleAll(i, SeenAt(block, i));
            Visit(i);
        }
    }

    /// <summary>What is stored behind the check at <paramref name="index"/> by the same guest instruction, or null.</summary>
    private IrInstruction? StoredBehind(IrBlock block, int index)
    {
        var check = block.Instructions[index];
        for (var k = index + 1; k < block.Instructions.Count && block.Instructions[k].Pc == check.Pc; k++)
        {
            if (block.Instructions[k] is not { Op: IrOp.Store, B: { } stored })
                continue;

            // A register that is read behind the check holds then what it holds now.
            return stored.Op == IrOp.Get && block.Instructions.IndexOf(stored, index) >= 0 ? _registers[stored.Register] : Resolve(stored);
        }

        return null;
    }

    private bool MayLeave(IrInstruction i)
        => RegisterAnalysis.IsSpillPoint(i) && (isPrecise || i.Polls || i.Op is not (IrOp.Check or IrOp.CheckAlignment));

    private static bool TouchesStatus(IrOp op) => op is IrOp.ReadFlags or IrOp.WriteFlags or IrOp.ReadRounding or IrOp.WriteRounding;

    /// <summary>Whether the operation, given any NaN, gives the same result and flags.</summary>
    private static bool IsArithmetic(IrOp op) => op is IrOp.FAdd or IrOp.FSub or IrOp.FMul or IrOp.FDiv or IrOp.FSqrt or IrOp.FMulAdd
        or IrOp.FEq or IrOp.FLt or IrOp.FLe or IrOp.FToInteger or IrOp.FConvert or IrOp.FClass;

    /// <summary>Whether a NaN among the operands makes a NaN.</summary>
    private static bool Inherits(IrOp op)
        => op is IrOp.FAdd or IrOp.FSub or IrOp.FMul or IrOp.FDiv or IrOp.FSqrt or IrOp.FMulAdd or IrOp.FNeg or IrOp.FAbs or IrOp.FConvert;

    private static bool IsOfSign(IrOp op) => op is IrOp.FNeg or IrOp.FAbs;

    /// <summary>Values whose bits matter to some user; signs changed for the sake of arithmetic, or in a register, do not.</summary>
    private void FindObserved(IrBlock block)
    {
        _observed.Clear();
        for (var k = block.Instructions.Count - 1; k >= 0; k--)
        {
            var i = block.Instructions[k];
            if (IsArithmetic(i.Op) || (IsOfSign(i.Op) && !_observed.Contains(i) && !IsOfSign(i.A!.Op)) || (i.Op == IrOp.Set && IsOfSign(i.A!.Op)))
                continue;
            foreach (var operand in Operands(i))
                _observed.Add(operand);
        }
    }

    private static IEnumerable<IrInstruction> Operands(IrInstruction i)
        => ((IrInstruction?[])[i.A, i.B, i.C]).OfType<IrInstruction>();

    private void Visit(IrInstruction i)
    {
        switch (i.Op)
        {
            case IrOp.Set:
                _registers[i.Register] = Resolve(i.A!);
                return;
            case IrOp.Get:
                if (_registers[i.Register] is not { } held)
                    return;
                _sources[i] = [held];

                // A copy, for the register changes before it is used: nothing is done to it later.
                if (schedule[i] == Placement.Own)
                    Settle(held, i);
                return;
        }

        var sources = Operands(i).Select(Resolve).ToArray();
        if (Inherits(i.Op))
            _sources[i] = sources;
        if (IsOfSign(i.Op) && !_observed.Contains(i) && !IsOfSign(sources[0].Op))
        {
            if (_raw.Contains(sources[0]))
                _raw.Add(i);
            return;
        }

        if (!IsArithmetic(i.Op))
        {
            foreach (var source in sources)
                Settle(source, i);
        }

        if (!MethodEmitter.ChecksNaN(i))
            return;
        _raw.Add(i);
        if (i.Op == IrOp.FMulAdd)
            _owing.Add(i);
    }

    /// <summary>What a register read yields where that is a value of this block.</summary>
    private IrInstruction Resolve(IrInstruction value)
        => value.Op == IrOp.Get && _sources.TryGetValue(value, out var held) ? held[0] : value;

    /// <summary>Registers whose bits may be seen where the guest may leave the block.</summary>
    private RegisterSet SeenAt(IrBlock block, IrInstruction i) => i.Op switch
    {
        IrOp.Poll or IrOp.Check or IrOp.Commit => liveness.SeenAt(i),
        IrOp.Jump or IrOp.Branch => block.Successors.Aggregate(liveness.StoredAtEnd(block), (seen, b) => seen | liveness.LiveIn(b)),
        _ => ulong.MaxValue,
    };

    private void SettleAll(IrInstruction before, RegisterSet seen)
    {
        foreach (var register in RegisterAnalysis.Registers(seen & ulong.MaxValue))
        {
            if (_registers[register] is { } held)
                Settle(held, before);
        }

        // The last first: it stands for those that it depends on.
        while (_owing.Count > 0)
            Add(_owing[^1], before);
    }

    private void Settle(IrInstruction value, IrInstruction before)
    {
        if (_raw.Remove(value))
            Add(value, before);
    }

    private void Add(IrInstruction value, IrInstruction before)
    {
        var registers = 0UL;
        for (var r = 0; r < _registers.Length; r++)
        {
            if (_registers[r] == value)
                registers |= 1UL << r;
        }

        var products = new List<IrInstruction>();
        Collect(value, [], products);
        if (!_before.TryGetValue(before, out var list))
            _before.Add(before, list = []);
        list.Add(new NaNSettlement(value, registers, products));
    }

    /// <summary>Moves the owing operations that <paramref name="from"/> inherits from to <paramref name="products"/>.</summary>
    private void Collect(IrInstruction from, HashSet<IrInstruction> seen, List<IrInstruction> products)
    {
        if (!seen.Add(from) || !_sources.TryGetValue(from, out var sources))
            return;
        if (_owing.Remove(from))
            products.Add(from);
        foreach (var source in sources)
            Collect(source, seen, products);
    }
}
