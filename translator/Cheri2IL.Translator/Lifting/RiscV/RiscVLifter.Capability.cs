using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.Lifting.RiscV;

/// <summary>CHERI-RISC-V ISAv9: capability instructions, and what it adds to accesses and jumps of the base ISA.</summary>
/// <remarks>
/// Checks come in the order in which the architecture reports them; what follows the last one cannot fault for a reason of capabilities.
/// An x register and the c register of the same number are one: writing an integer drops tag and metadata
/// (<see cref="IrFunction.HasCapabilities"/>).
/// </remarks>
public sealed partial class RiscVLifter
{
    private const int CapabilityBytes = 16;

    /// <summary>Register that receives CInvoke's data capability.</summary>
    private const int InvokedData = 31;

    /// <summary>
    /// Compressed HINTs that name a register and change nothing. With capabilities that matters, because writing what was read would
    /// make an integer of it; 32-bit instructions do that.
    /// </summary>
    private static bool IsHint(in RiscVInstruction i) =>
        i.Isa != RiscVIsa.Rv64 && i.Length == 2 && i.Rd == i.Rs1 && i.Immediate == 0;

    // ---- memory
    /// <summary>
    /// The address of an access without its immediate, after the check of its authority. An instruction without authority has none to
    /// check.
    /// </summary>
    private IrInstruction Authorise(CapabilityAccess kind, MemoryAccess access, in RiscVInstruction i)
    {
        var address = _b.GetX(i.Rs1);
        if (i.Authority != MemoryAuthority.None)
            CheckAuthority(kind, access, address, i.Immediate, null, i);
        return address;
    }

    /// <summary>The authority of an access, after its check.</summary>
    private IrInstruction CheckAuthority(
        CapabilityAccess kind, MemoryAccess access, IrInstruction address, long offset, IrInstruction? value, in RiscVInstruction i)
    {
        var number = i.Authority == MemoryAuthority.Register ? i.Rs1 : GuestRegister.Ddc;
        var authority = _b.GetC(number);
        _b.Append(new IrInstruction(value == null ? IrOp.CapCheck : IrOp.CapCheckValue, IrType.Void, authority, address, value)
        {
            Register = number,
            Capability = kind,
            Access = access,
            Immediate = offset,
        });
        return authority;
    }

    /// <summary>Address and authority of an access to capabilities: checked, aligned, without offset.</summary>
    private (IrInstruction Address, IrInstruction Authority) CapabilityAddress(
        CapabilityAccess kind, IrInstruction? value, int alignment, bool isStore, in RiscVInstruction i)
    {
        var address = _b.GetX(i.Rs1);
        if (i.Immediate != 0)
            address = _b.Binary(IrOp.Add, address, _b.Const(i.Immediate));
        var authority = CheckAuthority(kind, MemoryAccess.I64, address, 0, value, i);
        CheckAlignment(address, alignment, isStore);
        _b.Check(address, 0, isStore);
        return (address, authority);
    }

    private void CheckAlignment(IrInstruction address, int alignment, bool isStore)
    {
        if (alignment > 1)
            _b.Append(new IrInstruction(IrOp.CapCheckAlignment, IrType.Void, address) { Immediate = alignment, IsStore = isStore });
    }

    private void ClearTags(MemoryAccess access, IrInstruction address, long offset, IrInstruction unless) =>
        _b.Append(new IrInstruction(IrOp.ClearTags, IrType.Void, address, unless) { Access = access, Immediate = offset });

    private void LoadCapability(IrOp op, in RiscVInstruction i)
    {
        var (address, authority) = CapabilityAddress(CapabilityAccess.LoadCapability, null, CapabilityBytes, false, i);
        _b.SetC(i.Rd, _b.Append(new IrInstruction(op, IrType.Cap, address, authority)));
    }

    // ---- control transfer: targets are checked against PCC's bounds by the jump itself
    private void CheckTarget(IrInstruction? condition, long target, in RiscVInstruction i)
    {
        if (i.Isa != RiscVIsa.Rv64)
            CheckTarget(condition, _b.Const(target));
    }

    private void CheckTarget(IrInstruction? condition, IrInstruction target) =>
        _b.Append(new IrInstruction(IrOp.CapCheckTarget, IrType.Void, condition ?? _b.Const32(1), target));

    /// <summary>PCC at the next instruction, sealed as a sentry.</summary>
    private IrInstruction Link(in RiscVInstruction i)
    {
        var next = _b.Binary(IrOp.CapSetAddress, _b.GetC(GuestRegister.Pcc), _b.Const(Next(i)));
        return _b.Unary(IrOp.CapSealEntry, next);
    }

    // ---- values
    private void Field(IrOp op, in RiscVInstruction i) => _b.SetX(i.Rd, _b.To(op, IrType.I64, _b.GetC(i.Rs1)));

    private void Derive(IrOp op, IrInstruction a, IrInstruction b, in RiscVInstruction i) => _b.SetC(i.Rd, _b.Binary(op, a, b));

    private void Test(IrOp op, IrInstruction a, IrInstruction b, in RiscVInstruction i) =>
        _b.SetX(i.Rd, _b.Append(new IrInstruction(op, IrType.I64, a, b)));

    /// <summary>An operand that stands for DDC when it is c0.</summary>
    private IrInstruction OrDdc(int register) => _b.GetC(register == 0 ? GuestRegister.Ddc : register);

    /// <inheritdoc/>
    protected override void VisitLc(in RiscVInstruction i) => LoadCapability(IrOp.CapLoad, i);

    /// <inheritdoc/>
    protected override void VisitLrC(in RiscVInstruction i) => LoadCapability(IrOp.CapLoadReserved, i);

    /// <inheritdoc/>
    protected override void VisitSc(in RiscVInstruction i)
    {
        var value = _b.GetC(i.Rs2);
        var (address, _) = CapabilityAddress(CapabilityAccess.StoreCapability, value, CapabilityBytes, true, i);
        _b.Append(new IrInstruction(IrOp.CapStore, IrType.Void, address, value));
    }

    /// <inheritdoc/>
    protected override void VisitScC(in RiscVInstruction i)
    {
        var value = _b.GetC(i.Rs2);
        var (address, _) = CapabilityAddress(CapabilityAccess.StoreCapability, value, CapabilityBytes, true, i);
        _b.SetX(i.Rd, _b.Append(new IrInstruction(IrOp.CapStoreConditional, IrType.I64, address, value)));
    }

    /// <inheritdoc/>
    protected override void VisitAmoswapC(in RiscVInstruction i)
    {
        var value = _b.GetC(i.Rs2);
        var (address, authority) = CapabilityAddress(CapabilityAccess.SwapCapability, value, CapabilityBytes, true, i);
        _b.SetC(i.Rd, _b.Append(new IrInstruction(IrOp.CapSwap, IrType.Cap, address, value, authority)));
    }

    /// <inheritdoc/>
    protected override void VisitCloadtags(in RiscVInstruction i)
    {
        var (address, _) = CapabilityAddress(CapabilityAccess.LoadTags, null, 4 * CapabilityBytes, false, i);
        _b.SetX(i.Rd, _b.To(IrOp.CapLoadTags, IrType.I64, address));
    }

    /// <summary>PCC's permissions, bounds and mode at another address; the tag goes if the bounds do not reach that far.</summary>
    protected override void VisitAuipcc(in RiscVInstruction i) =>
        Derive(IrOp.CapSetAddress, _b.GetC(GuestRegister.Pcc), _b.Const(i.Address + i.Immediate), i);

    /// <inheritdoc/>
    protected override void VisitCjal(in RiscVInstruction i)
    {
        var target = i.Address + i.Immediate;
        CheckTarget(null, target, i);
        if (i.Rd != 0)
            _b.SetC(i.Rd, Link(i));
        if (i.Rd == GuestRegister.Ra)
            _flow.Call(null, target, Next(i));
        else
            _flow.Jump(target);
    }

    /// <summary>
    /// Jumps to cs1, which becomes PCC without its seal; its flag is the mode of what is there. cs1 is read before cd is written.
    /// </summary>
    protected override void VisitCjalr(in RiscVInstruction i)
    {
        var code = _b.GetC(i.Rs1);
        _b.Append(new IrInstruction(IrOp.CapCheckJump, IrType.Void, code) { Register = i.Rs1, Immediate = i.Immediate });
        var target = _b.GetX(i.Rs1);
        if (i.Immediate != 0)
            target = _b.Binary(IrOp.Add, target, _b.Const(i.Immediate));
        if (i.Rd != 0)
            _b.SetC(i.Rd, Link(i));
        EnterCapability(code);
        if (i.Rd == GuestRegister.Ra)
            _flow.Call(Even(target), 0, Next(i));
        else if (IsReturn(i))
            _b.Append(new IrInstruction(IrOp.Return, IrType.Void, target));
        else
            _b.Append(new IrInstruction(IrOp.TailCall, IrType.Void, Even(target)));
    }

    /// <summary>Enters code and data that were sealed as a pair; there is no link.</summary>
    protected override void VisitCinvoke(in RiscVInstruction i)
    {
        var (code, data) = (_b.GetC(i.Rs1), _b.GetC(i.Rs2));
        _b.Append(new IrInstruction(IrOp.CapCheckInvoke, IrType.Void, code, data) { Register = i.Rs1, Immediate = i.Rs2 });
        var target = Even(_b.GetX(i.Rs1));
        _b.SetC(InvokedData, _b.Unary(IrOp.CapUnsealed, data));
        EnterCapability(code);
        _b.Append(new IrInstruction(IrOp.TailCall, IrType.Void, target));
    }

    private void EnterCapability(IrInstruction code) => _b.SetC(GuestRegister.Pcc, _b.Unary(IrOp.CapUnsealed, code));

    /// <summary>
    /// PCC (read only) and DDC are all that user mode has: others do not exist without the N extension, or are privileged, and are illegal
    /// before any permission counts.
    /// </summary>
    protected override void VisitCspecialrw(in RiscVInstruction i)
    {
        if (i.Rs2 > 1 || (i.Rs2 == 0 && i.Rs1 != 0))
        {
            _b.Trap(GuestFaultKind.IllegalInstruction, i.Address);
            return;
        }

        var number = i.Rs2 == 0 ? GuestRegister.Pcc : GuestRegister.Ddc;
        var (old, value) = (_b.GetC(number), _b.GetC(i.Rs1));
        if (i.Rs1 != 0)
            _b.SetC(number, value);
        _b.SetC(i.Rd, old);
    }

    /// <summary>Bit i of the mask is register 8 * quarter + i; the place of c0 is DDC's.</summary>
    protected override void VisitCclear(in RiscVInstruction i)
    {
        for (var bit = 0; bit < 8; bit++)
        {
            var register = ((int)(i.Immediate >> 8) * 8) + bit;
            if (((i.Immediate >> bit) & 1) != 0)
                _b.SetC(register == 0 ? GuestRegister.Ddc : register, _b.GetC(0));
        }
    }

    /// <inheritdoc/>
    protected override void VisitFpclear(in RiscVInstruction i)
    {
        for (var bit = 0; bit < 8; bit++)
        {
            if (((i.Immediate >> bit) & 1) != 0)
                _b.SetF(((int)(i.Immediate >> 8) * 8) + bit, _b.To(IrOp.FromBits, IrType.F64, _b.Const(0)));
        }
    }

    /// <inheritdoc/>
    protected override void VisitCgetperm(in RiscVInstruction i) => Field(IrOp.CapPermissions, i);

    /// <inheritdoc/>
    protected override void VisitCgettype(in RiscVInstruction i) => Field(IrOp.CapType, i);

    /// <inheritdoc/>
    protected override void VisitCgetbase(in RiscVInstruction i) => Field(IrOp.CapBase, i);

    /// <inheritdoc/>
    protected override void VisitCgetlen(in RiscVInstruction i) => Field(IrOp.CapLength, i);

    /// <inheritdoc/>
    protected override void VisitCgettop(in RiscVInstruction i) => Field(IrOp.CapTop, i);

    /// <inheritdoc/>
    protected override void VisitCgettag(in RiscVInstruction i) => Field(IrOp.CapTag, i);

    /// <inheritdoc/>
    protected override void VisitCgetsealed(in RiscVInstruction i) => Field(IrOp.CapSealed, i);

    /// <inheritdoc/>
    protected override void VisitCgetoffset(in RiscVInstruction i) => Field(IrOp.CapOffset, i);

    /// <inheritdoc/>
    protected override void VisitCgetflags(in RiscVInstruction i) => Field(IrOp.CapFlags, i);

    /// <inheritdoc/>
    protected override void VisitCgetaddr(in RiscVInstruction i) => Field(IrOp.CapAddress, i);

    /// <inheritdoc/>
    protected override void VisitCgethigh(in RiscVInstruction i) => Field(IrOp.CapHigh, i);

    /// <inheritdoc/>
    protected override void VisitCmove(in RiscVInstruction i) => _b.SetC(i.Rd, _b.GetC(i.Rs1));

    /// <inheritdoc/>
    protected override void VisitCcleartag(in RiscVInstruction i) => _b.SetC(i.Rd, _b.To(IrOp.CapClearTag, IrType.Cap, _b.GetC(i.Rs1)));

    /// <inheritdoc/>
    protected override void VisitCsealentry(in RiscVInstruction i) => _b.SetC(i.Rd, _b.To(IrOp.CapSealEntry, IrType.Cap, _b.GetC(i.Rs1)));

    /// <inheritdoc/>
    protected override void VisitCsetaddr(in RiscVInstruction i) => Derive(IrOp.CapSetAddress, _b.GetC(i.Rs1), _b.GetX(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCincoffset(in RiscVInstruction i) => Derive(IrOp.CapIncrement, _b.GetC(i.Rs1), _b.GetX(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCsetoffset(in RiscVInstruction i) => Derive(IrOp.CapSetOffset, _b.GetC(i.Rs1), _b.GetX(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCsetbounds(in RiscVInstruction i) => Derive(IrOp.CapSetBounds, _b.GetC(i.Rs1), _b.GetX(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCsetboundsexact(in RiscVInstruction i) => Derive(IrOp.CapSetBoundsExact, _b.GetC(i.Rs1), _b.GetX(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCandperm(in RiscVInstruction i) => Derive(IrOp.CapAndPermissions, _b.GetC(i.Rs1), _b.GetX(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCsetflags(in RiscVInstruction i) => Derive(IrOp.CapSetFlags, _b.GetC(i.Rs1), _b.GetX(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCsethigh(in RiscVInstruction i) => Derive(IrOp.CapSetHigh, _b.GetC(i.Rs1), _b.GetX(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCincoffsetimm(in RiscVInstruction i) => Derive(IrOp.CapIncrement, _b.GetC(i.Rs1), _b.Const(i.Immediate), i);

    /// <inheritdoc/>
    protected override void VisitCsetboundsimm(in RiscVInstruction i) => Derive(IrOp.CapSetBounds, _b.GetC(i.Rs1), _b.Const(i.Immediate), i);

    /// <inheritdoc/>
    protected override void VisitCfromptr(in RiscVInstruction i) => Derive(IrOp.CapFromPointer, OrDdc(i.Rs1), _b.GetX(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCseal(in RiscVInstruction i) => Derive(IrOp.CapSeal, _b.GetC(i.Rs1), _b.GetC(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCunseal(in RiscVInstruction i) => Derive(IrOp.CapUnseal, _b.GetC(i.Rs1), _b.GetC(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCcseal(in RiscVInstruction i) => Derive(IrOp.CapConditionalSeal, _b.GetC(i.Rs1), _b.GetC(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCcopytype(in RiscVInstruction i) => Derive(IrOp.CapCopyType, _b.GetC(i.Rs1), _b.GetC(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCbuildcap(in RiscVInstruction i) => Derive(IrOp.CapBuild, _b.GetC(i.Rs2), OrDdc(i.Rs1), i);

    /// <inheritdoc/>
    protected override void VisitCtestsubset(in RiscVInstruction i) => Test(IrOp.CapSubset, _b.GetC(i.Rs2), OrDdc(i.Rs1), i);

    /// <inheritdoc/>
    protected override void VisitCseqx(in RiscVInstruction i) => Test(IrOp.CapEqual, _b.GetC(i.Rs1), _b.GetC(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCtoptr(in RiscVInstruction i) => Test(IrOp.CapToPointer, _b.GetC(i.Rs1), OrDdc(i.Rs2), i);

    /// <inheritdoc/>
    protected override void VisitCsub(in RiscVInstruction i) => Register(IrOp.Sub, i);

    /// <inheritdoc/>
    protected override void VisitCrrl(in RiscVInstruction i) => UnaryX(IrOp.CapRoundLength, i);

    /// <inheritdoc/>
    protected override void VisitCram(in RiscVInstruction i) => UnaryX(IrOp.CapAlignmentMask, i);

    /// <inheritdoc/>
    protected override void VisitLrB(in RiscVInstruction i) => LoadReserved(MemoryAccess.I8, i);

    /// <inheritdoc/>
    protected override void VisitLrH(in RiscVInstruction i) => LoadReserved(MemoryAccess.I16, i);

    /// <inheritdoc/>
    protected override void VisitScB(in RiscVInstruction i) => StoreConditional(MemoryAccess.I8, i);

    /// <inheritdoc/>
    protected override void VisitScH(in RiscVInstruction i) => StoreConditional(MemoryAccess.I16, i);
}
