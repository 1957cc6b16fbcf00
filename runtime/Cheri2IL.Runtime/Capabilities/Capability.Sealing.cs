namespace Cheri2IL.Runtime.Capabilities;

/// <content>Instructions about object types.</content>
public readonly partial struct Capability
{
    /// <summary>
    /// CSeal cd, this, <paramref name="authority"/>: the type becomes the low 18 bits of the authority's address. The tag stays if
    /// this is not sealed and the authority is tagged, unsealed, has <see cref="CapabilityPermissions.Seal"/>, and its address is
    /// within its bounds and at most <see cref="ObjectType.Last"/>.
    /// </summary>
    public Capability Seal(in Capability authority) =>
        WithType((uint)authority.Address, !IsSealed && authority.Grants(CapabilityPermissions.Seal));

    /// <summary>
    /// CUnseal cd, this, <paramref name="authority"/>: unsealed, and <see cref="CapabilityPermissions.Global"/> only if the
    /// authority has it, too. The tag stays if the type is an ordinary one and the authority is tagged, unsealed, has
    /// <see cref="CapabilityPermissions.Unseal"/>, and its address is within its bounds and equal to the type.
    /// </summary>
    public Capability Unseal(in Capability authority)
    {
        var isAllowed = Type <= ObjectType.Last && authority.Address == Type && authority.Grants(CapabilityPermissions.Unseal);
        var global = PermissionField(CapabilityPermissions.Global);
        return WithType(ObjectType.Unsealed, isAllowed).Restrict(authority.Metadata | ~global);
    }

    /// <summary>CSealEntry: a sentry. The tag goes if this is sealed already; no permission is needed.</summary>
    public Capability SealEntry() => WithType(ObjectType.Sentry, !IsSealed);

    /// <summary>
    /// CCSeal cd, this, <paramref name="authority"/>: this unchanged if the authority is untagged, its address out of bounds or
    /// 2^64 - 1 (the type of what is not sealed), or if this is sealed; otherwise as <see cref="Seal"/>.
    /// </summary>
    public Capability ConditionalSeal(in Capability authority) =>
        !authority.IsTagged || IsSealed || authority.Address == ulong.MaxValue || !authority.Bounds.Covers(authority.Address, 1)
            ? this
            : Seal(authority);

    /// <summary>
    /// CCopyType cd, this, <paramref name="source"/>: the address becomes the type of the source (CGetType). The tag stays if
    /// that type is an ordinary one, this is not sealed, and the exact check passes.
    /// </summary>
    public Capability CopyType(in Capability source)
    {
        var result = SetAddress(source.TypeValue);
        return result.With(result.Metadata, source.Type <= ObjectType.Last);
    }

    /// <summary>
    /// The type becomes unsealed and nothing else changes: what jumps to sentries and CInvoke do after their checks.
    /// </summary>
    public Capability WithoutSeal() => WithType(ObjectType.Unsealed, keepTag: true);

    /// <summary>
    /// The link of a jump: the capability of the next instruction as a sentry. This is PCC, which is unsealed.
    /// </summary>
    public Capability Link(ulong nextAddress) => SetAddress(nextAddress).SealEntry();

    /// <summary>Usable, with the permission, and the address an ordinary object type inside the bounds.</summary>
    private bool Grants(CapabilityPermissions permission) =>
        IsUsable && Permits(permission) && Address <= ObjectType.Last && Bounds.Covers(Address, 1);

    private Capability WithType(uint type, bool keepTag) =>
        With((Metadata & ~TypeMask) | ((~(ulong)type << TypeShift) & TypeMask), keepTag);

    private Capability Restrict(ulong mask) => With(Metadata & mask, keepTag: true);
}
