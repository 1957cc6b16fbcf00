namespace Cheri2IL.Runtime.Capabilities;

/// <summary>
/// The permissions of a capability, at the bits that CGetPerm returns and CAndPerm takes: hardware permissions in bits
/// 11..0, software permissions in bits 18..15. All combinations can be represented and are independent of each other.
/// CHERI ISAv9, "Capability permissions".
/// </summary>
[Flags]
public enum CapabilityPermissions : uint
{
    /// <summary>No permission.</summary>
    None = 0,

    /// <summary>May be stored through authorities that lack <see cref="StoreLocalCapability"/>.</summary>
    Global = 1 << 0,

    /// <summary>Instructions may be fetched.</summary>
    Execute = 1 << 1,

    /// <summary>Data may be loaded.</summary>
    Load = 1 << 2,

    /// <summary>Data may be stored.</summary>
    Store = 1 << 3,

    /// <summary>Loaded capabilities keep their tags.</summary>
    LoadCapability = 1 << 4,

    /// <summary>Tagged capabilities may be stored.</summary>
    StoreCapability = 1 << 5,

    /// <summary>Tagged capabilities without <see cref="Global"/> may be stored.</summary>
    StoreLocalCapability = 1 << 6,

    /// <summary>Capabilities may be sealed with object types inside the bounds.</summary>
    Seal = 1 << 7,

    /// <summary>May be an operand of CInvoke.</summary>
    Invoke = 1 << 8,

    /// <summary>Capabilities with object types inside the bounds may be unsealed.</summary>
    Unseal = 1 << 9,

    /// <summary>As PCC: special registers and privileged instructions are accessible (ASR).</summary>
    AccessSystemRegisters = 1 << 10,

    /// <summary>Permit_Set_CID; v9 for RISC-V has no such register, so it has no effect.</summary>
    SetCompartmentId = 1 << 11,

    /// <summary>Software-defined permission 0.</summary>
    User0 = 1 << 15,

    /// <summary>Software-defined permission 1.</summary>
    User1 = 1 << 16,

    /// <summary>Software-defined permission 2.</summary>
    User2 = 1 << 17,

    /// <summary>Software-defined permission 3.</summary>
    User3 = 1 << 18,
}
