using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Ir;

/// <summary>What <see cref="IrOp.CapCheck"/>, <see cref="IrOp.CapCheckValue"/> and <see cref="IrOp.CapAllows"/> check. CHERI ISAv9, "Capability loads and stores".</summary>
public static class AccessNeeds
{
    /// <summary>Bytes whose tags CLoadTags reads.</summary>
    public const int TagLine = 4 * CapabilityState.Granule;

    /// <summary>Permissions that the access needs, whatever it stores.</summary>
    public static CapabilityPermissions Permissions(IrInstruction check) => check.Capability switch
    {
        CapabilityAccess.Load or CapabilityAccess.LoadCapability => CapabilityPermissions.Load,
        CapabilityAccess.Store or CapabilityAccess.StoreCapability => CapabilityPermissions.Store,
        CapabilityAccess.LoadTags => CapabilityPermissions.Load | CapabilityPermissions.LoadCapability,
        _ => CapabilityPermissions.Load | CapabilityPermissions.Store,
    };

    /// <summary>Bytes that it accesses.</summary>
    public static int Size(IrInstruction check) => check.Capability switch
    {
        _ when check.Op == IrOp.CapAllows => (int)check.C!.Immediate,
        CapabilityAccess.LoadTags => TagLine,
        >= CapabilityAccess.StoreCapability => CapabilityState.Granule,
        _ => IrSignature.SizeOf(check.Access),
    };

    /// <summary>Whether it may write.</summary>
    public static bool IsStore(IrInstruction check) => (Permissions(check) & CapabilityPermissions.Store) != 0;

    /// <summary>Number of the authority in a violation (<see cref="CapabilityChecks"/>).</summary>
    public static int Number(IrInstruction check) => check.Register switch
    {
        GuestRegister.Pcc => CapabilityChecks.Pcc,
        GuestRegister.Ddc => CapabilityChecks.Ddc,
        var register => register,
    };
}
