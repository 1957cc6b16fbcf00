namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Numbers of the netlink sockets of a cVM (nl_pid).</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class NetlinkPorts
{
    private readonly Lock _gate = new();
    private HashSet<uint>? _taken; // made at first use: a start without it compiles less
    private uint _next = uint.MaxValue;

    /// <summary>Takes a number, or of 0 that of the process or else a free one; false if it is taken.</summary>
    public bool TryTake(uint wanted, int process, out uint taken)
    {
        lock (_gate)
        {
            _taken ??= [];
            taken = wanted != 0 ? wanted : (uint)process;
            if (wanted != 0)
                return _taken.Add(taken);
            while (!_taken.Add(taken))
                taken = _next--;
            return true;
        }
    }

    /// <summary>Gives one back.</summary>
    public void Release(uint port)
    {
        lock (_gate)
            _taken?.Remove(port);
    }
}
