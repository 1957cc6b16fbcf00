namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>The network of an Intravisor: connects its cVMs with each other and with nothing else.</summary>
/// <remarks>Thread-safe. What goes over it never reaches the host's kernel.</remarks>
public sealed class Network
{
    /// <summary>10.0.0.0, whose hosts are the cVMs, in the order in which they were made.</summary>
    private const uint Prefix = 10u << 24;

    private const uint Hosts = 0xfffffe;

    /// <summary>fdc2:11::/64, unique local addresses (RFC 4193), of which the last 32 bits are the address of IPv4.</summary>
    private const ulong Prefix6 = 0xfdc2_0011_0000_0000;

    private readonly Lock _gate = new();

    /// <summary>By number of the host.</summary>
    private readonly Dictionary<int, NetworkStack> _stacks = [];
    private uint _last;

    /// <summary>The cVMs that there are, by name and address: each with that of IPv4 (as 10.0.0.1) and that of IPv6.</summary>
    public IReadOnlyList<(string Name, string Address)> Names
    {
        get
        {
            lock (_gate)
                return [.. _stacks.Values.OrderBy(s => s.Name, StringComparer.Ordinal).SelectMany(s => (IEnumerable<(string, string)>)[(s.Name, s.Address.ToString()), (s.Name, s.Address6.ToString())])];
        }
    }

    /// <summary>The address of IPv6 of the host that has one of IPv4.</summary>
    internal static InternetAddress Unique(InternetAddress address) => new(Prefix6, address.Mapped);

    /// <summary>The cVM that has an address; null if none has.</summary>
    internal NetworkStack? Find(InternetAddress address)
    {
        lock (_gate)
            return address.IsMapped || Unique(address) == address ? _stacks.GetValueOrDefault(NumberOf(address)) : null;
    }

    /// <summary>Enters a cVM; its address.</summary>
    internal uint Join(NetworkStack stack)
    {
        lock (_gate)
        {
            do
                _last = (_last % Hosts) + 1;
            while (_stacks.ContainsKey((int)_last));
            _stacks.Add((int)_last, stack);
            return Prefix + _last;
        }
    }

    /// <summary>Takes a cVM out.</summary>
    internal void Leave(NetworkStack stack)
    {
        lock (_gate)
            _stacks.Remove(NumberOf(stack.Address));
    }

    /// <summary>Of an address outside of the network, a number that no host has.</summary>
    private static int NumberOf(InternetAddress address) => (int)(address.Mapped - Prefix);
}
