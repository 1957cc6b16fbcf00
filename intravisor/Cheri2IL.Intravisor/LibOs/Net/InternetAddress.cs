using System.Buffers.Binary;
using System.Net;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>An address of IPv6, or one of IPv4 mapped into it (::ffff:a.b.c.d).</summary>
/// <remarks>Two words, not UInt128: methods that use that are compiled anew at every start.</remarks>
/// <param name="High">First eight bytes, the first in the most significant place.</param>
/// <param name="Low">The others, likewise.</param>
public readonly record struct InternetAddress(ulong High, ulong Low)
{
    /// <summary>Bytes of it.</summary>
    public const int Size = 16;

    private const ulong MappedPrefix = 0xffffUL << 32;

    /// <summary>::, all addresses of IPv6.</summary>
    public static InternetAddress Any6 => default;

    /// <summary>::1</summary>
    public static InternetAddress Loopback6 => new(0, 1);

    /// <summary>Whether it is one of IPv4.</summary>
    public bool IsMapped => High == 0 && Low >> 32 == 0xffff;

    /// <summary>The address of IPv4 that is mapped.</summary>
    public uint Mapped => (uint)Low;

    /// <summary>Whether it stands for every address of its family.</summary>
    public bool IsAny => this == Any6 || IsAny4;

    /// <summary>Whether it stands for every address of IPv4.</summary>
    public bool IsAny4 => High == 0 && Low == MappedPrefix;

    /// <summary>Whether it never leaves a cVM: 127.0.0.0/8 or ::1.</summary>
    public bool IsLoopback => this == Loopback6 || (IsMapped && Mapped >> 24 == 127);

    /// <summary>Whether it is one of an interface alone, of which there may be the same behind another (fe80::/10).</summary>
    public bool IsLinkLocal => High >> 54 == 0xfe80 >> 6;

    /// <summary>An address of IPv4 as one of IPv6.</summary>
    public static InternetAddress Map(uint address) => new(0, MappedPrefix | address);

    /// <summary>Reads one of <see cref="Size"/> bytes, in the network's order.</summary>
    public static InternetAddress Read(ReadOnlySpan<byte> bytes)
        => new(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[sizeof(ulong)..]));

    /// <summary>As text: that of IPv4 as 10.0.0.1.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        Write(bytes);
        return new IPAddress(IsMapped ? bytes[12..] : bytes).ToString();
    }

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes, High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[sizeof(ulong)..], Low);
    }
}
