namespace Cheri2IL.Runtime.Capabilities;

/// <summary>
/// Why a capability check failed: the cause field (bits 4..0) of xtval for xcause 28. CHERI ISAv9, "CHERI exception causes"; names are
/// those of the Sail model.
/// </summary>
public enum CapabilityFaultCause : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Bytes outside the bounds.</summary>
    LengthViolation = 0x01,

    /// <summary>The authority is untagged.</summary>
    TagViolation = 0x02,

    /// <summary>The authority is sealed, or CInvoke's operand is not.</summary>
    SealViolation = 0x03,

    /// <summary>The object types of CInvoke's operands differ.</summary>
    TypeViolation = 0x04,

    /// <summary><see cref="CapabilityPermissions.Execute"/> is missing, or CInvoke's data operand has it.</summary>
    PermitExecuteViolation = 0x11,

    /// <summary><see cref="CapabilityPermissions.Load"/> is missing.</summary>
    PermitLoadViolation = 0x12,

    /// <summary><see cref="CapabilityPermissions.Store"/> is missing.</summary>
    PermitStoreViolation = 0x13,

    /// <summary><see cref="CapabilityPermissions.LoadCapability"/> is missing; CLoadTags only.</summary>
    PermitLoadCapViolation = 0x14,

    /// <summary><see cref="CapabilityPermissions.StoreCapability"/> is missing to store a tagged value.</summary>
    PermitStoreCapViolation = 0x15,

    /// <summary><see cref="CapabilityPermissions.StoreLocalCapability"/> is missing to store a tagged value that is not global.</summary>
    PermitStoreLocalCapViolation = 0x16,

    /// <summary><see cref="CapabilityPermissions.AccessSystemRegisters"/> is missing in PCC.</summary>
    AccessSystemRegsViolation = 0x18,

    /// <summary><see cref="CapabilityPermissions.Invoke"/> is missing.</summary>
    PermitCInvokeViolation = 0x19,
}
