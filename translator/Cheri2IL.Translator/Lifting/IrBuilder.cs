using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Lifting;

/// <summary>Appends instructions to a block, stamped with the current guest pc. Typed, so that a lifter cannot mix widths.</summary>
public sealed class IrBuilder
{
    private IrBlock _block = new(0);

    /// <summary>Guest pc that new instructions carry.</summary>
    public long Pc { get; set; }

    /// <summary>The block that grows.</summary>
    public IrBlock Block => _block;

    /// <summary>Goes on in <paramref name="block"/>.</summary>
    public void SetBlock(IrBlock block) => _block = block;

    /// <summary>Appends an instruction.</summary>
    public IrInstruction Append(IrInstruction instruction)
    {
        instruction.Pc = Pc;
        _block.Instructions.Add(instruction);
        return instruction;
    }

    /// <summary>64-bit constant.</summary>
    public IrInstruction Const(long value) => Append(new IrInstruction(IrOp.Const, IrType.I64) { Immediate = value });

    /// <summary>32-bit constant.</summary>
    public IrInstruction Const32(int value) => Append(new IrInstruction(IrOp.Const, IrType.I32) { Immediate = value });

    /// <summary>Integer register; x0 is the constant 0.</summary>
    public IrInstruction GetX(int register)
        => register == 0 ? Const(0) : Append(new IrInstruction(IrOp.Get, IrType.I64) { Register = (byte)register });

    /// <summary>Capability register c0..c31, PCC or DDC; c0 is NULL.</summary>
    public IrInstruction GetC(int register) => register == 0
        ? To(IrOp.CapInteger, IrType.Cap, Const(0))
        : Append(new IrInstruction(IrOp.GetC, IrType.Cap) { Register = (byte)register });

    /// <summary>Writes a capability register; c0 drops the value.</summary>
    public void SetC(int register, IrInstruction value)
    {
        if (register != 0)
            Append(new IrInstruction(IrOp.SetC, IrType.Void, value) { Register = (byte)register });
    }

    /// <summary>Floating-point register image.</summary>
    public IrInstruction GetF(int register) => Append(new IrInstruction(IrOp.Get, IrType.F64) { Register = (byte)(GuestRegister.F0 + register) });

    /// <summary>Writes an integer register; x0 drops the value.</summary>
    public void SetX(int register, IrInstruction value)
    {
        if (register != 0)
            Append(new IrInstruction(IrOp.Set, IrType.Void, value) { Register = (byte)register });
    }

    /// <summary>Writes a floating-point register image.</summary>
    public void SetF(int register, IrInstruction value)
        => Append(new IrInstruction(IrOp.Set, IrType.Void, value) { Register = (byte)(GuestRegister.F0 + register) });

    /// <summary>Operation whose result has the type of its first operand.</summary>
    public IrInstruction Binary(IrOp op, IrInstruction a, IrInstruction b) => Append(new IrInstruction(op, a.Type, a, b));

    /// <summary>Operation on one operand, same type.</summary>
    public IrInstruction Unary(IrOp op, IrInstruction a) => Append(new IrInstruction(op, a.Type, a));

    /// <summary>Comparison: I32 0 or 1.</summary>
    public IrInstruction Compare(IrOp op, IrInstruction a, IrInstruction b) => Append(new IrInstruction(op, IrType.I32, a, b));

    /// <summary>Operation with an explicit result type.</summary>
    public IrInstruction To(IrOp op, IrType type, IrInstruction a) => Append(new IrInstruction(op, type, a));

    /// <summary>Low 32 bits.</summary>
    public IrInstruction Truncate(IrInstruction a) => To(IrOp.Truncate, IrType.I32, a);

    /// <summary>Sign-extends an I32.</summary>
    public IrInstruction SignExtend(IrInstruction a) => To(IrOp.SignExtend32, IrType.I64, a);

    /// <summary>Zero-extends an I32.</summary>
    public IrInstruction ZeroExtend(IrInstruction a) => To(IrOp.ZeroExtend32, IrType.I64, a);

    /// <summary>The check that guards an access at <paramref name="address"/> + <paramref name="offset"/>.</summary>
    public void Check(IrInstruction address, long offset, bool isStore)
        => Append(new IrInstruction(IrOp.Check, IrType.Void, address) { Immediate = offset, IsStore = isStore });

    /// <summary>Checked load.</summary>
    public IrInstruction Load(MemoryAccess access, IrInstruction address, long offset)
    {
        Check(address, offset, isStore: false);
        var type = access switch
        {
            MemoryAccess.F32 => IrType.F32,
            MemoryAccess.F64 => IrType.F64,
            _ => IrType.I64,
        };
        return Append(new IrInstruction(IrOp.Load, type, address) { Access = access, Immediate = offset });
    }

    /// <summary>Checked store.</summary>
    public void Store(MemoryAccess access, IrInstruction address, long offset, IrInstruction value)
    {
        Check(address, offset, isStore: true);
        Append(new IrInstruction(IrOp.Store, IrType.Void, address, value) { Access = access, Immediate = offset });
    }

    /// <summary>Ends the block by going to <paramref name="target"/>.</summary>
    public void Jump(IrBlock target)
    {
        Append(new IrInstruction(IrOp.Jump, IrType.Void));
        _block.Successors.Add(target);
    }

    /// <summary>Ends the block by going to <paramref name="taken"/> if <paramref name="condition"/> is not 0.</summary>
    public void Branch(IrInstruction condition, IrBlock taken, IrBlock otherwise)
    {
        Append(new IrInstruction(IrOp.Branch, IrType.Void, condition));
        _block.Successors.Add(taken);
        _block.Successors.Add(otherwise);
    }

    /// <summary>Ends the block by leaving for a constant guest pc.</summary>
    public void TailCall(long pc) => Append(new IrInstruction(IrOp.TailCall, IrType.Void) { Immediate = pc });

    /// <summary>Ends the block with a fault.</summary>
    public void Trap(GuestFaultKind kind, long address)
        => Append(new IrInstruction(IrOp.Trap, IrType.Void) { Fault = kind, Immediate = address });
}
