using System.Buffers;
using System.Buffers.Binary;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>
/// A datagram socket of ICMP, which sends requests for an echo and receives the answers (icmp(7), net/ipv4/ping.c): its port is the identifier in both. cVMs
/// answer without any program's help, so that the answer is there when the call returns.
/// </summary>
internal sealed class EchoSocket : DatagramSocket
{
    private const int HeaderBytes = 8;
    private const int MostBytes = 0xffff;

    private const byte ICMP_ECHOREPLY = 0;
    private const byte ICMP_ECHO = 8;
    private const byte ICMPV6_ECHO_REQUEST = 128;
    private const byte ICMPV6_ECHO_REPLY = 129;

    /// <summary>Makes a socket without destination.</summary>
    public EchoSocket(NetworkStack stack, int family)
        : base(stack, family, family == SocketAbi.AF_INET ? SocketAbi.IPPROTO_ICMP : SocketAbi.IPPROTO_ICMPV6)
        // Identifiers are shared, unless somebody objects (net/ipv4/af_inet.c, INET_PROTOSW_REUSE).
        => Options.ReuseAddress = true;

    private bool IsOfIpv6 => Family == SocketAbi.AF_INET6;

    /// <inheritdoc/>
    public override long Send(CvmThread? thread, ref IoVector from, in Outgoing message, out Inbox? full)
    {
        full = null;
        if (from.Left > MostBytes)
            return -Errno.EMSGSIZE;
        if (from.Left < HeaderBytes)
            return -Errno.EINVAL;
        var buffer = ArrayPool<byte>.Shared.Rent((int)from.Left);
        try
        {
            var bytes = buffer.AsSpan(0, (int)from.Left);
            return from.TryTake(bytes) ? Ask(bytes, message) : -Errno.EFAULT;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Has an answer come for a request; bytes, or a negated errno.</summary>
    private long Ask(Span<byte> bytes, in Outgoing message)
    {
        // Type, code, checksum, identifier, number in a sequence.
        if (bytes[0] != (IsOfIpv6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO) || bytes[1] != 0)
            return -Errno.EINVAL;
        var to = message.To.Family != SocketAbi.AF_UNSPEC ? message.To : PeerAddress;
        if (to.Family == SocketAbi.AF_UNSPEC)
            return -Errno.EDESTADDRREQ;
        if (IsOfIpv6 && to.Ip.IsMapped)
            return -Errno.EINVAL;
        var destination = InetNames.Destination(to);
        if (Names.BindFor(this, destination) is var noNumber and not 0)
            return noNumber;
        var error = Stack.InetNames.FindHost(this, destination, message.Posting.Source, out var source, out var host);
        if (error == -Errno.ETIMEDOUT)
            return bytes.Length;
        if (error != 0)
            return error;
        Count(host!, bytes.Length);
        bytes[0] = IsOfIpv6 ? ICMPV6_ECHO_REPLY : ICMP_ECHOREPLY;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[4..], LocalAddress.Port);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], Checksum(bytes, destination.Ip, source.Ip));
        var vector = new IoVector(bytes);
        // No room: the answer is lost. It comes as the other's answers do, however the request was sent.
        _ = Inbox.Send(ref vector, destination with { Port = 0 }, null, new Delivery(source.Ip, Delivery.DefaultHops, 0));
        return bytes.Length;
    }

    private void Count(NetworkStack host, long bytes)
    {
        Traffic.Count(Stack, host, IsOfIpv6, bytes);
        Traffic.Count(host, Stack, IsOfIpv6, bytes);
        Stack.Traffic.Count(IsOfIpv6, Counter.EchoesOut);
        host.Traffic.Count(IsOfIpv6, Counter.EchoesIn);
        host.Traffic.Count(IsOfIpv6, Counter.AnswersOut);
        Stack.Traffic.Count(IsOfIpv6, Counter.AnswersIn);
    }

    /// <summary>RFC 1071; of IPv6 also of the addresses, the length and the protocol (RFC 8200, 8.1).</summary>
    private ushort Checksum(ReadOnlySpan<byte> bytes, InternetAddress source, InternetAddress destination)
    {
        var sum = 0UL;
        if (IsOfIpv6)
        {
            Span<byte> header = stackalloc byte[(2 * InternetAddress.Size) + sizeof(uint) + sizeof(uint)];
            source.Write(header);
            destination.Write(header[InternetAddress.Size..]);
            BinaryPrimitives.WriteInt32BigEndian(header[(2 * InternetAddress.Size)..], bytes.Length);
            BinaryPrimitives.WriteInt32BigEndian(header[^sizeof(uint)..], SocketAbi.IPPROTO_ICMPV6);
            sum = Sum(header);
        }

        sum += Sum(bytes);
        while (sum >> 16 != 0)
            sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~sum;
    }

    private static ulong Sum(ReadOnlySpan<byte> bytes)
    {
        var sum = 0UL;
        for (; bytes.Length >= sizeof(ushort); bytes = bytes[sizeof(ushort)..])
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
        return bytes.IsEmpty ? sum : sum + ((ulong)bytes[0] << 8);
    }
}
