using System.Runtime.InteropServices;

namespace Cheri2IL.Translator.RunTime;

/// <summary>Operations of evaluated blocks. R is the result's word of the state block, A and B those of the operands, imm the immediate.</summary>
internal enum EvaluatedCode : ushort
{
    /// <summary>Starts a block of imm instructions at <see cref="EvaluatedOp.Pc"/>, which count down in the word at <see cref="EvaluatedOp.Next"/>.</summary>
    Block,

    /// <summary>Starts a block that has translated code, or is no longer to be used: leaves.</summary>
    Translated,

    /// <summary>R = imm.</summary>
    Set,

    /// <summary>R = A.</summary>
    Copy,

    // ---- R = A op B, and R = A op imm
    Add,
    Sub,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRightU,
    ShiftRightS,
    Mul,
    LtS,
    LtU,
    Eq,
    Ne,
    AddImmediate,
    AndImmediate,
    OrImmediate,
    XorImmediate,
    ShiftLeftImmediate,
    ShiftRightUImmediate,
    ShiftRightSImmediate,
    LtSImmediate,
    LtUImmediate,
    EqImmediate,
    NeImmediate,

    // ---- the same of the low 32 bits, sign-extended
    AddWord,
    SubWord,
    MulWord,
    ShiftLeftWord,
    ShiftRightUWord,
    ShiftRightSWord,
    AddWordImmediate,
    ShiftLeftWordImmediate,
    ShiftRightUWordImmediate,
    ShiftRightSWordImmediate,

    /// <summary>R = the low 32 bits of A, sign-extended.</summary>
    SignExtendWord,

    /// <summary>R = the low 32 bits of A, zero-extended.</summary>
    ZeroExtendWord,

    // ---- R = memory at A + imm
    LoadI8,
    LoadU8,
    LoadI16,
    LoadU16,
    LoadI32,
    LoadU32,
    Load64,

    // ---- memory at A + imm = B
    Store8,
    Store16,
    Store32,
    Store64,

    // ---- instruction imm of the block cache, with A, B and the word numbered by Pc as its operands
    Integer,
    Access,
    Float,

    // ---- ends of blocks: to imm if A and B compare so, else on
    BranchEq,
    BranchNe,
    BranchLtS,
    BranchLtU,
    BranchGeS,
    BranchGeU,

    /// <summary>Goes to imm.</summary>
    Goto,

    /// <summary>Goes to imm, unless the rounding mode is none of the host's.</summary>
    GotoRounding,

    /// <summary>Calls imm.</summary>
    Call,

    /// <summary>Calls A.</summary>
    CallIndirect,

    /// <summary>Goes to A.</summary>
    GotoIndirect,

    /// <summary>Returns to A.</summary>
    Return,

    /// <summary>System call; goes on at imm.</summary>
    SystemCall,

    /// <summary>fence.i; goes on at imm.</summary>
    FenceI,

    /// <summary>Faults as instruction imm of the block cache says.</summary>
    Trap,
}

/// <summary>One operation of an evaluated block (<see cref="BlockCompiler"/>).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct EvaluatedOp
{
    /// <summary>What it does.</summary>
    public EvaluatedCode Code;

    /// <summary>Word of the result.</summary>
    public ushort Result;

    /// <summary>Word of the first operand.</summary>
    public ushort A;

    /// <summary>Word of the second operand.</summary>
    public ushort B;

    /// <summary>Constant, offset or guest address.</summary>
    public long Immediate;

    /// <summary>Guest address of the instruction it belongs to.</summary>
    public long Pc;

    /// <summary>The block at <see cref="Immediate"/> once it was gone to; of a block, its counter.</summary>
    public EvaluatedOp* Next;
}
