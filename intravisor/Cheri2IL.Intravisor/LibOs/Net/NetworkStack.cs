using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>The network as one cVM sees it: its address, the names of its sockets, and the other cVMs.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class NetworkStack : IDisposable
{
    private readonly int _mostInFlight;
    private readonly Func<IEnumerable<Socket>> _open;
    private int _inFlight;

    /// <summary>Joins a network.</summary>
    /// <param name="network">The network.</param>
    /// <param name="name">Name of the cVM, by which others find it.</param>
    /// <param name="files">Its files; what sockets hold is charged to it.</param>
    /// <param name="mostInFlight">Most files that may be on their way through its Unix sockets.</param>
    /// <param name="bridge">What joins it with the host's network; null: nothing does.</param>
    /// <param name="open">The sockets that descriptors of its processes stand for.</param>
    internal NetworkStack(Network network, string name, FileSystem files, int mostInFlight, HostBridge? bridge, Func<IEnumerable<Socket>> open)
    {
        (Network, Name, Files, Bridge) = (network, name, files, bridge);
        (_mostInFlight, _open) = (mostInFlight, open);
        InetNames = new InetNames(this);
        Address = InternetAddress.Map(network.Join(this));
    }

    /// <summary>The network.</summary>
    public Network Network { get; }

    /// <summary>Name of the cVM.</summary>
    public string Name { get; }

    /// <summary>Its address in the network, of IPv4 mapped into IPv6.</summary>
    public InternetAddress Address { get; }

    /// <summary>Its address of IPv6 there.</summary>
    public InternetAddress Address6 => Network.Unique(Address);

    /// <summary>Each socket that a descriptor stands for, and connections that wait to be accepted, in the order in which they were made.</summary>
    internal List<Socket> Sockets
    {
        get
        {
            HashSet<Socket> all = [.. _open()];
            all.UnionWith(all.OfType<StreamSocket>().SelectMany(s => s.Unaccepted).ToArray());
            return [.. all.OrderBy(s => s.Inode.Number)];
        }
    }

    /// <summary>The cVM's files.</summary>
    internal FileSystem Files { get; }

    /// <summary>Names of its TCP and UDP sockets.</summary>
    internal InetNames InetNames { get; }

    /// <summary>Names of its Unix sockets.</summary>
    internal UnixNames UnixNames { get; } = new();

    /// <summary>What was counted of its traffic.</summary>
    internal Traffic Traffic => field ??= new();

    /// <summary>Numbers of its netlink sockets.</summary>
    internal NetlinkPorts NetlinkPorts { get; } = new();

    /// <summary>What joins it with the host's network; null: nothing does.</summary>
    internal HostBridge? Bridge { get; }

    /// <summary>Leaves the network: nobody finds it any more.</summary>
    public void Dispose()
    {
        Network.Leave(this);
        Bridge?.Dispose();
    }

    /// <summary>Files begin to be on their way; false if there are too many.</summary>
    internal bool SendFiles(int count)
    {
        if (Interlocked.Add(ref _inFlight, count) <= _mostInFlight)
            return true;
        LandFiles(count);
        return false;
    }

    /// <summary>They have arrived, or are lost.</summary>
    internal void LandFiles(int count) => Interlocked.Add(ref _inFlight, -count);

    /// <summary>Begins to connect a socket with an address that is no cVM's; 0 with the connection made, -EINPROGRESS, or why not.</summary>
    internal int ConnectOutside(StreamSocket socket, in SocketAddress address) => Bridge?.Connect(socket, address) ?? -Errno.ENETUNREACH;
}
