using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Runtime.Execution;

/// <summary>Why the guest cannot go on at an instruction. Values are project-internal; <see cref="GuestFault"/> carries one.</summary>
public enum GuestFaultKind
{
    /// <summary>Load outside the slot or from an unmapped or unreadable page (SIGSEGV).</summary>
    LoadAccess,

    /// <summary>Store or AMO outside the slot or to an unmapped or read-only page (SIGSEGV).</summary>
    StoreAccess,

    /// <summary>Jump to an address that holds no executable mapping, or is outside the slot (SIGSEGV).</summary>
    InstructionAccess,

    /// <summary>Undecodable, unsupported or reserved instruction (SIGILL).</summary>
    IllegalInstruction,

    /// <summary>LR, SC or AMO at an address that is not naturally aligned (SIGBUS on Linux).</summary>
    MisalignedAtomic,

    /// <summary><c>ebreak</c> (SIGTRAP).</summary>
    Breakpoint,

    /// <summary>Capability check (xcause 28): <see cref="GuestFault.CapabilityCause"/>, <see cref="GuestFault.CapabilityRegister"/>.</summary>
    Capability,

    /// <summary>Load of a capability, or LR with capabilities, that is not naturally aligned (xcause 4).</summary>
    MisalignedLoad,

    /// <summary>Store of a capability, or SC or AMO with capabilities, that is not naturally aligned (xcause 6).</summary>
    MisalignedStore,
}

/// <summary>
/// Thrown out of translated code (and the evaluator) to the dispatcher. The state block holds every register as it was
/// before the faulting instruction, which changed nothing, unless <see cref="AreRegistersExact"/> says otherwise.
/// </summary>
public sealed class GuestFault : Exception
{
    /// <summary>Makes a fault at guest pc <paramref name="pc"/>.</summary>
    /// <param name="kind">Cause.</param>
    /// <param name="pc">Guest address of the instruction.</param>
    /// <param name="address">Guest address that was accessed, or the instruction's own address, or 0.</param>
    /// <param name="trap">The exception that a hardware trap became; null for a fault that code found.</param>
    public GuestFault(GuestFaultKind kind, long pc, long address, NullReferenceException? trap = null)
        : base($"guest fault {kind} at pc 0x{pc:x}, address 0x{address:x}", trap)
    {
        Kind = kind;
        Pc = pc;
        Address = address;
    }

    /// <summary>The fault of a capability check.</summary>
    /// <param name="violation">What <see cref="CapabilityChecks"/> found.</param>
    /// <param name="pc">Guest address of the instruction.</param>
    /// <param name="address">What was to be accessed, or executed.</param>
    /// <param name="floatFlags">fflags bits that were raised on the host and are not banked.</param>
    /// <param name="isExact">Whether the state block holds the registers.</param>
    public static GuestFault OfCapability(int violation, long pc, long address, int floatFlags = 0, bool isExact = true) => new(GuestFaultKind.Capability, pc, address)
    {
        FloatFlags = floatFlags,
        AreRegistersExact = isExact,
        CapabilityCause = CapabilityChecks.CauseOf(violation),
        CapabilityRegister = CapabilityChecks.RegisterOf(violation),
    };

    /// <summary>
    /// fflags bits that were raised on the host and not banked when the guest stopped; host code has run since, so that the
    /// host's own flags no longer tell.
    /// </summary>
    internal int FloatFlags { get; init; }

    /// <summary>Cause.</summary>
    public GuestFaultKind Kind { get; }

    /// <summary>
    /// Whether the state block holds the registers as they were before the instruction. False for an access that failed in
    /// translated code without precise faults, whose registers were in the host's: pc and address are exact, the rest is of the
    /// last spill.
    /// </summary>
    public bool AreRegistersExact { get; init; } = true;

    /// <summary>
    /// Whether something on the way from <see cref="Pc"/> on faulted, and nothing has been done since then that shows: the state block is as before
    /// that pc, and evaluation from there finds the fault. Kind and address are then of no account.
    /// </summary>
    internal bool IsToBeFound { get; init; }

    /// <summary>The fault that this one was found behind, which knows the frames that were given up for that; null: it was found at once.</summary>
    internal GuestFault? FoundBehind { get; set; }

    /// <summary>Cause of a fault of the kind Capability; None for others.</summary>
    public CapabilityFaultCause CapabilityCause { get; init; }

    /// <summary>
    /// The register whose capability was not sufficient: 0..31, 0x20 PCC, 0x21 DDC, as in bits 10..5 of xtval (CHERI ISAv9, "CHERI
    /// exceptions").
    /// </summary>
    public byte CapabilityRegister { get; init; }

    /// <summary>Guest pcs of the calls in progress in evaluated code, innermost first; host frames show those in translated code.</summary>
    public IReadOnlyList<long> EvaluatedCallers { get; set; } = [];

    /// <summary>Guest address of the faulting instruction.</summary>
    public long Pc { get; }

    /// <summary>Guest address accessed (base + offset of the access, modulo 2^64).</summary>
    public long Address { get; }
}
