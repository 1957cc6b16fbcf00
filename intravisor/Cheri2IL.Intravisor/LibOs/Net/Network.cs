namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>The network of an Intravisor: connects its cVMs with each other and with nothing else.</summary>
/// <remarks>Thread-safe. What goes over it never reaches the host's kernel.</remarks>
public sealed class Network
{
    /// <summary>10.0.0.0, whose hosts are the cVMs, in the order in which they were made.</summary>
    private const uint Prefix = 10u << 24;

    private const uint Hosts = 0xfffffe;

    private readonly Lock _gate = new();

    /// <summary>By number of the host.</summary>
    private readonly Dictionary<int, NetworkStack> _stacks = [];
    private uint _last;

    /// <summary>The cVMs that there are, by name and address (as 10.0.0.1).</summary>
    public IReadOnlyList<(string Name, string Address)> Names
    {
        get
        {
            lock (_gate)
                return [.. _stacks.Values.Select(s => (s.Name, Format(s.Address.Mapped))).OrderBy(s => s.Name, StringComparer.Ordinal)];
        }
    }

    /// <summary>An address of IPv4 as text.</summary>
    internal static string Format(uint address) => $"{address >> 24}.{(address >> 16) & 255}.{(address >> 8) & 255}.{address & 255}";

    /// <summary>The cVM that has an address; null if none has.</summary>
    internal NetworkStack? Find(InternetAddress address)
    {
        lock (_gate)
            return address.IsMapped ? _stacks.GetValueOrDefault(NumberOf(address)) : null;
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
