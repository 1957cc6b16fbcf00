using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Capabilities;

/// <summary>
/// The checks of instructions, in the order in which the architecture reports what they find. CHERI ISAv9, "CHERI exceptions"; the order
/// within an instruction is the Sail model's.
/// </summary>
/// <remarks>
/// Translated code calls them where its own, faster check did not pass; not in line, to keep its methods small. Each returns 0 if the instruction may go on, else a violation as xtval shows it: the cause in bits 4..0
/// (<see cref="CapabilityFaultCause"/>) and the register in bits 10..5: 0..31, or <see cref="Pcc"/> or <see cref="Ddc"/>.
/// </remarks>
public static class CapabilityChecks
{
    /// <summary>PCC's number in a violation.</summary>
    public const int Pcc = 0x20;

    /// <summary>DDC's number in a violation.</summary>
    public const int Ddc = 0x21;

    private const int RegisterShift = 5;

    /// <summary>Bytes at a target that a jump checks: the shortest instruction.</summary>
    private const int TargetBytes = 2;

    /// <summary>Permissions of accesses in the order in which they are missed.</summary>
    private static readonly (CapabilityPermissions Permission, CapabilityFaultCause Cause)[] PermissionCauses =
    [
        (CapabilityPermissions.Load, CapabilityFaultCause.PermitLoadViolation),
        (CapabilityPermissions.LoadCapability, CapabilityFaultCause.PermitLoadCapViolation),
        (CapabilityPermissions.Store, CapabilityFaultCause.PermitStoreViolation),
        (CapabilityPermissions.StoreCapability, CapabilityFaultCause.PermitStoreCapViolation),
        (CapabilityPermissions.StoreLocalCapability, CapabilityFaultCause.PermitStoreLocalCapViolation),
    ];

    /// <summary>An access to memory: tag, seal, permissions, bounds.</summary>
    /// <param name="authority">The capability that authorises it.</param>
    /// <param name="address">Address of the first byte.</param>
    /// <param name="needed">Every permission that it needs.</param>
    /// <param name="size">Bytes, 1..64.</param>
    /// <param name="register">The authority's number in a violation.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Access(in Capability authority, ulong address, CapabilityPermissions needed, int size, int register)
    {
        if (AccessWindow.Of(authority, needed, (uint)size).Allows(address))
            return 0;
        if (UsableViolation(authority, register) is var unusable and not 0)
            return unusable;
        foreach (var (permission, cause) in PermissionCauses)
        {
            if ((needed & permission) != 0 && !authority.Permits(permission))
                return Violation(cause, register);
        }

        return authority.Bounds.Covers(address, (ulong)size) ? 0 : Violation(CapabilityFaultCause.LengthViolation, register);
    }

    /// <summary>An access that stores the capability <paramref name="value"/>, whose tag and locality need permissions of their own.</summary>
    /// <param name="authority">The capability that authorises it.</param>
    /// <param name="address">Address of the first byte.</param>
    /// <param name="needed">Permissions that it needs whatever is stored.</param>
    /// <param name="size">Bytes, 1..64.</param>
    /// <param name="value">What is stored.</param>
    /// <param name="register">The authority's number in a violation.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Store(in Capability authority, ulong address, CapabilityPermissions needed, int size, in Capability value, int register) =>
        Access(authority, address, needed | value.NeededToStore, size, register);

    /// <summary>The fetch of an instruction: tag, seal, Permit_Execute, bounds of PCC.</summary>
    /// <param name="pcc">PCC.</param>
    /// <param name="address">Address of the instruction.</param>
    /// <param name="size">Its bytes.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Fetch(in Capability pcc, ulong address, int size)
    {
        if (UsableViolation(pcc, Pcc) is var unusable and not 0)
            return unusable;
        if (!pcc.Permits(CapabilityPermissions.Execute))
            return Violation(CapabilityFaultCause.PermitExecuteViolation, Pcc);
        return pcc.Bounds.Covers(address, (ulong)size) ? 0 : Violation(CapabilityFaultCause.LengthViolation, Pcc);
    }

    /// <summary>A jump to <paramref name="target"/> within PCC's bounds, which the jump checks itself.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Target(in Capability pcc, ulong target) =>
        pcc.Bounds.Covers(target, TargetBytes) ? 0 : Violation(CapabilityFaultCause.LengthViolation, Pcc);

    /// <summary>A jump to a capability: tag, seal, Permit_Execute, bounds at its address + offset, bit 0 cleared.</summary>
    /// <param name="target">The capability.</param>
    /// <param name="offset">Offset of the jump; a sentry can only be entered at 0.</param>
    /// <param name="register">Its number.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Jump(in Capability target, long offset, int register)
    {
        if (!target.IsTagged)
            return Violation(CapabilityFaultCause.TagViolation, register);
        if (target.IsSealed && !(target.IsSentry && offset == 0))
            return Violation(CapabilityFaultCause.SealViolation, register);
        if (!target.Permits(CapabilityPermissions.Execute))
            return Violation(CapabilityFaultCause.PermitExecuteViolation, register);
        return target.Bounds.Covers(target.JumpTarget(offset), TargetBytes) ? 0 : Violation(CapabilityFaultCause.LengthViolation, register);
    }

    /// <summary>CInvoke of the pair <paramref name="code"/> and <paramref name="data"/>.</summary>
    /// <param name="code">Code capability.</param>
    /// <param name="data">Data capability.</param>
    /// <param name="codeRegister">Number of the code capability.</param>
    /// <param name="dataRegister">Number of the data capability.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Invoke(in Capability code, in Capability data, int codeRegister, int dataRegister)
    {
        if (!code.IsTagged)
            return Violation(CapabilityFaultCause.TagViolation, codeRegister);
        if (!data.IsTagged)
            return Violation(CapabilityFaultCause.TagViolation, dataRegister);
        if (code.Type > ObjectType.Last)
            return Violation(CapabilityFaultCause.SealViolation, codeRegister);
        if (data.Type > ObjectType.Last)
            return Violation(CapabilityFaultCause.SealViolation, dataRegister);
        if (code.Type != data.Type)
            return Violation(CapabilityFaultCause.TypeViolation, codeRegister);
        if (!code.Permits(CapabilityPermissions.Invoke))
            return Violation(CapabilityFaultCause.PermitCInvokeViolation, codeRegister);
        if (!data.Permits(CapabilityPermissions.Invoke))
            return Violation(CapabilityFaultCause.PermitCInvokeViolation, dataRegister);
        if (!code.Permits(CapabilityPermissions.Execute))
            return Violation(CapabilityFaultCause.PermitExecuteViolation, codeRegister);
        if (data.Permits(CapabilityPermissions.Execute))
            return Violation(CapabilityFaultCause.PermitExecuteViolation, dataRegister);
        return code.Bounds.Covers(code.JumpTarget(0), TargetBytes) ? 0 : Violation(CapabilityFaultCause.LengthViolation, codeRegister);
    }

    /// <summary>Access to a privileged register or instruction: PCC has Access_System_Registers.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int SystemRegisters(in Capability pcc) =>
        pcc.Permits(CapabilityPermissions.AccessSystemRegisters) ? 0 : Violation(CapabilityFaultCause.AccessSystemRegsViolation, Pcc);

    /// <summary>The cause in a violation.</summary>
    public static CapabilityFaultCause CauseOf(int violation) => (CapabilityFaultCause)(violation & ((1 << RegisterShift) - 1));

    /// <summary>The register in a violation.</summary>
    public static byte RegisterOf(int violation) => (byte)(violation >> RegisterShift);

    private static int UsableViolation(in Capability authority, int register) =>
        !authority.IsTagged ? Violation(CapabilityFaultCause.TagViolation, register)
        : authority.IsSealed ? Violation(CapabilityFaultCause.SealViolation, register)
        : 0;

    private static int Violation(CapabilityFaultCause cause, int register) => (register << RegisterShift) | (int)cause;
}
