using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.Lifting.RiscV;

/// <summary>F, D and Zicsr (chapters 6, 20, 21). Rounding mode 7 is dynamic; 5 and 6 do not decode.</summary>
public sealed partial class RiscVLifter
{
    private const int CsrFlags = 0x001;
    private const int CsrRounding = 0x002;
    private const int CsrFcsr = 0x003;

    /// <summary>uccsr, which user mode can read: what CHERI is like (CHERI ISAv9, "Capability control and status registers").</summary>
    private const int CsrCheri = 0x8C0;

    /// <summary>Enabled (bit 0), addresses are not relative to DDC and PCC (30), tags are cleared instead of faulting (31).</summary>
    private const long CheriFeatures = 0xC0000001;

    private IrInstruction Single(int register) => _b.To(IrOp.Unbox, IrType.F32, _b.GetF(register));

    private IrInstruction Operand(IrType type, int register) => type == IrType.F32 ? Single(register) : _b.GetF(register);

    private void Result(int register, IrInstruction value)
        => _b.SetF(register, value.Type == IrType.F32 ? _b.To(IrOp.Box, IrType.F64, value) : value);

    private void Arithmetic(IrOp op, IrType type, in RiscVInstruction i)
    {
        var a = Operand(type, i.Rs1);
        var b = op == IrOp.FSqrt ? null : Operand(type, i.Rs2);
        Result(i.Rd, _b.Append(new IrInstruction(op, type, a, b) { Immediate = i.RoundingMode }));
    }

    /// <summary>21.6: (negateProduct ? - : +)(rs1 * rs2) (negateAddend ? - : +) rs3, rounded once.</summary>
    private void Fused(IrType type, bool negateProduct, bool negateAddend, in RiscVInstruction i)
    {
        var a = Operand(type, i.Rs1);
        var b = Operand(type, i.Rs2);
        var c = Operand(type, i.Rs3);
        if (negateProduct)
            a = _b.Unary(IrOp.FNeg, a);
        if (negateAddend)
            c = _b.Unary(IrOp.FNeg, c);
        Result(i.Rd, _b.Append(new IrInstruction(IrOp.FMulAdd, type, a, b, c) { Immediate = i.RoundingMode }));
    }

    private void MinMax(IrOp op, IrType type, in RiscVInstruction i)
        => Result(i.Rd, _b.Binary(op, Operand(type, i.Rs1), Operand(type, i.Rs2)));

    /// <summary>fsgnj rd, rs, rs is fmv and moves any bit pattern; the same register twice makes fneg and fabs.</summary>
    private void SignInject(IrType type, in RiscVInstruction i)
    {
        var a = Operand(type, i.Rs1);
        Result(i.Rd, i.Rs1 == i.Rs2 ? a : _b.Binary(IrOp.FCopySign, a, Operand(type, i.Rs2)));
    }

    private void SignInjectNegated(IrType type, in RiscVInstruction i)
    {
        var a = Operand(type, i.Rs1);
        Result(i.Rd, i.Rs1 == i.Rs2 ? _b.Unary(IrOp.FNeg, a) : _b.Binary(IrOp.FCopySign, a, _b.Unary(IrOp.FNeg, Operand(type, i.Rs2))));
    }

    /// <summary>The sign becomes the exclusive or of both signs: invert rs1 where rs2 is negative.</summary>
    private void SignInjectXor(IrType type, in RiscVInstruction i)
    {
        var a = Operand(type, i.Rs1);
        if (i.Rs1 == i.Rs2)
        {
            Result(i.Rd, _b.Unary(IrOp.FAbs, a));
            return;
        }

        var sign = _b.Binary(IrOp.And, RawBits(Operand(type, i.Rs2)), _b.Const(type == IrType.F32 ? 1L << 31 : long.MinValue));
        var bits = _b.Binary(IrOp.Xor, RawBits(a), sign);
        _b.SetF(i.Rd, _b.To(IrOp.FromBits, IrType.F64, bits));
    }

    /// <summary>The register image of a value: a single stays NaN-boxed.</summary>
    private IrInstruction RawBits(IrInstruction value)
        => _b.To(IrOp.Bits, IrType.I64, value.Type == IrType.F32 ? _b.To(IrOp.Box, IrType.F64, value) : value);

    private void FloatCompare(IrOp op, IrType type, in RiscVInstruction i)
        => _b.SetX(i.Rd, _b.ZeroExtend(_b.Compare(op, Operand(type, i.Rs1), Operand(type, i.Rs2))));

    private void ToInteger(IrType type, IntegerFormat format, in RiscVInstruction i)
        => _b.SetX(i.Rd, _b.Append(new IrInstruction(IrOp.FToInteger, IrType.I64, Operand(type, i.Rs1)) { Format = format, Immediate = i.RoundingMode }));

    private void FromInteger(IrType type, IntegerFormat format, in RiscVInstruction i)
        => Result(i.Rd, _b.Append(new IrInstruction(IrOp.IntegerToF, type, _b.GetX(i.Rs1)) { Format = format, Immediate = i.RoundingMode }));

    private void FloatConvert(IrType from, IrType to, in RiscVInstruction i)
        => Result(i.Rd, _b.Append(new IrInstruction(IrOp.FConvert, to, Operand(from, i.Rs1)) { Immediate = i.RoundingMode }));

    private void Class(IrType type, in RiscVInstruction i) => _b.SetX(i.Rd, _b.To(IrOp.FClass, IrType.I64, Operand(type, i.Rs1)));

    /// <inheritdoc/>
    protected override void VisitFlw(in RiscVInstruction i)
        => Result(i.Rd, LoadValue(MemoryAccess.F32, i));

    /// <inheritdoc/>
    protected override void VisitFld(in RiscVInstruction i)
        => Result(i.Rd, LoadValue(MemoryAccess.F64, i));

    /// <summary>21.2: stores the low 32 bits whatever the boxing.</summary>
    protected override void VisitFsw(in RiscVInstruction i)
        => StoreValue(MemoryAccess.I32, Authorise(CapabilityAccess.Store, MemoryAccess.I32, i), _b.To(IrOp.Bits, IrType.I64, _b.GetF(i.Rs2)), i);

    /// <inheritdoc/>
    protected override void VisitFsd(in RiscVInstruction i)
        => StoreValue(MemoryAccess.F64, Authorise(CapabilityAccess.Store, MemoryAccess.F64, i), _b.GetF(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitFmvXW(in RiscVInstruction i) => SetW(i.Rd, _b.Truncate(_b.To(IrOp.Bits, IrType.I64, _b.GetF(i.Rs1))));

    /// <inheritdoc/>
    protected override void VisitFmvWX(in RiscVInstruction i)
        => _b.SetF(i.Rd, _b.To(IrOp.FromBits, IrType.F64, _b.Binary(IrOp.Or, _b.GetX(i.Rs1), _b.Const(unchecked((long)0xffff_ffff_0000_0000)))));

    /// <inheritdoc/>
    protected override void VisitFmvXD(in RiscVInstruction i) => _b.SetX(i.Rd, _b.To(IrOp.Bits, IrType.I64, _b.GetF(i.Rs1)));

    /// <inheritdoc/>
    protected override void VisitFmvDX(in RiscVInstruction i) => _b.SetF(i.Rd, _b.To(IrOp.FromBits, IrType.F64, _b.GetX(i.Rs1)));

    /// <inheritdoc/>
    protected override void VisitFcvtSD(in RiscVInstruction i) => FloatConvert(IrType.F64, IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFcvtDS(in RiscVInstruction i) => FloatConvert(IrType.F32, IrType.F64, i);

    // ---- chapter 6, CSR instructions
    /// <summary>cycle, time and instret, and a counter of the platform for its vDSO.</summary>
    private static bool IsCounter(long csr) => csr is 0xC00 or 0xC01 or 0xC02 or 0xCC0;

    /// <summary>
    /// Reads, then writes when <paramref name="writes"/>: rs1 or an immediate combined with the old value. CSRs other than
    /// fcsr's three views, the read-only user counters and CHERI's uccsr are illegal instructions. With CHERI only uccsr needs
    /// Access_System_Registers.
    /// </summary>
    private void Csr(in RiscVInstruction i, bool writes, Func<IrInstruction, IrInstruction> combine)
    {
        if (i.Immediate == CsrCheri && i.Isa != RiscVIsa.Rv64)
        {
            // All of its fields are read-only: writes are ignored.
            _b.Append(new IrInstruction(IrOp.CapCheckSystem, IrType.Void));
            _b.SetX(i.Rd, _b.Const(CheriFeatures));
            return;
        }

        if (i.Immediate is not (CsrFlags or CsrRounding or CsrFcsr) && (writes || !IsCounter(i.Immediate)))
        {
            _b.Trap(GuestFaultKind.IllegalInstruction, i.Address);
            return;
        }

        var old = ReadCsr((int)i.Immediate);
        if (writes)
        {
            var value = combine(old);
            _b.SetX(i.Rd, old);
            WriteCsr((int)i.Immediate, value);
            if (i.Immediate != CsrFlags)
                _flow.PollAt(Next(i));
        }
        else
        {
            _b.SetX(i.Rd, old);
        }
    }

    private IrInstruction ReadCsr(int csr)
    {
        IrInstruction Flags() => _b.Append(new IrInstruction(IrOp.ReadFlags, IrType.I64));
        IrInstruction Rounding() => _b.Append(new IrInstruction(IrOp.ReadRounding, IrType.I64));
        return csr switch
        {
            CsrFlags => Flags(),
            CsrRounding => Rounding(),
            CsrFcsr => _b.Binary(IrOp.Or, _b.Binary(IrOp.ShiftLeft, Rounding(), _b.Const32(5)), Flags()),
            _ => _b.Append(new IrInstruction(IrOp.ReadCounter, IrType.I64) { Immediate = csr }),
        };
    }

    private void WriteCsr(int csr, IrInstruction value)
    {
        if (csr != CsrRounding)
            _b.To(IrOp.WriteFlags, IrType.Void, value);
        if (csr == CsrRounding)
            _b.To(IrOp.WriteRounding, IrType.Void, value);
        else if (csr == CsrFcsr)
            _b.To(IrOp.WriteRounding, IrType.Void, _b.Binary(IrOp.ShiftRightU, value, _b.Const32(5)));
    }

    private IrInstruction CsrSource(bool immediate, int field) => immediate ? _b.Const(field) : _b.GetX(field);

    /// <inheritdoc/>
    protected override void VisitCsrrw(in RiscVInstruction i)
    {
        var source = CsrSource(false, i.Rs1);
        Csr(i, writes: true, _ => source);
    }

    /// <inheritdoc/>
    protected override void VisitCsrrs(in RiscVInstruction i)
    {
        var source = CsrSource(false, i.Rs1);
        Csr(i, writes: i.Rs1 != 0, old => _b.Binary(IrOp.Or, old, source));
    }

    /// <inheritdoc/>
    protected override void VisitCsrrc(in RiscVInstruction i)
    {
        var source = CsrSource(false, i.Rs1);
        Csr(i, writes: i.Rs1 != 0, old => _b.Binary(IrOp.And, old, Not(source)));
    }

    /// <inheritdoc/>
    protected override void VisitCsrrwi(in RiscVInstruction i)
    {
        var source = CsrSource(true, i.Rs1);
        Csr(i, writes: true, _ => source);
    }

    /// <inheritdoc/>
    protected override void VisitCsrrsi(in RiscVInstruction i)
    {
        var source = CsrSource(true, i.Rs1);
        Csr(i, writes: i.Rs1 != 0, old => _b.Binary(IrOp.Or, old, source));
    }

    /// <inheritdoc/>
    protected override void VisitCsrrci(in RiscVInstruction i)
    {
        var source = CsrSource(true, i.Rs1);
        Csr(i, writes: i.Rs1 != 0, old => _b.Binary(IrOp.And, old, Not(source)));
    }

    /// <inheritdoc/>
    protected override void VisitFaddS(in RiscVInstruction i) => Arithmetic(IrOp.FAdd, IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFsubS(in RiscVInstruction i) => Arithmetic(IrOp.FSub, IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFmulS(in RiscVInstruction i) => Arithmetic(IrOp.FMul, IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFdivS(in RiscVInstruction i) => Arithmetic(IrOp.FDiv, IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFsqrtS(in RiscVInstruction i) => Arithmetic(IrOp.FSqrt, IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFmaddS(in RiscVInstruction i) => Fused(IrType.F32, false, false, i);

    /// <inheritdoc/>
    protected override void VisitFmsubS(in RiscVInstruction i) => Fused(IrType.F32, false, true, i);

    /// <inheritdoc/>
    protected override void VisitFnmsubS(in RiscVInstruction i) => Fused(IrType.F32, true, false, i);

    /// <inheritdoc/>
    protected override void VisitFnmaddS(in RiscVInstruction i) => Fused(IrType.F32, true, true, i);

    /// <inheritdoc/>
    protected override void VisitFminS(in RiscVInstruction i) => MinMax(IrOp.FMin, IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFmaxS(in RiscVInstruction i) => MinMax(IrOp.FMax, IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFsgnjS(in RiscVInstruction i) => SignInject(IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFsgnjnS(in RiscVInstruction i) => SignInjectNegated(IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFsgnjxS(in RiscVInstruction i) => SignInjectXor(IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFeqS(in RiscVInstruction i) => FloatCompare(IrOp.FEq, IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFltS(in RiscVInstruction i) => FloatCompare(IrOp.FLt, IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFleS(in RiscVInstruction i) => FloatCompare(IrOp.FLe, IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFclassS(in RiscVInstruction i) => Class(IrType.F32, i);

    /// <inheritdoc/>
    protected override void VisitFcvtWS(in RiscVInstruction i) => ToInteger(IrType.F32, IntegerFormat.W, i);

    /// <inheritdoc/>
    protected override void VisitFcvtSW(in RiscVInstruction i) => FromInteger(IrType.F32, IntegerFormat.W, i);

    /// <inheritdoc/>
    protected override void VisitFcvtWuS(in RiscVInstruction i) => ToInteger(IrType.F32, IntegerFormat.WU, i);

    /// <inheritdoc/>
    protected override void VisitFcvtSWu(in RiscVInstruction i) => FromInteger(IrType.F32, IntegerFormat.WU, i);

    /// <inheritdoc/>
    protected override void VisitFcvtLS(in RiscVInstruction i) => ToInteger(IrType.F32, IntegerFormat.L, i);

    /// <inheritdoc/>
    protected override void VisitFcvtSL(in RiscVInstruction i) => FromInteger(IrType.F32, IntegerFormat.L, i);

    /// <inheritdoc/>
    protected override void VisitFcvtLuS(in RiscVInstruction i) => ToInteger(IrType.F32, IntegerFormat.LU, i);

    /// <inheritdoc/>
    protected override void VisitFcvtSLu(in RiscVInstruction i) => FromInteger(IrType.F32, IntegerFormat.LU, i);

    /// <inheritdoc/>
    protected override void VisitFaddD(in RiscVInstruction i) => Arithmetic(IrOp.FAdd, IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFsubD(in RiscVInstruction i) => Arithmetic(IrOp.FSub, IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFmulD(in RiscVInstruction i) => Arithmetic(IrOp.FMul, IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFdivD(in RiscVInstruction i) => Arithmetic(IrOp.FDiv, IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFsqrtD(in RiscVInstruction i) => Arithmetic(IrOp.FSqrt, IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFmaddD(in RiscVInstruction i) => Fused(IrType.F64, false, false, i);

    /// <inheritdoc/>
    protected override void VisitFmsubD(in RiscVInstruction i) => Fused(IrType.F64, false, true, i);

    /// <inheritdoc/>
    protected override void VisitFnmsubD(in RiscVInstruction i) => Fused(IrType.F64, true, false, i);

    /// <inheritdoc/>
    protected override void VisitFnmaddD(in RiscVInstruction i) => Fused(IrType.F64, true, true, i);

    /// <inheritdoc/>
    protected override void VisitFminD(in RiscVInstruction i) => MinMax(IrOp.FMin, IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFmaxD(in RiscVInstruction i) => MinMax(IrOp.FMax, IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFsgnjD(in RiscVInstruction i) => SignInject(IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFsgnjnD(in RiscVInstruction i) => SignInjectNegated(IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFsgnjxD(in RiscVInstruction i) => SignInjectXor(IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFeqD(in RiscVInstruction i) => FloatCompare(IrOp.FEq, IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFltD(in RiscVInstruction i) => FloatCompare(IrOp.FLt, IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFleD(in RiscVInstruction i) => FloatCompare(IrOp.FLe, IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFclassD(in RiscVInstruction i) => Class(IrType.F64, i);

    /// <inheritdoc/>
    protected override void VisitFcvtWD(in RiscVInstruction i) => ToInteger(IrType.F64, IntegerFormat.W, i);

    /// <inheritdoc/>
    protected override void VisitFcvtDW(in RiscVInstruction i) => FromInteger(IrType.F64, IntegerFormat.W, i);

    /// <inheritdoc/>
    protected override void VisitFcvtWuD(in RiscVInstruction i) => ToInteger(IrType.F64, IntegerFormat.WU, i);

    /// <inheritdoc/>
    protected override void VisitFcvtDWu(in RiscVInstruction i) => FromInteger(IrType.F64, IntegerFormat.WU, i);

    /// <inheritdoc/>
    protected override void VisitFcvtLD(in RiscVInstruction i) => ToInteger(IrType.F64, IntegerFormat.L, i);

    /// <inheritdoc/>
    protected override void VisitFcvtDL(in RiscVInstruction i) => FromInteger(IrType.F64, IntegerFormat.L, i);

    /// <inheritdoc/>
    protected override void VisitFcvtLuD(in RiscVInstruction i) => ToInteger(IrType.F64, IntegerFormat.LU, i);

    /// <inheritdoc/>
    protected override void VisitFcvtDLu(in RiscVInstruction i) => FromInteger(IrType.F64, IntegerFormat.LU, i);
}
