using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Translator.Lifting;
using Cheri2IL.Translator.Lifting.RiscV;

namespace Cheri2IL.Translator.RunTime;

/// <summary>Lifts straight-line code as it is come to: a block of it at a time, without exploring what the function is.</summary>
/// <remarks>Every way out of a block leaves it by guest pc. Not thread-safe.</remarks>
internal sealed class BlockLifter : IControlFlow
{
    /// <summary>Most instructions of a block.</summary>
    private const int MostInstructions = 64;

    private readonly IrBuilder _builder = new();
    private readonly RiscVLifter _lifter;

    /// <summary>Makes a lifter.</summary>
    public BlockLifter() => _lifter = new RiscVLifter(_builder, this);

    /// <summary>Instructions of the block that was lifted last.</summary>
    public int InstructionCount { get; private set; }

    /// <summary>Where the call or the system call at its end comes back to; null if it has none.</summary>
    public long? Continuation { get; private set; }

    /// <summary>Where the branch at the end of that block goes.</summary>
    public (long Taken, long Next) Targets { get; private set; }

    /// <summary>Lifts the block at <paramref name="pc"/>.</summary>
    public IrBlock Lift(ICodeSource code, long pc)
    {
        var block = new IrBlock(pc);
        _builder.SetBlock(block);
        Continuation = null;
        for (InstructionCount = 0; InstructionCount < MostInstructions; InstructionCount++)
        {
            _builder.Pc = pc;
            if (!code.TryDecode(pc, out var instruction, out var absent))
            {
                End(pc, absent);
                return block;
            }

            _lifter.Visit(instruction);
            pc += instruction.Length;
            if (block.Instructions.Count > 0 && IrOpInfo.IsTerminator(block.Terminator.Op))
            {
                InstructionCount++;
                return block;
            }
        }

        _builder.Pc = pc;
        _builder.TailCall(pc);
        return block;
    }

    private void End(long pc, long? absent)
    {
        if (absent == pc)
            _builder.TailCall(pc);
        else
            _builder.Trap(absent is null ? GuestFaultKind.IllegalInstruction : GuestFaultKind.InstructionAccess, absent ?? pc);
    }

    /// <inheritdoc/>
    public long? KnownTarget(in RiscVInstruction jalr) => null;

    /// <inheritdoc/>
    public void Jump(long target) => _builder.TailCall(target);

    /// <inheritdoc/>
    public void Branch(IrInstruction condition, long taken, long next)
    {
        Targets = (taken, next);
        _builder.Append(new IrInstruction(IrOp.Branch, IrType.Void, condition));
    }

    /// <inheritdoc/>
    public void Call(IrInstruction? target, long constant, long returnAddress)
    {
        Continuation = returnAddress;
        _builder.Append(new IrInstruction(IrOp.Call, IrType.Void, target) { Immediate = constant, Register = GuestRegister.Ra });
    }

    /// <inheritdoc/>
    public void IndirectJump(in RiscVInstruction jalr, IrInstruction target) => _builder.Append(new IrInstruction(IrOp.TailCall, IrType.Void, target));

    /// <inheritdoc/>
    public void Ecall(long next)
    {
        Continuation = next;
        _builder.Append(new IrInstruction(IrOp.Ecall, IrType.Void) { Immediate = next });
    }

    /// <inheritdoc/>
    public void PollAt(long next) => Jump(next);
}
