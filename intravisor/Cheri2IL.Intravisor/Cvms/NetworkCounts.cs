using System.Globalization;
using System.Text;
using Cheri2IL.Intravisor.LibOs.Net;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>/proc/net/snmp, snmp6 and dev: counters under the names of their standards (net/ipv4/proc.c, net/ipv6/proc.c). What cannot happen here is 0.</summary>
internal static class NetworkCounts
{
    private const byte Established = 1;
    private const byte CloseWait = 8;

    /// <summary>/proc/net/snmp.</summary>
    public static string Snmp(NetworkStack stack)
    {
        var (sockets, text) = (stack.Sockets, new StringBuilder());
        var counts = Traffic.Of(stack, sockets);
        long Of(Counter counter) => counts[false, counter];
        var (received, sent) = Packets(counts, isOfIpv6: false);
        var current = sockets.OfType<StreamSocket>().Count(s => s.Protocol != 0 && s.Shown.State is Established or CloseWait);
        Append(text, "Ip", "Forwarding 2 DefaultTTL 64 InReceives # InHdrErrors 0 InAddrErrors 0 ForwDatagrams 0 InUnknownProtos 0 InDiscards 0 InDelivers # OutRequests # OutDiscards 0 OutNoRoutes 0 ReasmTimeout 0 ReasmReqds 0 ReasmOKs 0 ReasmFails 0 FragOKs 0 FragFails 0 FragCreates 0", received, received, sent);
        Append(
            text, "Icmp", "InMsgs # InErrors 0 InCsumErrors 0 InDestUnreachs # InTimeExcds 0 InParmProbs 0 InSrcQuenchs 0 InRedirects 0 InEchos # InEchoReps # InTimestamps 0 InTimestampReps 0 InAddrMasks 0 InAddrMaskReps 0 OutMsgs # OutErrors 0 OutRateLimitGlobal 0 OutRateLimitHost 0 OutDestUnreachs # OutTimeExcds 0 OutParmProbs 0 OutSrcQuenchs 0 OutRedirects 0 OutEchos # OutEchoReps # OutTimestamps 0 OutTimestampReps 0 OutAddrMasks 0 OutAddrMaskReps 0",
            Of(Counter.UnreachableIn) + Of(Counter.EchoesIn) + Of(Counter.AnswersIn), Of(Counter.UnreachableIn), Of(Counter.EchoesIn), Of(Counter.AnswersIn),
            Of(Counter.UnreachableOut) + Of(Counter.EchoesOut) + Of(Counter.AnswersOut), Of(Counter.UnreachableOut), Of(Counter.EchoesOut), Of(Counter.AnswersOut));
        // TCP counts both families together.
        Append(
            text, "Tcp", "RtoAlgorithm 1 RtoMin 200 RtoMax 120000 MaxConn -1 ActiveOpens # PassiveOpens # AttemptFails # EstabResets # CurrEstab # InSegs # OutSegs # RetransSegs 0 InErrs 0 OutRsts # InCsumErrors 0",
            counts[Counter.ActiveOpens], counts[Counter.PassiveOpens], counts[Counter.AttemptFails], counts[Counter.Resets], current,
            counts[Counter.SegmentsIn], counts[Counter.SegmentsOut], counts[Counter.ResetsOut]);
        Append(
            text, "Udp", "InDatagrams # NoPorts # InErrors # OutDatagrams # RcvbufErrors # SndbufErrors 0 InCsumErrors 0 IgnoredMulti 0 MemErrors 0",
            Of(Counter.UdpIn), Of(Counter.UdpNoPorts), Of(Counter.UdpNoRoom), Of(Counter.UdpOut), Of(Counter.UdpNoRoom));
        return text.ToString();
    }

    /// <summary>/proc/net/snmp6.</summary>
    public static string Snmp6(NetworkStack stack)
    {
        var counts = Traffic.Of(stack, stack.Sockets);
        var (received, sent) = Packets(counts, isOfIpv6: true);
        long Of(Counter counter) => counts[true, counter];
        (string Name, long Value)[] rows =
        [
            ("Ip6InReceives", received), ("Ip6InDelivers", received), ("Ip6OutRequests", sent),
            ("Ip6InOctets", Of(Counter.LoopbackBytes) + Of(Counter.EthernetBytesIn)), ("Ip6OutOctets", Of(Counter.LoopbackBytes) + Of(Counter.EthernetBytesOut)),
            ("Icmp6InMsgs", Of(Counter.UnreachableIn) + Of(Counter.EchoesIn) + Of(Counter.AnswersIn)),
            ("Icmp6OutMsgs", Of(Counter.UnreachableOut) + Of(Counter.EchoesOut) + Of(Counter.AnswersOut)),
            ("Icmp6InDestUnreachs", Of(Counter.UnreachableIn)), ("Icmp6InEchos", Of(Counter.EchoesIn)), ("Icmp6InEchoReplies", Of(Counter.AnswersIn)),
            ("Icmp6OutDestUnreachs", Of(Counter.UnreachableOut)), ("Icmp6OutEchos", Of(Counter.EchoesOut)), ("Icmp6OutEchoReplies", Of(Counter.AnswersOut)),
            ("Udp6InDatagrams", Of(Counter.UdpIn)), ("Udp6NoPorts", Of(Counter.UdpNoPorts)), ("Udp6InErrors", Of(Counter.UdpNoRoom)),
            ("Udp6OutDatagrams", Of(Counter.UdpOut)), ("Udp6RcvbufErrors", Of(Counter.UdpNoRoom)),
        ];
        return string.Concat(rows.Select(r => $"{r.Name,-32}\t{r.Value}\n"));
    }

    /// <summary>A row for each interface of /proc/net/dev.</summary>
    public static string Devices(NetworkStack stack)
    {
        var counts = Traffic.Of(stack, stack.Sockets);
        return string.Concat(NetworkInterface.Of(stack).Select(i =>
        {
            var isLoopback = i.Index == NetworkInterface.LoopbackIndex;
            var (packetsIn, bytesIn) = (counts[isLoopback ? Counter.LoopbackPackets : Counter.EthernetPacketsIn], counts[isLoopback ? Counter.LoopbackBytes : Counter.EthernetBytesIn]);
            var (packetsOut, bytesOut) = isLoopback ? (packetsIn, bytesIn) : (counts[Counter.EthernetPacketsOut], counts[Counter.EthernetBytesOut]);
            return $"{i.Name,6}: {bytesIn,7} {packetsIn,7} {0,4} {0,4} {0,4} {0,5} {0,10} {0,9} {bytesOut,8} {packetsOut,7} {0,4} {0,4} {0,4} {0,5} {0,7} {0,10}\n";
        }));
    }

    private static (long Received, long Sent) Packets(Traffic counts, bool isOfIpv6)
    {
        var local = counts[isOfIpv6, Counter.LoopbackPackets];
        return (local + counts[isOfIpv6, Counter.EthernetPacketsIn], local + counts[isOfIpv6, Counter.EthernetPacketsOut]);
    }

    /// <summary>A line of names, and a line of values, which stand behind their names; # stands for the next one.</summary>
    private static void Append(StringBuilder text, string protocol, string fields, params ReadOnlySpan<long> values)
    {
        var (names, numbers, next) = (new StringBuilder(protocol + ":"), new StringBuilder(protocol + ":"), 0);
        var words = fields.Split(' ');
        for (var k = 0; k < words.Length; k += 2)
        {
            names.Append(' ').Append(words[k]);
            numbers.Append(' ').Append(words[k + 1] == "#" ? values[next++].ToString(CultureInfo.InvariantCulture) : words[k + 1]);
        }

        text.Append(names).Append('\n').Append(numbers).Append('\n');
    }
}
