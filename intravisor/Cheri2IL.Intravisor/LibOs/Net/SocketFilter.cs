using System.Buffers.Binary;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>
/// Programs of comparisons by which sockets are chosen (INET_DIAG_REQ_BYTECODE; net/ipv4/inet_diag.c). An operation has a code, and how many bytes further it goes
/// on if it holds and if it does not: only forwards, so that every program ends. Behind some operations stands what they compare with.
/// </summary>
internal static class SocketFilter
{
    private const int OpBytes = 4;
    private const int HostBytes = 8;

    private const byte Nop = 0;
    private const byte Jump = 1;
    private const byte SourceAtLeast = 2;
    private const byte SourceAtMost = 3;
    private const byte DestinationAtLeast = 4;
    private const byte DestinationAtMost = 5;
    private const byte IsAutomatic = 6;
    private const byte SourceHost = 7;
    private const byte DestinationHost = 8;
    private const byte Device = 9;
    private const byte Mark = 10;
    private const byte SourceIs = 11;
    private const byte DestinationIs = 12;

    /// <summary>Whether a program can be run: every way through it ends at its end or just behind it (inet_diag_bc_audit).</summary>
    public static bool IsValid(ReadOnlySpan<byte> code)
    {
        if (code.Length < OpBytes)
            return false;
        var rest = code;
        while (!rest.IsEmpty)
        {
            if (SizeAt(rest) is not { } size)
                return false;
            var (yes, no) = WaysAt(rest);
            if (rest[0] != Nop && (!MayGo(no, size, rest.Length) || (no < rest.Length && !IsOperation(code, rest.Length - no))))
                return false;
            if (!MayGo(yes, size, rest.Length) || yes > rest.Length)
                return false;
            rest = rest[yes..];
        }

        return true;
    }

    /// <summary>Whether a valid program takes a socket.</summary>
    public static bool Run(ReadOnlySpan<byte> code, Socket socket, in SocketAddress remote)
    {
        while (!code.IsEmpty)
        {
            var (yes, no) = WaysAt(code);
            var step = Holds(code, socket, remote) ? yes : no;
            if (step > code.Length)
                return false;
            code = code[step..];
        }

        return true;
    }

    private static (int Yes, int No) WaysAt(ReadOnlySpan<byte> at) => (at[1], BinaryPrimitives.ReadUInt16LittleEndian(at[2..]));

    private static bool MayGo(int step, int size, int left) => step >= size && step <= left + OpBytes && (step & 3) == 0;

    /// <summary>Bytes of an operation and what stands behind it; null: it is none, or does not fit.</summary>
    private static int? SizeAt(ReadOnlySpan<byte> at)
    {
        if (at.Length < OpBytes)
            return null;
        int? size = at[0] switch
        {
            Nop or Jump or IsAutomatic => OpBytes,
            SourceAtLeast or SourceAtMost or SourceIs or DestinationAtLeast or DestinationAtMost or DestinationIs or Device => 2 * OpBytes,
            Mark => OpBytes + sizeof(ulong),
            SourceHost or DestinationHost => HostSizeAt(at),
            _ => null,
        };
        return size <= at.Length ? size : null;
    }

    private static int? HostSizeAt(ReadOnlySpan<byte> at)
    {
        if (at.Length < OpBytes + HostBytes)
            return null;
        int? bytes = at[OpBytes] switch
        {
            SocketAbi.AF_UNSPEC => 0,
            SocketAbi.AF_INET => sizeof(uint),
            SocketAbi.AF_INET6 => InternetAddress.Size,
            _ => null,
        };
        return bytes is null || at[OpBytes + 1] > 8 * bytes ? null : OpBytes + HostBytes + bytes;
    }

    /// <summary>Whether an operation begins where so many bytes are left (valid_cc).</summary>
    private static bool IsOperation(ReadOnlySpan<byte> code, int left)
    {
        while (left < code.Length)
        {
            if (code.Length < OpBytes)
                return false;
            var step = code[1];
            if (step < OpBytes || (step & 3) != 0 || step > code.Length)
                return false;
            code = code[step..];
        }

        return left == code.Length;
    }

    private static bool Holds(ReadOnlySpan<byte> at, Socket socket, in SocketAddress remote)
    {
        var (source, destination) = (socket.LocalAddress.Port, remote.Port);
        switch (at[0])
        {
            case Nop:
                return true;
            case Jump:
                return false;
            case IsAutomatic:
                return !socket.HasChosenPort;
            case SourceHost:
                return IsHost(at[OpBytes..], socket.Family, socket.LocalAddress);
            case DestinationHost:
                return IsHost(at[OpBytes..], socket.Family, remote);
            case Device:
                // No socket is bound to an interface.
                return BinaryPrimitives.ReadInt32LittleEndian(at[OpBytes..]) == 0;
            case Mark:
                var mark = (uint)socket.Options.ValueOr(SocketAbi.SOL_SOCKET, SocketAbi.SO_MARK, 0);
                return (mark & BinaryPrimitives.ReadUInt32LittleEndian(at[(2 * OpBytes)..])) == BinaryPrimitives.ReadUInt32LittleEndian(at[OpBytes..]);
        }

        // The port stands in the field of the way of another operation.
        var port = BinaryPrimitives.ReadUInt16LittleEndian(at[(OpBytes + 2)..]);
        return at[0] switch
        {
            SourceAtLeast => source >= port,
            SourceAtMost => source <= port,
            SourceIs => source == port,
            DestinationAtLeast => destination >= port,
            DestinationAtMost => destination <= port,
            _ => destination == port,
        };
    }

    /// <summary>struct inet_diag_hostcond: family, bits, port, address.</summary>
    private static bool IsHost(ReadOnlySpan<byte> condition, int family, in SocketAddress address)
    {
        var (wanted, bits, port) = (condition[0], condition[1], BinaryPrimitives.ReadInt32LittleEndian(condition[4..]));
        if (port != -1 && port != address.Port)
            return false;
        if (wanted != SocketAbi.AF_UNSPEC && wanted != family && !(wanted == SocketAbi.AF_INET && address.Ip.IsMapped))
            return false;
        Span<byte> bytes = stackalloc byte[InternetAddress.Size];
        address.Ip.Write(bytes);
        var compared = wanted == SocketAbi.AF_INET ? bytes[(InternetAddress.Size - sizeof(uint))..] : bytes;
        var (whole, part) = (bits >> 3, bits & 7);
        return compared[..whole].SequenceEqual(condition.Slice(HostBytes, whole))
            && (part == 0 || (compared[whole] ^ condition[HostBytes + whole]) >> (8 - part) == 0);
    }
}
