using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.Lifting.RiscV;

/// <summary>M, Zba, Zbb, Zbs and Zicond.</summary>
public sealed partial class RiscVLifter
{
    // ---- 28.4.1 Zba
    private void ShiftAdd(int shift, IrInstruction index, in RiscVInstruction i)
    {
        var scaled = shift == 0 ? index : _b.Binary(IrOp.ShiftLeft, index, _b.Const32(shift));
        _b.SetX(i.Rd, _b.Binary(IrOp.Add, scaled, _b.GetX(i.Rs2)));
    }

    private IrInstruction ZeroExtendedWord(int register) => _b.ZeroExtend(W(register));

    // ---- 28.4.3 Zbs: one bit
    private IrInstruction BitMask(IrInstruction index) => _b.Binary(IrOp.ShiftLeft, _b.Const(1), index);

    private IrInstruction BitIndex(in RiscVInstruction i) => _b.Truncate(_b.GetX(i.Rs2));

    private void BitClear(IrInstruction index, in RiscVInstruction i)
        => _b.SetX(i.Rd, _b.Binary(IrOp.And, _b.GetX(i.Rs1), Not(BitMask(index))));

    private void BitExtract(IrInstruction index, in RiscVInstruction i)
        => _b.SetX(i.Rd, _b.Binary(IrOp.And, _b.Binary(IrOp.ShiftRightU, _b.GetX(i.Rs1), index), _b.Const(1)));

    private void BitWith(IrOp op, IrInstruction index, in RiscVInstruction i)
        => _b.SetX(i.Rd, _b.Binary(op, _b.GetX(i.Rs1), BitMask(index)));

    private void UnaryX(IrOp op, in RiscVInstruction i) => _b.SetX(i.Rd, _b.Unary(op, _b.GetX(i.Rs1)));

    /// <summary>Counting operations: the W forms yield a small non-negative number, so either extension serves.</summary>
    private void CountW(IrOp op, in RiscVInstruction i) => SetW(i.Rd, _b.Unary(op, W(i.Rs1)));

    // ---- 12.1 Zicond
    private void ConditionalZero(IrOp zeroWhen, in RiscVInstruction i)
        => _b.SetX(i.Rd, _b.Append(new IrInstruction(IrOp.Select, IrType.I64, _b.Compare(zeroWhen, _b.GetX(i.Rs2), _b.Const(0)), _b.Const(0), _b.GetX(i.Rs1))));

    /// <inheritdoc/>
    protected override void VisitMul(in RiscVInstruction i) => Register(IrOp.Mul, i);

    /// <inheritdoc/>
    protected override void VisitMulh(in RiscVInstruction i) => Register(IrOp.MulHighS, i);

    /// <inheritdoc/>
    protected override void VisitMulhu(in RiscVInstruction i) => Register(IrOp.MulHighU, i);

    /// <inheritdoc/>
    protected override void VisitMulhsu(in RiscVInstruction i) => Register(IrOp.MulHighSU, i);

    /// <inheritdoc/>
    protected override void VisitDiv(in RiscVInstruction i) => Register(IrOp.DivS, i);

    /// <inheritdoc/>
    protected override void VisitDivu(in RiscVInstruction i) => Register(IrOp.DivU, i);

    /// <inheritdoc/>
    protected override void VisitRem(in RiscVInstruction i) => Register(IrOp.RemS, i);

    /// <inheritdoc/>
    protected override void VisitRemu(in RiscVInstruction i) => Register(IrOp.RemU, i);

    /// <inheritdoc/>
    protected override void VisitMin(in RiscVInstruction i) => Register(IrOp.MinS, i);

    /// <inheritdoc/>
    protected override void VisitMax(in RiscVInstruction i) => Register(IrOp.MaxS, i);

    /// <inheritdoc/>
    protected override void VisitMinu(in RiscVInstruction i) => Register(IrOp.MinU, i);

    /// <inheritdoc/>
    protected override void VisitMaxu(in RiscVInstruction i) => Register(IrOp.MaxU, i);

    /// <inheritdoc/>
    protected override void VisitMulw(in RiscVInstruction i) => RegisterW(IrOp.Mul, i);

    /// <inheritdoc/>
    protected override void VisitDivw(in RiscVInstruction i) => RegisterW(IrOp.DivS, i);

    /// <inheritdoc/>
    protected override void VisitDivuw(in RiscVInstruction i) => RegisterW(IrOp.DivU, i);

    /// <inheritdoc/>
    protected override void VisitRemw(in RiscVInstruction i) => RegisterW(IrOp.RemS, i);

    /// <inheritdoc/>
    protected override void VisitRemuw(in RiscVInstruction i) => RegisterW(IrOp.RemU, i);

    /// <inheritdoc/>
    protected override void VisitRolw(in RiscVInstruction i) => RegisterW(IrOp.RotateLeft, i);

    /// <inheritdoc/>
    protected override void VisitRorw(in RiscVInstruction i) => RegisterW(IrOp.RotateRight, i);

    /// <inheritdoc/>
    protected override void VisitAndn(in RiscVInstruction i) => RegisterInverted(IrOp.And, i);

    /// <inheritdoc/>
    protected override void VisitOrn(in RiscVInstruction i) => RegisterInverted(IrOp.Or, i);

    /// <inheritdoc/>
    protected override void VisitXnor(in RiscVInstruction i) => RegisterInverted(IrOp.Xor, i);

    /// <inheritdoc/>
    protected override void VisitRol(in RiscVInstruction i) => ShiftRegister(IrOp.RotateLeft, i);

    /// <inheritdoc/>
    protected override void VisitRor(in RiscVInstruction i) => ShiftRegister(IrOp.RotateRight, i);

    /// <inheritdoc/>
    protected override void VisitRori(in RiscVInstruction i) => ShiftImmediate(IrOp.RotateRight, i);

    /// <inheritdoc/>
    protected override void VisitRoriw(in RiscVInstruction i) => ImmediateW(IrOp.RotateRight, i);

    /// <inheritdoc/>
    protected override void VisitClz(in RiscVInstruction i) => UnaryX(IrOp.CountLeadingZeros, i);

    /// <inheritdoc/>
    protected override void VisitCtz(in RiscVInstruction i) => UnaryX(IrOp.CountTrailingZeros, i);

    /// <inheritdoc/>
    protected override void VisitCpop(in RiscVInstruction i) => UnaryX(IrOp.PopCount, i);

    /// <inheritdoc/>
    protected override void VisitRev8(in RiscVInstruction i) => UnaryX(IrOp.ByteSwap, i);

    /// <inheritdoc/>
    protected override void VisitOrcB(in RiscVInstruction i) => UnaryX(IrOp.OrCombine, i);

    /// <inheritdoc/>
    protected override void VisitSextB(in RiscVInstruction i) => UnaryX(IrOp.SignExtend8, i);

    /// <inheritdoc/>
    protected override void VisitSextH(in RiscVInstruction i) => UnaryX(IrOp.SignExtend16, i);

    /// <inheritdoc/>
    protected override void VisitClzw(in RiscVInstruction i) => CountW(IrOp.CountLeadingZeros, i);

    /// <inheritdoc/>
    protected override void VisitCtzw(in RiscVInstruction i) => CountW(IrOp.CountTrailingZeros, i);

    /// <inheritdoc/>
    protected override void VisitCpopw(in RiscVInstruction i) => CountW(IrOp.PopCount, i);

    /// <inheritdoc/>
    protected override void VisitZextH(in RiscVInstruction i) => _b.SetX(i.Rd, _b.Binary(IrOp.And, _b.GetX(i.Rs1), _b.Const(0xffff)));

    /// <inheritdoc/>
    protected override void VisitSh1add(in RiscVInstruction i) => ShiftAdd(1, _b.GetX(i.Rs1), i);

    /// <inheritdoc/>
    protected override void VisitSh1addUw(in RiscVInstruction i) => ShiftAdd(1, ZeroExtendedWord(i.Rs1), i);

    /// <inheritdoc/>
    protected override void VisitSh2add(in RiscVInstruction i) => ShiftAdd(2, _b.GetX(i.Rs1), i);

    /// <inheritdoc/>
    protected override void VisitSh2addUw(in RiscVInstruction i) => ShiftAdd(2, ZeroExtendedWord(i.Rs1), i);

    /// <inheritdoc/>
    protected override void VisitSh3add(in RiscVInstruction i) => ShiftAdd(3, _b.GetX(i.Rs1), i);

    /// <inheritdoc/>
    protected override void VisitSh3addUw(in RiscVInstruction i) => ShiftAdd(3, ZeroExtendedWord(i.Rs1), i);

    /// <inheritdoc/>
    protected override void VisitAddUw(in RiscVInstruction i) => ShiftAdd(0, ZeroExtendedWord(i.Rs1), i);

    /// <inheritdoc/>
    protected override void VisitSlliUw(in RiscVInstruction i) => _b.SetX(i.Rd, _b.Binary(IrOp.ShiftLeft, ZeroExtendedWord(i.Rs1), _b.Const32((int)i.Immediate)));

    /// <inheritdoc/>
    protected override void VisitBclr(in RiscVInstruction i) => BitClear(BitIndex(i), i);

    /// <inheritdoc/>
    protected override void VisitBext(in RiscVInstruction i) => BitExtract(BitIndex(i), i);

    /// <inheritdoc/>
    protected override void VisitBinv(in RiscVInstruction i) => BitWith(IrOp.Xor, BitIndex(i), i);

    /// <inheritdoc/>
    protected override void VisitBset(in RiscVInstruction i) => BitWith(IrOp.Or, BitIndex(i), i);

    /// <inheritdoc/>
    protected override void VisitBclri(in RiscVInstruction i) => BitClear(_b.Const32((int)i.Immediate), i);

    /// <inheritdoc/>
    protected override void VisitBexti(in RiscVInstruction i) => BitExtract(_b.Const32((int)i.Immediate), i);

    /// <inheritdoc/>
    protected override void VisitBinvi(in RiscVInstruction i) => BitWith(IrOp.Xor, _b.Const32((int)i.Immediate), i);

    /// <inheritdoc/>
    protected override void VisitBseti(in RiscVInstruction i) => BitWith(IrOp.Or, _b.Const32((int)i.Immediate), i);

    /// <inheritdoc/>
    protected override void VisitCzeroEqz(in RiscVInstruction i) => ConditionalZero(IrOp.Eq, i);

    /// <inheritdoc/>
    protected override void VisitCzeroNez(in RiscVInstruction i) => ConditionalZero(IrOp.Ne, i);
}
