using System.Globalization;
using System.Net;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>A port of the host whose connections, or datagrams, are passed on to a cVM.</summary>
/// <param name="Address">Host address to listen at.</param>
/// <param name="HostPort">Port there, 1 to 65535.</param>
/// <param name="GuestPort">Port inside the cVM, 1 to 65535.</param>
/// <param name="IsDatagram">Whether they are ports of UDP, not of TCP.</param>
public sealed record PublishedPort(IPAddress Address, int HostPort, int GuestPort, bool IsDatagram = false)
{
    private const string Datagram = "/udp";
    private const string Stream = "/tcp";

    /// <summary>Reads [ADDRESS:]PORT, the separator, PORT[/tcp|/udp]; null if it is none. The address is 127.0.0.1 unless given.</summary>
    public static PublishedPort? Parse(string text, string separator)
    {
        text = TakeProtocol(text, out var isDatagram);
        var end = text.LastIndexOf(separator, StringComparison.Ordinal);
        if (end < 0)
            return null;
        var host = text[..end];
        var colon = host.LastIndexOf(':');
        var address = IPAddress.Loopback;
        return (colon < 0 || IPAddress.TryParse(host.AsSpan(0, colon), out address!))
            && PortNumber(host[(colon + 1)..]) is { } hostPort && PortNumber(text[(end + separator.Length)..]) is { } guestPort
            ? new PublishedPort(address, hostPort, guestPort, isDatagram) : null;
    }

    /// <summary>Takes /tcp or /udp off the end.</summary>
    internal static string TakeProtocol(string text, out bool isDatagram)
    {
        isDatagram = text.EndsWith(Datagram, StringComparison.Ordinal);
        return isDatagram || text.EndsWith(Stream, StringComparison.Ordinal) ? text[..^Stream.Length] : text;
    }

    /// <summary>A port's number; null if the text is none.</summary>
    internal static int? PortNumber(string text)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and < 65536 ? port : null;
}

/// <summary>Where a cVM may connect, or send datagrams, to outside of the Intravisor.</summary>
/// <param name="Host">Address, or name that is looked up when the cVM starts.</param>
/// <param name="Port">Port, 1 to 65535.</param>
/// <param name="IsDatagram">Whether it is a port of UDP, not of TCP.</param>
public sealed record ReachableHost(string Host, int Port, bool IsDatagram = false)
{
    /// <summary>Reads HOST:PORT[/tcp|/udp]; null if it is none.</summary>
    public static ReachableHost? Parse(string text)
    {
        text = PublishedPort.TakeProtocol(text, out var isDatagram);
        var colon = text.LastIndexOf(':');
        return colon > 0 && PublishedPort.PortNumber(text[(colon + 1)..]) is { } port && Uri.CheckHostName(text[..colon].Trim('[', ']')) != UriHostNameType.Unknown
            ? new ReachableHost(text[..colon].Trim('[', ']'), port, isDatagram) : null;
    }
}
