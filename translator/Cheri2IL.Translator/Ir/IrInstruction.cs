using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Ir;

/// <summary>
/// One IR instruction and, if <see cref="Type"/> is not Void, the value that it defines. Values are local to their
/// basic block: state crosses blocks only in guest registers and memory.
/// </summary>
public sealed class IrInstruction
{
    /// <summary>Makes an instruction; see <see cref="IrBuilder"/> for typed construction.</summary>
    public IrInstruction(IrOp op, IrType type, IrInstruction? a = null, IrInstruction? b = null, IrInstruction? c = null)
    {
        Op = op;
        Type = type;
        A = a;
        B = b;
        C = c;
    }

    /// <summary>Operation.</summary>
    public IrOp Op { get; set; }

    /// <summary>Type of the result; Void if there is none.</summary>
    public IrType Type { get; set; }

    /// <summary>First operand.</summary>
    public IrInstruction? A { get; set; }

    /// <summary>Second operand.</summary>
    public IrInstruction? B { get; set; }

    /// <summary>Third operand.</summary>
    public IrInstruction? C { get; set; }

    /// <summary>Constant, offset, rounding mode, pc... as the operation defines.</summary>
    public long Immediate { get; set; }

    /// <summary>
    /// Guest register of Get, Set, Call: 0..31 = x, 32..63 = f; of capability operations: 0..31 = c, 64 = PCC, 65 = DDC
    /// (<see cref="GuestRegister"/>).
    /// </summary>
    public byte Register { get; set; }

    /// <summary>Width and extension of Load, Store, LoadReserved, StoreConditional, Amo.</summary>
    public MemoryAccess Access { get; set; }

    /// <summary>What CapCheck and CapCheckValue want.</summary>
    public CapabilityAccess Capability { get; set; }

    /// <summary>Kind of Amo.</summary>
    public AmoKind Amo { get; set; }

    /// <summary>Integer side of FToInteger and IntegerToF.</summary>
    public IntegerFormat Format { get; set; }

    /// <summary>Cause of Trap.</summary>
    public GuestFaultKind Fault { get; set; }

    /// <summary>Check: the access it guards writes.</summary>
    public bool IsStore { get; set; }

    /// <summary>Check, CapCheck, CapCheckValue, ClearTags, and the check that CapIncrement makes: why it need not be emitted; null if it is. Kept in the IR so that listings can show it.</summary>
    public string? Elided { get; set; }

    /// <summary>Check: it is also the poll of its loop (<see cref="Passes.PollPlacement"/>).</summary>
    public bool Polls { get; set; }

    /// <summary>
    /// Load: from the file, in a segment that is not writable; behind <see cref="Passes.BranchTables"/>, one of <see cref="IrFunction.Constants"/>, which never
    /// faults.
    /// </summary>
    public bool IsConstant { get; set; }

    /// <summary>
    /// Poll, and Check that may become one: registers that the guest may read when it goes on here (<see cref="Passes.GuestLiveness"/>). Commit: those that it
    /// reads or shows before it writes them (<see cref="Passes.PreciseFaults"/>).
    /// </summary>
    public ulong LiveRegisters { get; set; } = ulong.MaxValue;

    /// <summary>A copy with other operands.</summary>
    public IrInstruction With(IrInstruction? a, IrInstruction? b, IrInstruction? c)
    {
        var copy = (IrInstruction)MemberwiseClone();
        (copy.A, copy.B, copy.C) = (a, b, c);
        return copy;
    }

    /// <summary>Guest address of the instruction this comes from.</summary>
    public long Pc { get; set; }

    /// <summary>Number in the block's text form; assigned by <see cref="IrFunction.Number"/>.</summary>
    public int Id { get; set; }
}

/// <summary>Numbers of guest registers as the IR uses them.</summary>
public static class GuestRegister
{
    /// <summary>Return address, x1.</summary>
    public const byte Ra = 1;

    /// <summary>Stack pointer, x2.</summary>
    public const byte Sp = 2;

    /// <summary>Alternate link register, x5.</summary>
    public const byte T0 = 5;

    /// <summary>First argument and result, x10.</summary>
    public const byte A0 = 10;

    /// <summary>First floating-point register.</summary>
    public const byte F0 = 32;

    /// <summary>Number of integer and floating-point registers.</summary>
    public const int Count = 64;

    /// <summary>The program counter capability.</summary>
    public const byte Pcc = CapabilityState.Pcc;

    /// <summary>The default data capability.</summary>
    public const byte Ddc = CapabilityState.Ddc;

    private static readonly string[] _names = [.. Enumerable.Range(0, Count).Select(r => r < F0 ? $"x{r}" : $"f{r - F0}")];

    /// <summary>"x5" (c5, too), "f12", "pcc", "ddc".</summary>
    public static string Name(int register) => register switch
    {
        Pcc => "pcc",
        Ddc => "ddc",
        _ => _names[register],
    };
}
