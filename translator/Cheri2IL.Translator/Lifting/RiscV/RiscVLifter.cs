using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.Lifting.RiscV;

/// <summary>
/// The semantics of RV64GC and its extensions, CHERI-RISC-V among them, written once: turns each guest instruction into IR. Straight-line
/// instructions append to the current block; control transfers end it through <see cref="IControlFlow"/>.
/// </summary>
/// <remarks>Sections cited are those of the RISC-V unprivileged specification, 20240411.</remarks>
public sealed partial class RiscVLifter(IrBuilder builder, IControlFlow flow) : CheriVisitor
{
    private readonly IrBuilder _b = builder;
    private readonly IControlFlow _flow = flow;

    /// <summary>Where the next instruction is.</summary>
    private static long Next(in RiscVInstruction i) => i.Address + i.Length;

    // ---- 2.4.1, 2.4.2 integer computation
    private void Immediate(IrOp op, in RiscVInstruction i) => _b.SetX(i.Rd, _b.Binary(op, _b.GetX(i.Rs1), _b.Const(i.Immediate)));

    private void Register(IrOp op, in RiscVInstruction i) => _b.SetX(i.Rd, _b.Binary(op, _b.GetX(i.Rs1), _b.GetX(i.Rs2)));

    private void RegisterInverted(IrOp op, in RiscVInstruction i)
        => _b.SetX(i.Rd, _b.Binary(op, _b.GetX(i.Rs1), Not(_b.GetX(i.Rs2))));

    private IrInstruction Not(IrInstruction a) => _b.Binary(IrOp.Xor, a, _b.Const(-1));

    private void CompareImmediate(IrOp op, in RiscVInstruction i)
        => _b.SetX(i.Rd, _b.ZeroExtend(_b.Compare(op, _b.GetX(i.Rs1), _b.Const(i.Immediate))));

    private void CompareRegister(IrOp op, in RiscVInstruction i)
        => _b.SetX(i.Rd, _b.ZeroExtend(_b.Compare(op, _b.GetX(i.Rs1), _b.GetX(i.Rs2))));

    private void ShiftImmediate(IrOp op, in RiscVInstruction i)
    {
        if (!IsHint(i))
            _b.SetX(i.Rd, _b.Binary(op, _b.GetX(i.Rs1), _b.Const32((int)i.Immediate)));
    }

    private void ShiftRegister(IrOp op, in RiscVInstruction i)
        => _b.SetX(i.Rd, _b.Binary(op, _b.GetX(i.Rs1), _b.Truncate(_b.GetX(i.Rs2))));

    // ---- 4.2 the W forms: 32-bit operation, sign-extended
    private IrInstruction W(int register) => register == 0 ? _b.Const32(0) : _b.Truncate(_b.GetX(register));

    private void SetW(int register, IrInstruction value) => _b.SetX(register, _b.SignExtend(value));

    private void ImmediateW(IrOp op, in RiscVInstruction i) => SetW(i.Rd, _b.Binary(op, W(i.Rs1), _b.Const32((int)i.Immediate)));

    private void RegisterW(IrOp op, in RiscVInstruction i) => SetW(i.Rd, _b.Binary(op, W(i.Rs1), W(i.Rs2)));

    // ---- 2.6 loads and stores
    private IrInstruction LoadValue(MemoryAccess access, in RiscVInstruction i)
        => _b.Load(access, Authorise(CapabilityAccess.Load, access, i), i.Immediate);

    private void Load(MemoryAccess access, in RiscVInstruction i) => _b.SetX(i.Rd, LoadValue(access, i));

    private void StoreValue(MemoryAccess access, IrInstruction address, IrInstruction value, in RiscVInstruction i)
    {
        _b.Store(access, address, i.Immediate, value);
        if (i.Authority != MemoryAuthority.None)
            ClearTags(access, address, i.Immediate, _b.Const(0));
    }

    private void Store(MemoryAccess access, in RiscVInstruction i)
        => StoreValue(access, Authorise(CapabilityAccess.Store, access, i), _b.GetX(i.Rs2), i);

    // ---- 2.5.2 conditional branches
    private void Branch(IrOp op, in RiscVInstruction i)
    {
        var condition = _b.Compare(op, _b.GetX(i.Rs1), _b.GetX(i.Rs2));
        CheckTarget(condition, i.Address + i.Immediate, i);
        _flow.Branch(condition, i.Address + i.Immediate, Next(i));
    }

    /// <inheritdoc/>
    protected override void VisitLui(in RiscVInstruction i) => _b.SetX(i.Rd, _b.Const(i.Immediate));

    /// <inheritdoc/>
    protected override void VisitAuipc(in RiscVInstruction i) => _b.SetX(i.Rd, _b.Const(i.Address + i.Immediate));

    /// <inheritdoc/>
    protected override void VisitAddi(in RiscVInstruction i)
    {
        if (IsHint(i))
            return;
        if (i.Rs1 == 0)
            _b.SetX(i.Rd, _b.Const(i.Immediate));
        else if (i.Immediate == 0)
            _b.SetX(i.Rd, _b.GetX(i.Rs1));
        else
            Immediate(IrOp.Add, i);
    }

    /// <inheritdoc/>
    protected override void VisitSlti(in RiscVInstruction i) => CompareImmediate(IrOp.LtS, i);

    /// <inheritdoc/>
    protected override void VisitSltiu(in RiscVInstruction i) => CompareImmediate(IrOp.LtU, i);

    /// <inheritdoc/>
    protected override void VisitXori(in RiscVInstruction i) => Immediate(IrOp.Xor, i);

    /// <inheritdoc/>
    protected override void VisitOri(in RiscVInstruction i) => Immediate(IrOp.Or, i);

    /// <inheritdoc/>
    protected override void VisitAndi(in RiscVInstruction i) => Immediate(IrOp.And, i);

    /// <inheritdoc/>
    protected override void VisitSlli(in RiscVInstruction i) => ShiftImmediate(IrOp.ShiftLeft, i);

    /// <inheritdoc/>
    protected override void VisitSrli(in RiscVInstruction i) => ShiftImmediate(IrOp.ShiftRightU, i);

    /// <inheritdoc/>
    protected override void VisitSrai(in RiscVInstruction i) => ShiftImmediate(IrOp.ShiftRightS, i);

    /// <inheritdoc/>
    protected override void VisitAdd(in RiscVInstruction i)
    {
        // c.mv and mv expand to add rd, x0, rs2.
        if (i.Rs1 == 0)
            _b.SetX(i.Rd, _b.GetX(i.Rs2));
        else
            Register(IrOp.Add, i);
    }

    /// <inheritdoc/>
    protected override void VisitSub(in RiscVInstruction i) => Register(IrOp.Sub, i);

    /// <inheritdoc/>
    protected override void VisitSll(in RiscVInstruction i) => ShiftRegister(IrOp.ShiftLeft, i);

    /// <inheritdoc/>
    protected override void VisitSlt(in RiscVInstruction i) => CompareRegister(IrOp.LtS, i);

    /// <inheritdoc/>
    protected override void VisitSltu(in RiscVInstruction i) => CompareRegister(IrOp.LtU, i);

    /// <inheritdoc/>
    protected override void VisitXor(in RiscVInstruction i) => Register(IrOp.Xor, i);

    /// <inheritdoc/>
    protected override void VisitSrl(in RiscVInstruction i) => ShiftRegister(IrOp.ShiftRightU, i);

    /// <inheritdoc/>
    protected override void VisitSra(in RiscVInstruction i) => ShiftRegister(IrOp.ShiftRightS, i);

    /// <inheritdoc/>
    protected override void VisitOr(in RiscVInstruction i) => Register(IrOp.Or, i);

    /// <inheritdoc/>
    protected override void VisitAnd(in RiscVInstruction i) => Register(IrOp.And, i);

    /// <inheritdoc/>
    protected override void VisitAddiw(in RiscVInstruction i)
    {
        if (i.Immediate == 0)
            SetW(i.Rd, W(i.Rs1));
        else
            ImmediateW(IrOp.Add, i);
    }

    /// <inheritdoc/>
    protected override void VisitSlliw(in RiscVInstruction i) => ImmediateW(IrOp.ShiftLeft, i);

    /// <inheritdoc/>
    protected override void VisitSrliw(in RiscVInstruction i) => ImmediateW(IrOp.ShiftRightU, i);

    /// <inheritdoc/>
    protected override void VisitSraiw(in RiscVInstruction i) => ImmediateW(IrOp.ShiftRightS, i);

    /// <inheritdoc/>
    protected override void VisitAddw(in RiscVInstruction i) => RegisterW(IrOp.Add, i);

    /// <inheritdoc/>
    protected override void VisitSubw(in RiscVInstruction i) => RegisterW(IrOp.Sub, i);

    /// <inheritdoc/>
    protected override void VisitSllw(in RiscVInstruction i) => RegisterW(IrOp.ShiftLeft, i);

    /// <inheritdoc/>
    protected override void VisitSrlw(in RiscVInstruction i) => RegisterW(IrOp.ShiftRightU, i);

    /// <inheritdoc/>
    protected override void VisitSraw(in RiscVInstruction i) => RegisterW(IrOp.ShiftRightS, i);

    /// <inheritdoc/>
    protected override void VisitLb(in RiscVInstruction i) => Load(MemoryAccess.I8, i);

    /// <inheritdoc/>
    protected override void VisitLh(in RiscVInstruction i) => Load(MemoryAccess.I16, i);

    /// <inheritdoc/>
    protected override void VisitLw(in RiscVInstruction i) => Load(MemoryAccess.I32, i);

    /// <inheritdoc/>
    protected override void VisitLd(in RiscVInstruction i) => Load(MemoryAccess.I64, i);

    /// <inheritdoc/>
    protected override void VisitLbu(in RiscVInstruction i) => Load(MemoryAccess.U8, i);

    /// <inheritdoc/>
    protected override void VisitLhu(in RiscVInstruction i) => Load(MemoryAccess.U16, i);

    /// <inheritdoc/>
    protected override void VisitLwu(in RiscVInstruction i) => Load(MemoryAccess.U32, i);

    /// <inheritdoc/>
    protected override void VisitSb(in RiscVInstruction i) => Store(MemoryAccess.I8, i);

    /// <inheritdoc/>
    protected override void VisitSh(in RiscVInstruction i) => Store(MemoryAccess.I16, i);

    /// <inheritdoc/>
    protected override void VisitSw(in RiscVInstruction i) => Store(MemoryAccess.I32, i);

    /// <inheritdoc/>
    protected override void VisitSd(in RiscVInstruction i) => Store(MemoryAccess.I64, i);

    /// <inheritdoc/>
    protected override void VisitBeq(in RiscVInstruction i) => Branch(IrOp.Eq, i);

    /// <inheritdoc/>
    protected override void VisitBne(in RiscVInstruction i) => Branch(IrOp.Ne, i);

    /// <inheritdoc/>
    protected override void VisitBlt(in RiscVInstruction i) => Branch(IrOp.LtS, i);

    /// <inheritdoc/>
    protected override void VisitBge(in RiscVInstruction i) => Branch(IrOp.GeS, i);

    /// <inheritdoc/>
    protected override void VisitBltu(in RiscVInstruction i) => Branch(IrOp.LtU, i);

    /// <inheritdoc/>
    protected override void VisitBgeu(in RiscVInstruction i) => Branch(IrOp.GeU, i);

    /// <inheritdoc/>
    protected override void VisitJal(in RiscVInstruction i)
    {
        var target = i.Address + i.Immediate;
        CheckTarget(null, target, i);
        if (i.Rd != 0)
            _b.SetX(i.Rd, _b.Const(Next(i)));
        if (i.Rd == GuestRegister.Ra)
            _flow.Call(null, target, Next(i));
        else
            _flow.Jump(target);
    }

    /// <summary>
    /// 2.5.1. The target is read before rd is written, and its bit 0 is cleared. Only x1 is treated as a call's link and
    /// a return's source (an exact choice in every case: other links are plain jumps with a register written).
    /// </summary>
    protected override void VisitJalr(in RiscVInstruction i)
    {
        var constant = _flow.KnownTarget(i);
        IrInstruction? target = null;
        if (constant is null && IsReturn(i))
        {
            // Its odd bit is seen to where the return address is compared.
            target = _b.GetX(i.Rs1);
            if (i.Isa != RiscVIsa.Rv64)
                CheckTarget(null, Even(target));
            _b.Append(new IrInstruction(IrOp.Return, IrType.Void, target));
            return;
        }

        if (constant is null)
        {
            target = _b.GetX(i.Rs1);
            if (i.Immediate != 0)
                target = _b.Binary(IrOp.Add, target, _b.Const(i.Immediate));
            target = Even(target);
        }

        if (i.Isa != RiscVIsa.Rv64)
            CheckTarget(null, target ?? _b.Const(constant!.Value));
        if (i.Rd != 0)
            _b.SetX(i.Rd, _b.Const(Next(i)));
        if (i.Rd == GuestRegister.Ra)
            _flow.Call(target, constant ?? 0, Next(i));
        else if (target is null)
            _flow.Jump(constant!.Value);
        else
            _flow.IndirectJump(i, target);
    }

    private static bool IsReturn(in RiscVInstruction i) => IsJumpTo(i, GuestRegister.Ra);

    /// <summary>Whether a jalr goes to the address in a link register, and links nothing itself.</summary>
    internal static bool IsJumpTo(in RiscVInstruction jalr, byte link) => jalr.Rd == 0 && jalr.Rs1 == link && jalr.Immediate == 0;

    /// <summary>A target of a jump, bit 0 cleared.</summary>
    private IrInstruction Even(IrInstruction target) => _b.Binary(IrOp.And, target, _b.Const(~1L));

    /// <inheritdoc/>
    protected override void VisitFence(in RiscVInstruction i)
        => _b.Append(new IrInstruction(IrOp.Fence, IrType.Void) { Immediate = (i.FencePredecessor << 4) | i.FenceSuccessor });

    /// <inheritdoc/>
    protected override void VisitFenceI(in RiscVInstruction i)
        => _b.Append(new IrInstruction(IrOp.FenceI, IrType.Void) { Immediate = Next(i) });

    /// <inheritdoc/>
    protected override void VisitEcall(in RiscVInstruction i) => _flow.Ecall(Next(i));

    /// <inheritdoc/>
    protected override void VisitEbreak(in RiscVInstruction i) => _b.Trap(GuestFaultKind.Breakpoint, i.Address);
}
