using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Capabilities;

/// <summary>
/// A capability of CHERI-RISC-V ISAv9 for RV64: 128 bits as they are in memory, and the tag. Any 128 bits are preserved,
/// whether or not they mean something; bounds are a function of both words. A value, no reference to anything: safe to share,
/// and no operation allocates.
/// </summary>
/// <remarks>
/// The operations are those of the instructions named with them (CHERI ISAv9, "The CHERI-RISC-V instruction-set reference";
/// where sources differ, the Sail model). None faults: what is not allowed clears the tag of the result, whose other bits are
/// computed all the same. Emitted code keeps the three parts of a capability register in locals, from which this struct is put
/// together for free, and decoded <see cref="Bounds"/> beside them for as long as the metadata and window do not change.
/// </remarks>
public readonly partial struct Capability : IEquatable<Capability>
{
    /// <summary>The metadata bit of <see cref="CapabilityPermissions.LoadCapability"/>.</summary>
    public const int LoadCapabilityBit = PermissionsShift + 4;

    /// <summary>The metadata bits of the type: all 0 if unsealed.</summary>
    public const ulong TypeMask = (ulong)ObjectType.Unsealed << TypeShift;

    /// <summary>Those of them that a sentry has.</summary>
    public const ulong SentryType = (ulong)(ObjectType.Unsealed ^ ObjectType.Sentry) << TypeShift;

    private const int PermissionsShift = 48;
    private const ulong PermissionsMask = 0xFFFFUL << PermissionsShift;
    private const uint HardwarePermissions = 0xFFF;
    private const int UserPermissionsGap = 3;
    private const ulong ReservedMask = 3UL << 46;
    private const ulong FlagBit = 1UL << 45;
    private const int TypeShift = 27;

    /// <summary>Puts a capability together.</summary>
    /// <param name="metadata">The upper 64 bits as they are in memory: the value of CGetHigh.</param>
    /// <param name="address">The lower 64 bits.</param>
    /// <param name="isTagged">The tag. It is not checked that anything could have derived such a capability.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Capability(ulong metadata, ulong address, bool isTagged)
    {
        Metadata = metadata;
        Address = address;
        IsTagged = isTagged;
    }

    /// <summary>NULL: all bits zero, which decodes as unsealed, without permissions, with the whole address space as bounds.</summary>
    public static Capability Null => default;

    /// <summary>
    /// The whole address space with every permission, in integer mode, at address 0: what the others are derived from.
    /// </summary>
    public static Capability Omnipotent => new(PermissionsMask, 0, isTagged: true);

    /// <summary>The upper 64 bits as they are in memory (CGetHigh).</summary>
    public ulong Metadata { get; }

    /// <summary>The lower 64 bits: the address (CGetAddr), or the integer in a register that holds one.</summary>
    public ulong Address { get; }

    /// <summary>The tag (CGetTag): whether this is a capability, rather than data.</summary>
    public bool IsTagged { get; }

    /// <summary>Hardware and software permissions, as CGetPerm returns them.</summary>
    public CapabilityPermissions Permissions
    {
        get
        {
            var bits = (uint)(Metadata >> PermissionsShift);
            return (CapabilityPermissions)((bits & HardwarePermissions) | ((bits & ~HardwarePermissions) << UserPermissionsGap));
        }
    }

    /// <summary>The flags field (CGetFlags): as PCC, whether instructions are encoded in capability mode.</summary>
    public bool IsCapabilityMode => (Metadata & FlagBit) != 0;

    /// <summary>The object type as encoded: 18 bits, see <see cref="ObjectType"/>.</summary>
    public uint Type => (uint)(~Metadata >> TypeShift) & ObjectType.Unsealed;

    /// <summary>CGetType: types above <see cref="ObjectType.Last"/> are sign-extended, so that unsealed is -1, a sentry -2.</summary>
    public ulong TypeValue
    {
        get
        {
            var type = Type;
            return type <= ObjectType.Last ? type : type | ~(ulong)ObjectType.Unsealed;
        }
    }

    /// <summary>Whether the type is other than <see cref="ObjectType.Unsealed"/> (CGetSealed).</summary>
    public bool IsSealed => (Metadata & TypeMask) != 0;

    /// <summary>Whether this is a sealed entry capability.</summary>
    public bool IsSentry => Type == ObjectType.Sentry;

    /// <summary>Tagged and not sealed: what every authority must be.</summary>
    public bool IsUsable => IsTagged && !IsSealed;

    /// <summary>The reserved bits 47..46 of the metadata; 0 in what instructions derive.</summary>
    public int Reserved => (int)((Metadata & ReservedMask) >> 46);

    /// <summary>Base and top (CGetBase, CGetTop, CGetLen).</summary>
    public CapabilityBounds Bounds
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => CompressedBounds.Of(Metadata).Expand(Address);
    }

    /// <summary>CGetBase.</summary>
    public ulong Base => Bounds.Base;

    /// <summary>CGetTop: 2^64 - 1 if it is larger.</summary>
    public ulong Top => Bounds.SaturatedTop;

    /// <summary>CGetLen: 2^64 - 1 if it is larger.</summary>
    public ulong Length => Bounds.SaturatedLength;

    /// <summary>CGetOffset: address - base, modulo 2^64.</summary>
    public ulong Offset => Address - Bounds.Base;

    /// <summary>
    /// A register that holds an integer: address <paramref name="value"/>, NULL's metadata, no tag.
    /// </summary>
    public static Capability FromInteger(ulong value) => new(0, value, isTagged: false);

    /// <summary>Whether all of <paramref name="permissions"/> are granted. Says nothing about tag and seal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Permits(CapabilityPermissions permissions)
    {
        var bits = PermissionField(permissions);
        return (Metadata & bits) == bits;
    }

    /// <summary>What an authority needs beyond <see cref="CapabilityPermissions.Store"/> for this to be stored through it.</summary>
    public CapabilityPermissions NeededToStore =>
        !IsTagged ? CapabilityPermissions.None
        : Permits(CapabilityPermissions.Global) ? CapabilityPermissions.StoreCapability
        : CapabilityPermissions.StoreCapability | CapabilityPermissions.StoreLocalCapability;

    /// <summary>Where a jump to this goes: the address and <paramref name="offset"/>, bit 0 cleared.</summary>
    public ulong JumpTarget(long offset) => (Address + (ulong)offset) & ~1UL;

    /// <summary>CTestSubset rd, <paramref name="other"/>, this: tags are equal, bounds and permissions within the other's.</summary>
    public bool IsSubsetOf(in Capability other) =>
        IsTagged == other.IsTagged && other.Bounds.Contains(Bounds) && other.Permits(Permissions);

    /// <summary>CSEQX: the tag and all 128 bits are equal.</summary>
    public bool IsIdenticalTo(in Capability other) =>
        Metadata == other.Metadata && Address == other.Address && IsTagged == other.IsTagged;

    /// <inheritdoc/>
    public bool Equals(Capability other) => IsIdenticalTo(other);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Capability other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Metadata, Address, IsTagged);

    /// <summary>Whether tag and all bits are equal (CSEQX).</summary>
    public static bool operator ==(Capability left, Capability right) => left.Equals(right);

    /// <summary>Whether the tag or any bit differs.</summary>
    public static bool operator !=(Capability left, Capability right) => !left.Equals(right);

    /// <summary>The permissions that show in its text: r, w, x for load, store, execute; R, W for loading and storing capabilities.</summary>
    public string PermissionText
    {
        get
        {
            Span<char> letters = stackalloc char[5];
            var count = 0;
            foreach (var (letter, permission) in PermissionLetters)
            {
                if (Permits(permission))
                    letters[count++] = letter;
            }

            return new string(letters[..count]);
        }
    }

    /// <summary>
    /// Address, <see cref="PermissionText"/>, bounds and attributes, as in <c>0x1008 [rwRW,0x1000-0x2000] (invalid,sealed 0x4)</c>.
    /// </summary>
    public override string ToString()
    {
        var type = !IsSealed ? "" : IsSentry ? "sentry" : $"sealed 0x{Type:x}";
        var attributes = string.Join(',', new[] { IsTagged ? "" : "invalid", type }.Where(text => text.Length > 0));
        return $"0x{Address:x} [{PermissionText},{Bounds}]{(attributes.Length > 0 ? $" ({attributes})" : "")}";
    }

    private static ReadOnlySpan<(char Letter, CapabilityPermissions Permission)> PermissionLetters =>
        new (char, CapabilityPermissions)[]
        {
            ('r', CapabilityPermissions.Load),
            ('w', CapabilityPermissions.Store),
            ('x', CapabilityPermissions.Execute),
            ('R', CapabilityPermissions.LoadCapability),
            ('W', CapabilityPermissions.StoreCapability),
        };

    private Capability With(ulong metadata, bool keepTag) => new(metadata, Address, IsTagged & keepTag);

    private Capability At(ulong address, bool keepTag) => new(Metadata, address, IsTagged & keepTag);

    /// <summary>Permissions in CGetPerm's layout to the metadata's upper 16 bits; other bits are dropped.</summary>
    private static ulong PermissionField(CapabilityPermissions permissions)
    {
        var bits = (uint)permissions;
        return (ulong)((bits & HardwarePermissions) | ((bits >> UserPermissionsGap) & 0xF000)) << PermissionsShift;
    }
}
