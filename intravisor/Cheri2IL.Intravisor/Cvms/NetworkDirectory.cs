using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Net;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>/proc/PID/net (proc_pid_net(5)): sockets that processes of the cVM have, interfaces, routes. All processes are in one network.</summary>
internal sealed class NetworkDirectory : DirectoryNode
{
    private const string Header4 = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
    private const string Header6 = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
    private const string DatagramHeader = " ref pointer drops";

    /// <summary>Widths of rows of IPv4, which are padded (net/ipv4/tcp_ipv4.c, udp.c, fib_trie.c).</summary>
    private const int TcpWidth = 149;

    private const int UdpWidth = 127;
    private const int RouteWidth = 127;

    private const byte TcpEstablished = 1;
    private const byte TcpClose = 7;

    private readonly Cvm _cvm;
    private bool _isFilled;

    public NetworkDirectory(Cvm cvm, FileSystem tree, DirectoryNode parent)
        : base(tree, parent, 0x16d) => _cvm = cvm;

    /// <inheritdoc/>
    public override IEnumerable<NamedInode> Children
    {
        get
        {
            Fill();
            return base.Children;
        }
    }

    /// <inheritdoc/>
    public override Inode? Lookup(string name)
    {
        Fill();
        return base.Lookup(name);
    }

    /// <summary>Makes the files when the directory is first looked into, which few programs do. The caller holds the file system's gate.</summary>
    private void Fill()
    {
        if (_isFilled)
            return;
        _isFilled = true;
        foreach (var (family, suffix) in (ReadOnlySpan<(int, string)>)[(SocketAbi.AF_INET, ""), (SocketAbi.AF_INET6, "6")])
        {
            Show("tcp" + suffix, () => Tcp(family));
            Show("udp" + suffix, () => Datagrams(family, SocketAbi.IPPROTO_UDP));
            Show("udplite" + suffix, () => Datagrams(family, SocketAbi.IPPROTO_UDPLITE));
            Show("icmp" + suffix, () => Datagrams(family, family == SocketAbi.AF_INET ? SocketAbi.IPPROTO_ICMP : SocketAbi.IPPROTO_ICMPV6));
            Show("raw" + suffix, () => (family == SocketAbi.AF_INET ? Header4 : Header6) + DatagramHeader + "\n");
        }

        Show("unix", Unix);
        Show("dev", () => "Inter-|   Receive                                                |  Transmit\n"
            + " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
            + NetworkCounts.Devices(_cvm.Network));
        Show("route", () => "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT".PadRight(RouteWidth) + "\n" + string.Concat(
            NetworkInterface.Of(_cvm.Network).Where(i => i.Index != NetworkInterface.LoopbackIndex).Select(i => string.Create(
                CultureInfo.InvariantCulture, $"{i.Name}\t{Word(i.Address & NetworkInterface.Mask):X8}\t00000000\t0001\t0\t0\t0\t{Word(NetworkInterface.Mask):X8}\t0\t0\t0").PadRight(RouteWidth) + "\n")));
        // Scope: of the host, or global; flag: permanent.
        Show("if_inet6", () => string.Concat(NetworkInterface.Of(_cvm.Network).Select(
            i => $"{Hexadecimal(i.Address6)} {i.Index:x2} {i.Prefix6:x2} {(i.Index == NetworkInterface.LoopbackIndex ? 0x10 : 0):x2} 80 {i.Name,8}\n")));
        Show("ipv6_route", () => string.Concat(NetworkInterface.Of(_cvm.Network).Select(
            i => $"{Hexadecimal(i.Network6)} {i.Prefix6:x2} {Hexadecimal(default)} 00 {Hexadecimal(default)} {NetworkInterface.Metric6:x8} 00000001 00000000 00000001 {i.Name,8}\n")));
        Show("arp", () => "IP address       HW type     Flags       HW address            Mask     Device\n");
        Show("snmp", () => NetworkCounts.Snmp(_cvm.Network));
        Show("snmp6", () => NetworkCounts.Snmp6(_cvm.Network));
        Show("sockstat", Counts);
        Show("sockstat6", Counts6);
    }

    private string Tcp(int family)
    {
        var text = new StringBuilder();
        Append(text, family == SocketAbi.AF_INET ? Header4 : Header6, family, TcpWidth);
        var slot = 0;
        foreach (var socket in _cvm.Network.Sockets)
        {
            if (socket.Family != family || socket is not StreamSocket stream || stream.Shown is not { State: not 0 } shown)
                continue;
            var row = Row($"{slot++,4}", socket, shown.Remote, shown.State, shown.Waiting);
            Append(text, row + (stream.IsListening ? " 1 0000000000000000 100 0 0 10 0" : " 1 0000000000000000 20 4 30 10 -1"), family, TcpWidth);
        }

        return text.ToString();
    }

    private string Datagrams(int family, int protocol)
    {
        var text = new StringBuilder();
        // That of UDP has a space more.
        Append(text, (family == SocketAbi.AF_INET ? (protocol == SocketAbi.IPPROTO_ICMP ? "" : " ") + Header4 : Header6) + DatagramHeader, family, UdpWidth);
        var slot = 0;
        foreach (var socket in _cvm.Network.Sockets)
        {
            if (socket.Family != family || socket.Protocol != protocol || !socket.IsBound || socket is not DatagramSocket)
                continue;
            var remote = socket.PeerAddress;
            var row = Row($"{slot++,5}", socket, remote, remote.Family == SocketAbi.AF_UNSPEC ? TcpClose : TcpEstablished, socket.Available);
            Append(text, row + " 2 0000000000000000 0", family, UdpWidth);
        }

        return text.ToString();
    }

    private string Unix()
    {
        const int accepts = 0x10000, unconnected = 1, connected = 3;
        var text = new StringBuilder("Num       RefCount Protocol Flags    Type St Inode Path\n");
        foreach (var socket in _cvm.Network.Sockets)
        {
            if (socket.Family != SocketAbi.AF_UNIX)
                continue;
            var isConnected = socket.PeerAddress.Family != SocketAbi.AF_UNSPEC;
            text.Append(CultureInfo.InvariantCulture, $"0000000000000000: {(isConnected ? 3 : 2):X8} 00000000 {(socket is StreamSocket { IsListening: true } ? accepts : 0):X8} {socket.Type:X4} {(isConnected ? connected : unconnected):X2} {socket.ShownInode,5}");
            if (socket.LocalAddress.Path is { } path)
                text.Append(' ').Append(path[0] == 0 ? path.Replace('\0', '@') : path);
            text.Append('\n');
        }

        return text.ToString();
    }

    private string Counts()
    {
        var all = _cvm.Network.Sockets;
        int Of(int protocol) => InUse(all, SocketAbi.AF_INET, protocol);
        var tcp = all.Count(s => s is StreamSocket { Family: SocketAbi.AF_INET or SocketAbi.AF_INET6 });
        return string.Create(CultureInfo.InvariantCulture, $"sockets: used {all.Count}\nTCP: inuse {Of(SocketAbi.IPPROTO_TCP)} orphan 0 tw 0 alloc {tcp} mem 0\nUDP: inuse {Of(SocketAbi.IPPROTO_UDP)} mem 0\nUDPLITE: inuse {Of(SocketAbi.IPPROTO_UDPLITE)}\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n");
    }

    private string Counts6()
    {
        var all = _cvm.Network.Sockets;
        int Of(int protocol) => InUse(all, SocketAbi.AF_INET6, protocol);
        return string.Create(CultureInfo.InvariantCulture, $"TCP6: inuse {Of(SocketAbi.IPPROTO_TCP)}\nUDP6: inuse {Of(SocketAbi.IPPROTO_UDP)}\nUDPLITE6: inuse {Of(SocketAbi.IPPROTO_UDPLITE)}\nRAW6: inuse 0\nFRAG6: inuse 0 memory 0\n");
    }

    private static int InUse(List<Socket> all, int family, int protocol)
        => all.Count(s => s.Family == family && s.Protocol == protocol && s.IsBound);

    /// <summary>What rows of all protocols of IP begin with.</summary>
    private static string Row(string slot, Socket socket, in SocketAddress remote, byte state, long waiting)
        => string.Create(CultureInfo.InvariantCulture, $"{slot}: {Show(socket.LocalAddress, socket.Family)} {Show(remote, socket.Family)} {state:X2} {0:X8}:{waiting:X8} 00:00000000 00000000 {socket.Self.User,5} {0,8} {socket.ShownInode}");

    /// <summary>Words of the address as they lie in memory, in the order of this machine's bytes, and the port.</summary>
    private static string Show(in SocketAddress address, int family)
    {
        if (family == SocketAbi.AF_INET)
            return string.Create(CultureInfo.InvariantCulture, $"{Word(address.Ip.Mapped):X8}:{address.Port:X4}");
        var (high, low) = (address.Ip.High, address.Ip.Low);
        return string.Create(CultureInfo.InvariantCulture, $"{Word((uint)(high >> 32)):X8}{Word((uint)high):X8}{Word((uint)(low >> 32)):X8}{Word((uint)low):X8}:{address.Port:X4}");
    }

    private static string Hexadecimal(InternetAddress address) => $"{address.High:x16}{address.Low:x16}";

    private static uint Word(uint value) => BinaryPrimitives.ReverseEndianness(value);

    private static void Append(StringBuilder text, string row, int family, int width) => text.Append(family == SocketAbi.AF_INET ? row.PadRight(width) : row).Append('\n');

    private void Show(string name, Func<string> content) => Link(name, ComputedFile.OfText(FileSystem, content));
}
