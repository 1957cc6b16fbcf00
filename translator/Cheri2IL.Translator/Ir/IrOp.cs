namespace Cheri2IL.Translator.Ir;

/// <summary>Type of an IR value.</summary>
public enum IrType : byte
{
    /// <summary>No value.</summary>
    Void,

    /// <summary>32-bit integer; comparisons yield 0 or 1 of this type.</summary>
    I32,

    /// <summary>64-bit integer.</summary>
    I64,

    /// <summary>IEEE 754 binary32.</summary>
    F32,

    /// <summary>IEEE 754 binary64; also the raw image of a floating-point register.</summary>
    F64,

    /// <summary>Capability: 128 bits and a tag (<see cref="Runtime.Capabilities.Capability"/>).</summary>
    Cap,
}

/// <summary>Width and extension of a memory access. Integer loads yield I64.</summary>
public enum MemoryAccess : byte
{
    /// <summary>8 bits, sign-extended.</summary>
    I8,

    /// <summary>8 bits, zero-extended.</summary>
    U8,

    /// <summary>16 bits, sign-extended.</summary>
    I16,

    /// <summary>16 bits, zero-extended.</summary>
    U16,

    /// <summary>32 bits, sign-extended.</summary>
    I32,

    /// <summary>32 bits, zero-extended.</summary>
    U32,

    /// <summary>64 bits.</summary>
    I64,

    /// <summary>32 bits as F32.</summary>
    F32,

    /// <summary>64 bits as F64.</summary>
    F64,
}

/// <summary>
/// What a memory access wants of its authority, checked in this order after tag and seal: permissions, then bounds. CHERI ISAv9,
/// "Capability loads and stores".
/// </summary>
public enum CapabilityAccess : byte
{
    /// <summary>Permit_Load.</summary>
    Load,

    /// <summary>Permit_Store.</summary>
    Store,

    /// <summary>Permit_Load, Permit_Store: a read-modify-write.</summary>
    Update,

    /// <summary>Permit_Store; for a tagged value Permit_Store_Capability, and Permit_Store_Local_Capability unless it is global. 16 bytes.</summary>
    StoreCapability,

    /// <summary>Permit_Load, then as StoreCapability.</summary>
    SwapCapability,

    /// <summary>Permit_Load. 16 bytes.</summary>
    LoadCapability,

    /// <summary>Permit_Load, Permit_Load_Capability. 64 bytes.</summary>
    LoadTags,
}

/// <summary>Operation of <see cref="IrOp.Amo"/>.</summary>
public enum AmoKind : byte
{
    /// <summary>Exchange.</summary>
    Swap,

    /// <summary>Addition.</summary>
    Add,

    /// <summary>Bitwise exclusive or.</summary>
    Xor,

    /// <summary>Bitwise and.</summary>
    And,

    /// <summary>Bitwise or.</summary>
    Or,

    /// <summary>Signed minimum.</summary>
    Min,

    /// <summary>Signed maximum.</summary>
    Max,

    /// <summary>Unsigned minimum.</summary>
    MinU,

    /// <summary>Unsigned maximum.</summary>
    MaxU,
}

/// <summary>Integer format on the other side of a float conversion.</summary>
public enum IntegerFormat : byte
{
    /// <summary>Signed 32 bits (W).</summary>
    W,

    /// <summary>Unsigned 32 bits (WU).</summary>
    WU,

    /// <summary>Signed 64 bits (L).</summary>
    L,

    /// <summary>Unsigned 64 bits (LU).</summary>
    LU,
}

/// <summary>
/// Operations of the IR. A, B, C name the operands; "imm" is <see cref="IrInstruction.Immediate"/>. Types, operand
/// counts and effects of each are in <see cref="IrOpInfo"/>.
/// </summary>
public enum IrOp : byte
{
    // ---- values
    /// <summary>imm, of the instruction's type (I32 or I64).</summary>
    Const,

    /// <summary>Value of guest register <see cref="IrInstruction.Register"/>: I64 for x, F64 for f. x0 is never read: the lifter uses Const 0.</summary>
    Get,

    /// <summary>Writes A to guest register <see cref="IrInstruction.Register"/>; never x0.</summary>
    Set,

    // ---- integer, I32 or I64 (operands and result alike)
    /// <summary>A + B.</summary>
    Add,

    /// <summary>A - B.</summary>
    Sub,

    /// <summary>A * B, low half.</summary>
    Mul,

    /// <summary>High half of signed A * signed B; I64 only.</summary>
    MulHighS,

    /// <summary>High half of unsigned A * unsigned B; I64 only.</summary>
    MulHighU,

    /// <summary>High half of signed A * unsigned B; I64 only.</summary>
    MulHighSU,

    /// <summary>Signed quotient; RISC-V: x / 0 = -1, most negative / -1 = itself.</summary>
    DivS,

    /// <summary>Unsigned quotient; x / 0 = all ones.</summary>
    DivU,

    /// <summary>Signed remainder; x % 0 = x, most negative % -1 = 0.</summary>
    RemS,

    /// <summary>Unsigned remainder; x % 0 = x.</summary>
    RemU,

    /// <summary>Bitwise and.</summary>
    And,

    /// <summary>Bitwise or.</summary>
    Or,

    /// <summary>Bitwise exclusive or.</summary>
    Xor,

    /// <summary>A shifted left by B (I32) modulo the width of A.</summary>
    ShiftLeft,

    /// <summary>A shifted right, zeros in, by B (I32) modulo the width of A.</summary>
    ShiftRightU,

    /// <summary>A shifted right, sign in, by B (I32) modulo the width of A.</summary>
    ShiftRightS,

    /// <summary>A rotated left by B (I32) modulo the width of A.</summary>
    RotateLeft,

    /// <summary>A rotated right by B (I32) modulo the width of A.</summary>
    RotateRight,

    /// <summary>Signed minimum.</summary>
    MinS,

    /// <summary>Signed maximum.</summary>
    MaxS,

    /// <summary>Unsigned minimum.</summary>
    MinU,

    /// <summary>Unsigned maximum.</summary>
    MaxU,

    /// <summary>Number of leading zeros; the width when A = 0.</summary>
    CountLeadingZeros,

    /// <summary>Number of trailing zeros; the width when A = 0.</summary>
    CountTrailingZeros,

    /// <summary>Number of ones.</summary>
    PopCount,

    /// <summary>Bytes reversed.</summary>
    ByteSwap,

    /// <summary>Each byte 0xff if it is non-zero, else 0 (orc.b); I64 only.</summary>
    OrCombine,

    /// <summary>Low 8 bits sign-extended; I64 only.</summary>
    SignExtend8,

    /// <summary>Low 16 bits sign-extended; I64 only.</summary>
    SignExtend16,

    /// <summary>I32 to I64, sign-extended.</summary>
    SignExtend32,

    /// <summary>I32 to I64, zero-extended.</summary>
    ZeroExtend32,

    /// <summary>Low 32 bits of an I64, as I32.</summary>
    Truncate,

    /// <summary>1 if A = B.</summary>
    Eq,

    /// <summary>1 if A != B.</summary>
    Ne,

    /// <summary>1 if A &lt; B, signed.</summary>
    LtS,

    /// <summary>1 if A &lt; B, unsigned.</summary>
    LtU,

    /// <summary>1 if A &gt;= B, signed.</summary>
    GeS,

    /// <summary>1 if A &gt;= B, unsigned.</summary>
    GeU,

    /// <summary>B if A (I32) is not 0, else C; B, C and the result have one type.</summary>
    Select,

    // ---- memory
    /// <summary>
    /// Faults (LoadAccess, or StoreAccess when <see cref="IrInstruction.IsStore"/>; address A + imm) unless A, unsigned,
    /// is at most the slot's limit. Covers accesses at A plus or minus 64 KiB, which are then inside the slot or in never-mapped pages.
    /// </summary>
    Check,

    /// <summary>Faults (MisalignedAtomic; address A) unless A is a multiple of imm (4 or 8).</summary>
    CheckAlignment,

    /// <summary>Loads <see cref="IrInstruction.Access"/> from guest address A + imm.</summary>
    Load,

    /// <summary>Stores B (I64, or F32/F64) as <see cref="IrInstruction.Access"/> to guest address A + imm.</summary>
    Store,

    /// <summary>Loads I32 or I64 (sign-extended to I64) from A and takes the reservation.</summary>
    LoadReserved,

    /// <summary>Stores B to A if the reservation is held and memory still has the loaded value; drops it. 0 on success, 1 on failure, as I64.</summary>
    StoreConditional,

    /// <summary>Atomic <see cref="IrInstruction.Amo"/> of B (I64) on I32 or I64 at A; yields the old value sign-extended to I64.</summary>
    Amo,

    /// <summary>Memory fence; imm = predecessor set &lt;&lt; 4 | successor set (bits i=8 o=4 r=2 w=1).</summary>
    Fence,

    // ---- floating point; imm = RISC-V rm (0..4 static, 7 dynamic) where rounding applies; NaN results are canonical
    /// <summary>A + B.</summary>
    FAdd,

    /// <summary>A - B.</summary>
    FSub,

    /// <summary>A * B.</summary>
    FMul,

    /// <summary>A / B.</summary>
    FDiv,

    /// <summary>Square root of A.</summary>
    FSqrt,

    /// <summary>A * B + C, rounded once.</summary>
    FMulAdd,

    /// <summary>A with its sign bit inverted (any bit pattern, no flags).</summary>
    FNeg,

    /// <summary>A with its sign bit clear (any bit pattern, no flags).</summary>
    FAbs,

    /// <summary>A with the sign bit of B (any bit pattern, no flags).</summary>
    FCopySign,

    /// <summary>RISC-V fmin.</summary>
    FMin,

    /// <summary>RISC-V fmax.</summary>
    FMax,

    /// <summary>1 if A = B; invalid on signalling NaN only.</summary>
    FEq,

    /// <summary>1 if A &lt; B; invalid on any NaN.</summary>
    FLt,

    /// <summary>1 if A &lt;= B; invalid on any NaN.</summary>
    FLe,

    /// <summary>RISC-V fclass mask of A, as I64.</summary>
    FClass,

    /// <summary>F32 to F64 or F64 to F32.</summary>
    FConvert,

    /// <summary>A to <see cref="IrInstruction.Format"/>, saturating as RISC-V demands, as the I64 register image (32-bit results sign-extended).</summary>
    FToInteger,

    /// <summary>A (I64 register image read as <see cref="IrInstruction.Format"/>) to F32 or F64.</summary>
    IntegerToF,

    /// <summary>F32 as NaN-boxed register image.</summary>
    Box,

    /// <summary>Register image as F32: the canonical NaN unless properly NaN-boxed.</summary>
    Unbox,

    /// <summary>F64 bit pattern as I64.</summary>
    Bits,

    /// <summary>I64 as F64 bit pattern.</summary>
    FromBits,

    /// <summary>Accrued exception flags (5 bits), as I64.</summary>
    ReadFlags,

    /// <summary>Sets the accrued exception flags to the low 5 bits of A.</summary>
    WriteFlags,

    /// <summary>frm field (3 bits), as I64.</summary>
    ReadRounding,

    /// <summary>Sets frm to the low 3 bits of A.</summary>
    WriteRounding,

    /// <summary>Counter CSR imm (0xC00 cycle, 0xC01 time, 0xC02 instret, 0xCC0 for the vDSO), as I64.</summary>
    ReadCounter,

    // ---- capabilities (CHERI ISAv9): values. Operations are those of Runtime.Capabilities.Capability and never fault.
    /// <summary>Capability in <see cref="IrInstruction.Register"/>: c1..c31, PCC (with this instruction's pc as address) or DDC.</summary>
    GetC,

    /// <summary>Writes A to <see cref="IrInstruction.Register"/>: c1..c31 (x too), DDC, or PCC without its address.</summary>
    SetC,

    /// <summary>A register that holds the integer A.</summary>
    CapInteger,

    /// <summary>Address of A.</summary>
    CapAddress,

    /// <summary>Permissions of A as CGetPerm shows them.</summary>
    CapPermissions,

    /// <summary>Type of A, as CGetType shows it.</summary>
    CapType,

    /// <summary>Base of A.</summary>
    CapBase,

    /// <summary>Length of A, at most 2^64 - 1.</summary>
    CapLength,

    /// <summary>Top of A, at most 2^64 - 1.</summary>
    CapTop,

    /// <summary>Tag of A, 0 or 1.</summary>
    CapTag,

    /// <summary>1 if A is sealed.</summary>
    CapSealed,

    /// <summary>Address of A less its base.</summary>
    CapOffset,

    /// <summary>Flags of A, 0 or 1.</summary>
    CapFlags,

    /// <summary>Upper 64 bits of A as in memory.</summary>
    CapHigh,

    /// <summary>A without tag.</summary>
    CapClearTag,

    /// <summary>A as sentry.</summary>
    CapSealEntry,

    /// <summary>A with the type unsealed, tag kept: what a jump to A makes PCC.</summary>
    CapUnsealed,

    /// <summary>A with address B; exact check.</summary>
    CapSetAddress,

    /// <summary>A with B added to its address; fast check.</summary>
    CapIncrement,

    /// <summary>A with address base + B; fast check.</summary>
    CapSetOffset,

    /// <summary>A with bounds [address, address + B).</summary>
    CapSetBounds,

    /// <summary>The same, without tag if the bounds had to be rounded.</summary>
    CapSetBoundsExact,

    /// <summary>A with the permissions that B has, too.</summary>
    CapAndPermissions,

    /// <summary>A with flags B.</summary>
    CapSetFlags,

    /// <summary>A with upper 64 bits B, without tag.</summary>
    CapSetHigh,

    /// <summary>NULL if B is 0, else as CapSetOffset.</summary>
    CapFromPointer,

    /// <summary>A sealed under the authority B.</summary>
    CapSeal,

    /// <summary>A unsealed under the authority B.</summary>
    CapUnseal,

    /// <summary>CCSeal of A under B.</summary>
    CapConditionalSeal,

    /// <summary>A with the type of B as address.</summary>
    CapCopyType,

    /// <summary>A with a tag if the authority B could have derived it.</summary>
    CapBuild,

    /// <summary>1 if A is a subset of B.</summary>
    CapSubset,

    /// <summary>1 if all bits and tags are equal.</summary>
    CapEqual,

    /// <summary>Address of A less base of B; 0 if A is untagged.</summary>
    CapToPointer,

    /// <summary>CRRL of the length A.</summary>
    CapRoundLength,

    /// <summary>CRAM of the length A.</summary>
    CapAlignmentMask,

    /// <summary>
    /// I32: 1 if every access of the kind <see cref="IrInstruction.Capability"/>, Load, Store or Update, to the C bytes (a constant) at B + imm
    /// would pass its check under the authority A; never faults.
    /// </summary>
    CapAllows,

    /// <summary>
    /// I32: 1 only if the guest has one thread and none of the B bytes (a constant) at A (I64) + imm has a tag; it may be 0 all the same. Never
    /// faults.
    /// </summary>
    Untagged,

    // ---- capabilities: checks. A failure is a fault of the kind Capability with the cause that comes first in this text.
    /// <summary>
    /// Access to B (I64) + imm, modulo 2^64, under authority A, whose number is <see cref="IrInstruction.Register"/>: tag; seal; permissions of
    /// <see cref="IrInstruction.Capability"/>; bounds, for the size of <see cref="IrInstruction.Access"/> unless
    /// <see cref="IrInstruction.Capability"/> gives one.
    /// </summary>
    CapCheck,

    /// <summary>CapCheck for a store of the capability C, which StoreCapability and SwapCapability depend on.</summary>
    CapCheckValue,

    /// <summary>Faults (MisalignedLoad, or MisalignedStore when <see cref="IrInstruction.IsStore"/>; address A + offset 0) unless A is a multiple of imm (2..64).</summary>
    CapCheckAlignment,

    /// <summary>Fetch of the instruction here, of imm bytes (2 or 4): PCC's tag, seal, Permit_Execute, bounds.</summary>
    CapCheckFetch,

    /// <summary>If A (I32) is not 0: two bytes at B (I64) are within PCC's bounds.</summary>
    CapCheckTarget,

    /// <summary>
    /// Jump to the capability A in <see cref="IrInstruction.Register"/>: tag; seal, unless it is a sentry and imm is 0; Permit_Execute; bounds for two
    /// bytes at its address + imm, bit 0 cleared.
    /// </summary>
    CapCheckJump,

    /// <summary>
    /// CInvoke of A in <see cref="IrInstruction.Register"/> and B in register imm: tags of A, B; A, B sealed with ordinary types; equal types;
    /// Permit_CInvoke of A, B; Permit_Execute of A, not of B; bounds for two bytes at A's address, bit 0 cleared.
    /// </summary>
    CapCheckInvoke,

    /// <summary>PCC has Access_System_Registers.</summary>
    CapCheckSystem,

    // ---- capabilities: memory, at guest address A + imm that was checked and is aligned
    /// <summary>Loads a capability; without its tag if the authority B lacks Permit_Load_Capability.</summary>
    CapLoad,

    /// <summary>Stores the capability B.</summary>
    CapStore,

    /// <summary>CapLoad that takes the reservation; imm is 0.</summary>
    CapLoadReserved,

    /// <summary>Stores B if the reservation is held; 0 on success, 1 on failure, as I64; imm is 0.</summary>
    CapStoreConditional,

    /// <summary>Exchanges with B; yields the old value, without its tag if the authority C lacks Permit_Load_Capability; imm is 0.</summary>
    CapSwap,

    /// <summary>Tags of the four granules at A; imm is 0.</summary>
    CapLoadTags,

    /// <summary>Clears the tags of what an access of <see cref="IrInstruction.Access"/> touches, unless B (I64) is not 0.</summary>
    ClearTags,

    // ---- control: not terminators
    /// <summary>If an exit was requested: leave to the dispatcher with the pc of this block. First in loop headers.</summary>
    Poll,

    /// <summary>The state block holds every register that matters as it is here, for what follows to fault; elided, as at an earlier one (<see cref="Passes.PreciseFaults"/>).</summary>
    Commit,

    // ---- terminators
    /// <summary>Goes to <see cref="IrBlock.Successors"/>[0].</summary>
    Jump,

    /// <summary>Goes to Successors[0] if A (I32) is not 0, else Successors[1].</summary>
    Branch,

    /// <summary>
    /// Indirect jump to guest pc B (I64) with an expectation: goes to Successors[A] (A: I64) if that exists and its pc is B, else leaves
    /// the function for B. A wrong table bound, base or content can therefore cost time, never correctness.
    /// </summary>
    Switch,

    /// <summary>Goes to Successors[A] (A: I32, unsigned), to the last of them where there is none.</summary>
    BranchTable,

    /// <summary>Guest call: to A, or to pc imm when there is no A; goes on at Successors[0], whose pc is the return address already in ra (x1), or in the register named by <see cref="IrInstruction.Register"/>. It goes on there only with the sp (x2) of the call; otherwise it leaves.</summary>
    Call,

    /// <summary>Leaves the function for guest pc A, or imm when there is no A.</summary>
    TailCall,

    /// <summary>Guest return: to A (bit 0 cleared).</summary>
    Return,

    /// <summary>Environment call; goes on at Successors[0], the next instruction.</summary>
    Ecall,

    /// <summary>fence.i: forgets derived code and leaves to the dispatcher at imm, the next pc.</summary>
    FenceI,

    /// <summary>Always faults with <see cref="IrInstruction.Fault"/>; address imm.</summary>
    Trap,
}
