namespace Cheri2IL.Runtime.Capabilities;

/// <summary>
/// The 18-bit object types of the 128-bit format. CHERI ISAv9, "Object types". A capability is sealed if its type is not
/// <see cref="Unsealed"/>.
/// </summary>
public static class ObjectType
{
    /// <summary>Width of the field in bits.</summary>
    public const int Bits = 18;

    /// <summary>Type of a capability that is not sealed.</summary>
    public const uint Unsealed = 0x3FFFF;

    /// <summary>Sealed entry: a jump to it unseals it.</summary>
    public const uint Sentry = 0x3FFFE;

    /// <summary>
    /// The largest type that CSeal can give. Those above it are reserved; <see cref="Unsealed"/> and <see cref="Sentry"/>
    /// are among them.
    /// </summary>
    public const uint Last = 0x3FFFB;
}
