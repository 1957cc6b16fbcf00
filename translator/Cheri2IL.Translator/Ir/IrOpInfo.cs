namespace Cheri2IL.Translator.Ir;

/// <summary>What an operation does besides yielding its value.</summary>
[Flags]
public enum IrEffects
{
    /// <summary>Nothing: may be moved, duplicated or dropped.</summary>
    None = 0,

    /// <summary>May raise a guest fault: the state before it must be recoverable.</summary>
    MayFault = 1,

    /// <summary>Reads guest memory.</summary>
    ReadsMemory = 2,

    /// <summary>Writes guest memory.</summary>
    WritesMemory = 4,

    /// <summary>Reads or writes fcsr, or may raise accrued exception flags.</summary>
    FloatStatus = 8,

    /// <summary>Writes a guest register.</summary>
    WritesRegister = 16,

    /// <summary>Ends a block.</summary>
    Terminator = 32,

    /// <summary>Reaches the host, or must keep its place for another reason.</summary>
    Ordered = 64,
}

/// <summary>Effects of each operation; the one table that passes, verifier and emitter consult.</summary>
public static class IrOpInfo
{
    private const IrEffects MemoryLoad = IrEffects.MayFault | IrEffects.ReadsMemory;
    private const IrEffects MemoryUpdate = MemoryLoad | IrEffects.WritesMemory | IrEffects.Ordered;

    /// <summary>Effects of <paramref name="op"/>.</summary>
    public static IrEffects Effects(IrOp op) => op switch
    {
        IrOp.Set => IrEffects.WritesRegister,
        IrOp.Check or IrOp.CheckAlignment => IrEffects.MayFault,
        IrOp.Load => MemoryLoad,
        IrOp.Store => IrEffects.MayFault | IrEffects.WritesMemory,
        IrOp.LoadReserved or IrOp.StoreConditional or IrOp.Amo => MemoryUpdate,
        IrOp.SetC => IrEffects.WritesRegister,
        IrOp.CapCheck or IrOp.CapCheckValue or IrOp.CapCheckAlignment or IrOp.CapCheckFetch or IrOp.CapCheckTarget or IrOp.CapCheckJump
            or IrOp.CapCheckInvoke or IrOp.CapCheckSystem => IrEffects.MayFault,
        IrOp.CapLoad or IrOp.CapLoadTags => MemoryLoad,
        IrOp.Untagged => IrEffects.ReadsMemory,
        IrOp.CapStore or IrOp.ClearTags => IrEffects.MayFault | IrEffects.WritesMemory,
        IrOp.CapLoadReserved or IrOp.CapStoreConditional or IrOp.CapSwap => MemoryUpdate,
        IrOp.Fence or IrOp.ReadCounter or IrOp.Poll or IrOp.Commit => IrEffects.Ordered,
        IrOp.FAdd or IrOp.FSub or IrOp.FMul or IrOp.FDiv or IrOp.FSqrt or IrOp.FMulAdd or IrOp.FMin or IrOp.FMax
            or IrOp.FEq or IrOp.FLt or IrOp.FLe or IrOp.FConvert or IrOp.FToInteger or IrOp.IntegerToF => IrEffects.FloatStatus,
        IrOp.ReadFlags or IrOp.WriteFlags or IrOp.ReadRounding or IrOp.WriteRounding => IrEffects.FloatStatus | IrEffects.Ordered,
        IrOp.Call or IrOp.Ecall or IrOp.FenceI or IrOp.TailCall or IrOp.Return => IrEffects.Terminator | IrEffects.Ordered,
        IrOp.Trap => IrEffects.Terminator | IrEffects.MayFault,
        IrOp.Jump or IrOp.Branch or IrOp.Switch or IrOp.BranchTable => IrEffects.Terminator,
        _ => IrEffects.None,
    };

    /// <summary>Whether <paramref name="op"/> ends a block.</summary>
    public static bool IsTerminator(IrOp op) => (Effects(op) & IrEffects.Terminator) != 0;

    /// <summary>Number of successors a terminator has: -1 for Switch and BranchTable (one or more).</summary>
    public static int SuccessorCount(IrOp op) => op switch
    {
        IrOp.Jump or IrOp.Call or IrOp.Ecall => 1,
        IrOp.Branch => 2,
        IrOp.Switch or IrOp.BranchTable => -1,
        _ => 0,
    };
}
