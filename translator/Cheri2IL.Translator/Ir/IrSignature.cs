namespace Cheri2IL.Translator.Ir;

/// <summary>How the type of a result or operand follows from the instruction.</summary>
public enum TypeRule : byte
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>The instruction's type variable, one of <see cref="IrSignature.Types"/>; the text form names it as suffix.</summary>
    Variable,

    /// <summary>Always I32.</summary>
    I32,

    /// <summary>Always I64.</summary>
    I64,

    /// <summary>Always F32.</summary>
    F32,

    /// <summary>Always F64.</summary>
    F64,

    /// <summary>I64 for an x register, F64 for an f register.</summary>
    Register,

    /// <summary>The type that <see cref="IrInstruction.Access"/> moves: F32, F64, or I64 for all integer accesses.</summary>
    Access,

    /// <summary>The other floating-point type than the variable.</summary>
    OtherFloat,

    /// <summary>Always Cap.</summary>
    Cap,
}

/// <summary>What <see cref="IrInstruction.Immediate"/> means to an operation.</summary>
public enum ImmediateRule : byte
{
    /// <summary>Unused.</summary>
    None,

    /// <summary>A number, printed after operand A if there is one.</summary>
    Number,

    /// <summary>A guest address, printed in hexadecimal.</summary>
    Address,

    /// <summary>A RISC-V rounding mode: 0..4, or 7 for dynamic.</summary>
    Rounding,

    /// <summary>The guest pc that stands in for operand A when there is none, printed in hexadecimal.</summary>
    InsteadOfA,
}

/// <summary>Which further fields of <see cref="IrInstruction"/> qualify an operation; suffixes in the text form, in this order.</summary>
[Flags]
public enum IrQualifiers : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary><see cref="IrInstruction.IsStore"/>.</summary>
    Direction = 1,

    /// <summary><see cref="IrInstruction.Amo"/>.</summary>
    Amo = 2,

    /// <summary><see cref="IrInstruction.Access"/>, any width.</summary>
    Access = 4,

    /// <summary><see cref="IrInstruction.Access"/>, I32 or I64; LoadReserved and StoreConditional of functions with capabilities also I8, I16.</summary>
    AtomicAccess = 8,

    /// <summary><see cref="IrInstruction.Format"/>.</summary>
    Format = 16,

    /// <summary><see cref="IrInstruction.Fault"/>.</summary>
    Fault = 32,

    /// <summary><see cref="IrInstruction.Register"/>, an operand and not a suffix.</summary>
    Register = 64,

    /// <summary><see cref="IrInstruction.Capability"/>.</summary>
    Capability = 128,
}

/// <summary>
/// Operand and result types of one operation and the fields it uses: the table that <see cref="IrVerifier"/>,
/// <see cref="IrPrinter"/> and <see cref="IrParser"/> share.
/// </summary>
/// <param name="Name">Lower-case name in the text form, without suffixes.</param>
/// <param name="Types">Values the type variable may take; empty when the operation has none.</param>
/// <param name="Result">Type of the result.</param>
/// <param name="A">Type of the first operand.</param>
/// <param name="B">Type of the second operand.</param>
/// <param name="C">Type of the third operand.</param>
/// <param name="Immediate">Use of the immediate.</param>
/// <param name="Qualifiers">Further fields used.</param>
public sealed record IrSignature(
    string Name, IrType[] Types, TypeRule Result, TypeRule A, TypeRule B, TypeRule C, ImmediateRule Immediate, IrQualifiers Qualifiers)
{
    private static readonly IrType[] NoTypes = [];
    private static readonly IrType[] Int = [IrType.I32, IrType.I64];
    private static readonly IrType[] Int64 = [IrType.I64];
    private static readonly IrType[] Float = [IrType.F32, IrType.F64];
    private static readonly IrType[] Any = [IrType.I32, IrType.I64, IrType.F32, IrType.F64];

    private static readonly IrSignature[] Table = [.. Enum.GetValues<IrOp>().Select(Describe)];
    private static readonly Dictionary<string, IrOp> Names = Enum.GetValues<IrOp>().ToDictionary(op => Table[(int)op].Name);

    /// <summary>Number of operands when all are present.</summary>
    public int OperandCount => C != TypeRule.None ? 3 : B != TypeRule.None ? 2 : A != TypeRule.None ? 1 : 0;

    /// <summary>Whether the text form carries the type variable as suffix.</summary>
    public bool HasVariable => Types.Length > 0;

    /// <summary>Signature of <paramref name="op"/>.</summary>
    public static IrSignature Of(IrOp op) => Table[(int)op];

    /// <summary>The operation with the text name <paramref name="name"/>.</summary>
    public static bool TryFind(string name, out IrOp op) => Names.TryGetValue(name, out op);

    /// <summary>Type that an access moves.</summary>
    public static IrType TypeOf(MemoryAccess access) => access switch
    {
        MemoryAccess.F32 => IrType.F32,
        MemoryAccess.F64 => IrType.F64,
        _ => IrType.I64,
    };

    /// <summary>Bytes that an access moves.</summary>
    public static int SizeOf(MemoryAccess access) => access switch
    {
        MemoryAccess.I8 or MemoryAccess.U8 => 1,
        MemoryAccess.I16 or MemoryAccess.U16 => 2,
        MemoryAccess.I32 or MemoryAccess.U32 or MemoryAccess.F32 => 4,
        _ => 8,
    };

    /// <summary>Type of a guest register's image.</summary>
    public static IrType TypeOfRegister(int register) => register < GuestRegister.F0 ? IrType.I64 : IrType.F64;

    /// <summary>The type variable of <paramref name="instruction"/>: its own type, or that of operand A when the result does not tell.</summary>
    public IrType VariableOf(IrInstruction instruction)
        => !HasVariable ? IrType.Void : Result == TypeRule.Variable ? instruction.Type : instruction.A?.Type ?? IrType.Void;

    /// <summary>The type that <paramref name="rule"/> demands of <paramref name="instruction"/> when its type variable is <paramref name="variable"/>.</summary>
    public static IrType Resolve(TypeRule rule, IrInstruction instruction, IrType variable) => rule switch
    {
        TypeRule.Variable => variable,
        TypeRule.I32 => IrType.I32,
        TypeRule.I64 => IrType.I64,
        TypeRule.F32 => IrType.F32,
        TypeRule.F64 => IrType.F64,
        TypeRule.Cap => IrType.Cap,
        TypeRule.Register => TypeOfRegister(instruction.Register),
        TypeRule.Access => TypeOf(instruction.Access),
        TypeRule.OtherFloat => variable == IrType.F32 ? IrType.F64 : IrType.F32,
        _ => IrType.Void,
    };

    private static IrSignature Describe(IrOp op)
    {
        const TypeRule T = TypeRule.Variable;
        const ImmediateRule Number = ImmediateRule.Number;
        const ImmediateRule Rounding = ImmediateRule.Rounding;
        const TypeRule Cap = TypeRule.Cap;
        const IrQualifiers Checked = IrQualifiers.Access | IrQualifiers.Register | IrQualifiers.Capability;
        return op switch
        {
            IrOp.Const => Make(Int, T, immediate: Number),
            IrOp.Get => Make(NoTypes, TypeRule.Register, qualifiers: IrQualifiers.Register),
            IrOp.Set => Make(NoTypes, TypeRule.None, TypeRule.Register, qualifiers: IrQualifiers.Register),

            IrOp.Add or IrOp.Sub or IrOp.Mul or IrOp.DivS or IrOp.DivU or IrOp.RemS or IrOp.RemU or IrOp.And or IrOp.Or or IrOp.Xor
                or IrOp.MinS or IrOp.MaxS or IrOp.MinU or IrOp.MaxU => Make(Int, T, T, T),
            IrOp.MulHighS or IrOp.MulHighU or IrOp.MulHighSU => Make(Int64, T, T, T),
            IrOp.ShiftLeft or IrOp.ShiftRightU or IrOp.ShiftRightS or IrOp.RotateLeft or IrOp.RotateRight => Make(Int, T, T, TypeRule.I32),
            IrOp.CountLeadingZeros or IrOp.CountTrailingZeros or IrOp.PopCount or IrOp.ByteSwap => Make(Int, T, T),
            IrOp.OrCombine or IrOp.SignExtend8 or IrOp.SignExtend16 => Make(Int64, T, T),
            IrOp.SignExtend32 or IrOp.ZeroExtend32 => Make(NoTypes, TypeRule.I64, TypeRule.I32),
            IrOp.Truncate => Make(NoTypes, TypeRule.I32, TypeRule.I64),
            IrOp.Eq or IrOp.Ne or IrOp.LtS or IrOp.LtU or IrOp.GeS or IrOp.GeU => Make(Int, TypeRule.I32, T, T),
            IrOp.Select => Make(Any, T, TypeRule.I32, T, T),

            IrOp.Check => Make(NoTypes, TypeRule.None, TypeRule.I64, immediate: Number, qualifiers: IrQualifiers.Direction),
            IrOp.CheckAlignment => Make(NoTypes, TypeRule.None, TypeRule.I64, immediate: Number),
            IrOp.Load => Make(NoTypes, TypeRule.Access, TypeRule.I64, immediate: Number, qualifiers: IrQualifiers.Access),
            IrOp.Store => Make(NoTypes, TypeRule.None, TypeRule.I64, TypeRule.Access, immediate: Number, qualifiers: IrQualifiers.Access),
            IrOp.LoadReserved => Make(NoTypes, TypeRule.I64, TypeRule.I64, qualifiers: IrQualifiers.AtomicAccess),
            IrOp.StoreConditional => Make(NoTypes, TypeRule.I64, TypeRule.I64, TypeRule.I64, qualifiers: IrQualifiers.AtomicAccess),
            IrOp.Amo => Make(NoTypes, TypeRule.I64, TypeRule.I64, TypeRule.I64, qualifiers: IrQualifiers.Amo | IrQualifiers.AtomicAccess),
            IrOp.Fence => Make(NoTypes, TypeRule.None, immediate: Number),

            IrOp.FAdd or IrOp.FSub or IrOp.FMul or IrOp.FDiv => Make(Float, T, T, T, immediate: Rounding),
            IrOp.FSqrt => Make(Float, T, T, immediate: Rounding),
            IrOp.FMulAdd => Make(Float, T, T, T, T, Rounding),
            IrOp.FNeg or IrOp.FAbs => Make(Float, T, T),
            IrOp.FCopySign or IrOp.FMin or IrOp.FMax => Make(Float, T, T, T),
            IrOp.FEq or IrOp.FLt or IrOp.FLe => Make(Float, TypeRule.I32, T, T),
            IrOp.FClass => Make(Float, TypeRule.I64, T),
            IrOp.FConvert => Make(Float, T, TypeRule.OtherFloat, immediate: Rounding),
            IrOp.FToInteger => Make(Float, TypeRule.I64, T, immediate: Rounding, qualifiers: IrQualifiers.Format),
            IrOp.IntegerToF => Make(Float, T, TypeRule.I64, immediate: Rounding, qualifiers: IrQualifiers.Format),
            IrOp.Box => Make(NoTypes, TypeRule.F64, TypeRule.F32),
            IrOp.Unbox => Make(NoTypes, TypeRule.F32, TypeRule.F64),
            IrOp.Bits => Make(NoTypes, TypeRule.I64, TypeRule.F64),
            IrOp.FromBits => Make(NoTypes, TypeRule.F64, TypeRule.I64),
            IrOp.ReadFlags or IrOp.ReadRounding => Make(NoTypes, TypeRule.I64),
            IrOp.WriteFlags or IrOp.WriteRounding => Make(NoTypes, TypeRule.None, TypeRule.I64),
            IrOp.ReadCounter => Make(NoTypes, TypeRule.I64, immediate: Number),

            IrOp.GetC => Make(NoTypes, Cap, qualifiers: IrQualifiers.Register),
            IrOp.SetC => Make(NoTypes, TypeRule.None, Cap, qualifiers: IrQualifiers.Register),
            IrOp.CapInteger => Make(NoTypes, Cap, TypeRule.I64),
            IrOp.CapAddress or IrOp.CapPermissions or IrOp.CapType or IrOp.CapBase or IrOp.CapLength or IrOp.CapTop or IrOp.CapTag
                or IrOp.CapSealed or IrOp.CapOffset or IrOp.CapFlags or IrOp.CapHigh => Make(NoTypes, TypeRule.I64, Cap),
            IrOp.CapClearTag or IrOp.CapSealEntry or IrOp.CapUnsealed => Make(NoTypes, Cap, Cap),
            IrOp.CapSetAddress or IrOp.CapIncrement or IrOp.CapSetOffset or IrOp.CapSetBounds or IrOp.CapSetBoundsExact
                or IrOp.CapAndPermissions or IrOp.CapSetFlags or IrOp.CapSetHigh or IrOp.CapFromPointer
                => Make(NoTypes, Cap, Cap, TypeRule.I64),
            IrOp.CapSeal or IrOp.CapUnseal or IrOp.CapConditionalSeal or IrOp.CapCopyType or IrOp.CapBuild => Make(NoTypes, Cap, Cap, Cap),
            IrOp.CapSubset or IrOp.CapEqual or IrOp.CapToPointer => Make(NoTypes, TypeRule.I64, Cap, Cap),
            IrOp.CapRoundLength or IrOp.CapAlignmentMask => Make(NoTypes, TypeRule.I64, TypeRule.I64),
            IrOp.CapAllows => Make(NoTypes, TypeRule.I32, Cap, TypeRule.I64, TypeRule.I64, Number, IrQualifiers.Register | IrQualifiers.Capability),
            IrOp.Untagged => Make(NoTypes, TypeRule.I32, TypeRule.I64, TypeRule.I64, immediate: Number),
            IrOp.CapCheck => Make(NoTypes, TypeRule.None, Cap, TypeRule.I64, immediate: Number, qualifiers: Checked),
            IrOp.CapCheckValue => Make(NoTypes, TypeRule.None, Cap, TypeRule.I64, Cap, Number, Checked),
            IrOp.CapCheckAlignment => Make(NoTypes, TypeRule.None, TypeRule.I64, immediate: Number, qualifiers: IrQualifiers.Direction),
            IrOp.CapCheckFetch => Make(NoTypes, TypeRule.None, immediate: Number),
            IrOp.CapCheckTarget => Make(NoTypes, TypeRule.None, TypeRule.I32, TypeRule.I64),
            IrOp.CapCheckJump => Make(NoTypes, TypeRule.None, Cap, immediate: Number, qualifiers: IrQualifiers.Register),
            IrOp.CapCheckInvoke => Make(NoTypes, TypeRule.None, Cap, Cap, immediate: Number, qualifiers: IrQualifiers.Register),
            IrOp.CapCheckSystem => Make(NoTypes, TypeRule.None),
            IrOp.CapLoad => Make(NoTypes, Cap, TypeRule.I64, Cap, immediate: Number),
            IrOp.CapStore => Make(NoTypes, TypeRule.None, TypeRule.I64, Cap, immediate: Number),
            IrOp.CapLoadReserved => Make(NoTypes, Cap, TypeRule.I64, Cap),
            IrOp.CapStoreConditional => Make(NoTypes, TypeRule.I64, TypeRule.I64, Cap),
            IrOp.CapSwap => Make(NoTypes, Cap, TypeRule.I64, Cap, Cap),
            IrOp.CapLoadTags => Make(NoTypes, TypeRule.I64, TypeRule.I64),
            IrOp.ClearTags => Make(NoTypes, TypeRule.None, TypeRule.I64, TypeRule.I64, immediate: Number, qualifiers: IrQualifiers.Access),

            IrOp.Poll or IrOp.Commit or IrOp.Jump or IrOp.Ecall => Make(NoTypes, TypeRule.None),
            IrOp.Branch => Make(NoTypes, TypeRule.None, TypeRule.I32),
            IrOp.Switch => Make(NoTypes, TypeRule.None, TypeRule.I64, TypeRule.I64),
            IrOp.BranchTable => Make(NoTypes, TypeRule.None, TypeRule.I32),
            IrOp.Call => Make(NoTypes, TypeRule.None, TypeRule.I64, immediate: ImmediateRule.InsteadOfA, qualifiers: IrQualifiers.Register),
            IrOp.TailCall => Make(NoTypes, TypeRule.None, TypeRule.I64, immediate: ImmediateRule.InsteadOfA),
            IrOp.Return => Make(NoTypes, TypeRule.None, TypeRule.I64),
            IrOp.FenceI => Make(NoTypes, TypeRule.None, immediate: ImmediateRule.Address),
            IrOp.Trap => Make(NoTypes, TypeRule.None, immediate: ImmediateRule.Address, qualifiers: IrQualifiers.Fault),
            _ => throw new ArgumentOutOfRangeException(nameof(op), op, "operation without signature"),
        };

        IrSignature Make(
            IrType[] types,
            TypeRule result,
            TypeRule a = TypeRule.None,
            TypeRule b = TypeRule.None,
            TypeRule c = TypeRule.None,
            ImmediateRule immediate = ImmediateRule.None,
            IrQualifiers qualifiers = IrQualifiers.None)
            => new(op.ToString().ToLowerInvariant(), types, result, a, b, c, immediate, qualifiers);
    }
}
