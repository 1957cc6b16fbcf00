using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.Lifting.RiscV;

/// <summary>A: load-reserved, store-conditional and atomic memory operations (chapter 14).</summary>
/// <remarks>
/// Every atomic here is sequentially consistent, which serves all aq/rl combinations. A misaligned address faults
/// before the bounds check: Linux reports SIGBUS either way, and no access is made.
/// </remarks>
public sealed partial class RiscVLifter
{
    private IrInstruction AtomicAddress(CapabilityAccess kind, MemoryAccess access, in RiscVInstruction i)
    {
        var isStore = kind != CapabilityAccess.Load;
        var address = Authorise(kind, access, i);
        if (i.Authority != MemoryAuthority.None)
            CheckAlignment(address, IrSignature.SizeOf(access), isStore);
        else
            _b.Append(new IrInstruction(IrOp.CheckAlignment, IrType.Void, address) { Immediate = IrSignature.SizeOf(access) });
        _b.Check(address, 0, isStore);
        return address;
    }

    private void LoadReserved(MemoryAccess access, in RiscVInstruction i)
        => _b.SetX(i.Rd, _b.Append(new IrInstruction(IrOp.LoadReserved, IrType.I64, AtomicAddress(CapabilityAccess.Load, access, i)) { Access = access }));

    private void StoreConditional(MemoryAccess access, in RiscVInstruction i)
    {
        var address = AtomicAddress(CapabilityAccess.Store, access, i);
        var failed = _b.Append(new IrInstruction(IrOp.StoreConditional, IrType.I64, address, _b.GetX(i.Rs2)) { Access = access });
        if (i.Authority != MemoryAuthority.None)
            ClearTags(access, address, 0, failed);
        _b.SetX(i.Rd, failed);
    }

    private void Amo(AmoKind kind, MemoryAccess access, in RiscVInstruction i)
    {
        var address = AtomicAddress(CapabilityAccess.Update, access, i);
        var old = _b.Append(new IrInstruction(IrOp.Amo, IrType.I64, address, _b.GetX(i.Rs2)) { Access = access, Amo = kind });
        if (i.Authority != MemoryAuthority.None)
            ClearTags(access, address, 0, _b.Const(0));
        _b.SetX(i.Rd, old);
    }

    /// <inheritdoc/>
    protected override void VisitLrW(in RiscVInstruction i) => LoadReserved(MemoryAccess.I32, i);

    /// <inheritdoc/>
    protected override void VisitScW(in RiscVInstruction i) => StoreConditional(MemoryAccess.I32, i);

    /// <inheritdoc/>
    protected override void VisitAmoswapW(in RiscVInstruction i) => Amo(AmoKind.Swap, MemoryAccess.I32, i);

    /// <inheritdoc/>
    protected override void VisitAmoaddW(in RiscVInstruction i) => Amo(AmoKind.Add, MemoryAccess.I32, i);

    /// <inheritdoc/>
    protected override void VisitAmoxorW(in RiscVInstruction i) => Amo(AmoKind.Xor, MemoryAccess.I32, i);

    /// <inheritdoc/>
    protected override void VisitAmoandW(in RiscVInstruction i) => Amo(AmoKind.And, MemoryAccess.I32, i);

    /// <inheritdoc/>
    protected override void VisitAmoorW(in RiscVInstruction i) => Amo(AmoKind.Or, MemoryAccess.I32, i);

    /// <inheritdoc/>
    protected override void VisitAmominW(in RiscVInstruction i) => Amo(AmoKind.Min, MemoryAccess.I32, i);

    /// <inheritdoc/>
    protected override void VisitAmomaxW(in RiscVInstruction i) => Amo(AmoKind.Max, MemoryAccess.I32, i);

    /// <inheritdoc/>
    protected override void VisitAmominuW(in RiscVInstruction i) => Amo(AmoKind.MinU, MemoryAccess.I32, i);

    /// <inheritdoc/>
    protected override void VisitAmomaxuW(in RiscVInstruction i) => Amo(AmoKind.MaxU, MemoryAccess.I32, i);

    /// <inheritdoc/>
    protected override void VisitLrD(in RiscVInstruction i) => LoadReserved(MemoryAccess.I64, i);

    /// <inheritdoc/>
    protected override void VisitScD(in RiscVInstruction i) => StoreConditional(MemoryAccess.I64, i);

    /// <inheritdoc/>
    protected override void VisitAmoswapD(in RiscVInstruction i) => Amo(AmoKind.Swap, MemoryAccess.I64, i);

    /// <inheritdoc/>
    protected override void VisitAmoaddD(in RiscVInstruction i) => Amo(AmoKind.Add, MemoryAccess.I64, i);

    /// <inheritdoc/>
    protected override void VisitAmoxorD(in RiscVInstruction i) => Amo(AmoKind.Xor, MemoryAccess.I64, i);

    /// <inheritdoc/>
    protected override void VisitAmoandD(in RiscVInstruction i) => Amo(AmoKind.And, MemoryAccess.I64, i);

    /// <inheritdoc/>
    protected override void VisitAmoorD(in RiscVInstruction i) => Amo(AmoKind.Or, MemoryAccess.I64, i);

    /// <inheritdoc/>
    protected override void VisitAmominD(in RiscVInstruction i) => Amo(AmoKind.Min, MemoryAccess.I64, i);

    /// <inheritdoc/>
    protected override void VisitAmomaxD(in RiscVInstruction i) => Amo(AmoKind.Max, MemoryAccess.I64, i);

    /// <inheritdoc/>
    protected override void VisitAmominuD(in RiscVInstruction i) => Amo(AmoKind.MinU, MemoryAccess.I64, i);

    /// <inheritdoc/>
    protected override void VisitAmomaxuD(in RiscVInstruction i) => Amo(AmoKind.MaxU, MemoryAccess.I64, i);
}
