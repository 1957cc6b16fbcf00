using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.Lifting;

/// <summary>How the lifter ends a block: the region builder knows which guest addresses are blocks of this function.</summary>
public interface IControlFlow
{
    /// <summary>The constant target of an indirect jump whose base register is known at this point, or null.</summary>
    long? KnownTarget(in RiscVInstruction jalr);

    /// <summary>Goes to <paramref name="target"/>, inside the function or not.</summary>
    void Jump(long target);

    /// <summary>Goes to <paramref name="taken"/> if <paramref name="condition"/> (I32) is not 0, else to <paramref name="next"/>.</summary>
    void Branch(IrInstruction condition, long taken, long next);

    /// <summary>Calls <paramref name="target"/> (or <paramref name="constant"/> when it is null); ra is already written.</summary>
    void Call(IrInstruction? target, long constant, long returnAddress);

    /// <summary>Jumps to a computed address that is neither call nor return: jump table or indirect tail call.</summary>
    void IndirectJump(in RiscVInstruction jalr, IrInstruction target);

    /// <summary>System call; goes on at <paramref name="next"/>.</summary>
    void Ecall(long next);

    /// <summary>Ends the block so that an exit requested by the last instruction is seen at <paramref name="next"/>.</summary>
    void PollAt(long next);
}
