using System.Globalization;
using System.Net;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>A port of the host whose connections are passed on to a cVM.</summary>
/// <param name="Address">Host address to listen at.</param>
/// <param name="HostPort">Port there, 1 to 65535.</param>
/// <param name="GuestPort">Port inside the cVM, 1 to 65535.</param>
public sealed record PublishedPort(IPAddress Address, int HostPort, int GuestPort)
{
    /// <summary>Reads [ADDRESS:]PORT, the separator, PORT; null if it is none. The address is 127.0.0.1 unless given.</summary>
    public static PublishedPort? Parse(string text, string separator)
    {
        var end = text.LastIndexOf(separator, StringComparison.Ordinal);
        if (end < 0)
            return null;
        var host = text[..end];
        var colon = host.LastIndexOf(':');
        var address = IPAddress.Loopback;
        return (colon < 0 || IPAddress.TryParse(host.AsSpan(0, colon), out address!))
            && PortNumber(host[(colon + 1)..]) is { } hostPort && PortNumber(text[(end + separator.Length)..]) is { } guestPort
            ? new PublishedPort(address, hostPort, guestPort) : null;
    }

    /// <summary>A port's number; null if the text is none.</summary>
    internal static int? PortNumber(string text)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and < 65536 ? port : null;
}

/// <summary>Where a cVM may connect to outside of the Intravisor.</summary>
/// <param name="Host">Address, or name that is looked up when the cVM starts.</param>
/// <param name="Port">Port, 1 to 65535.</param>
public sealed record ReachableHost(string Host, int Port)
{
    /// <summary>Reads HOST:PORT; null if it is none.</summary>
    public static ReachableHost? Parse(string text)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0 && PublishedPort.PortNumber(text[(colon + 1)..]) is { } port && Uri.CheckHostName(text[..colon].Trim('[', ']')) != UriHostNameType.Unknown
            ? new ReachableHost(text[..colon].Trim('[', ']'), port) : null;
    }
}
