using System.Buffers.Binary;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>What sock_diag(7) tells of a socket: struct inet_diag_msg or unix_diag_msg, and attributes.</summary>
internal static class SocketReport
{
    /// <summary>Most bytes of one, with as many connections that wait as a socket may have.</summary>
    public const int MostBytes = 1024 + (StreamSocket.MostWaiting * sizeof(uint));

    private const ushort SOCK_DIAG_BY_FAMILY = 20;
    private const byte TCP_ESTABLISHED = 1;
    private const byte TCP_CLOSE = 7;
    private const byte TCP_LISTEN = 10;

    /// <summary>State in the words of TCP, 0 if it is not shown; the other end, and what waits to be read or accepted.</summary>
    public static (byte State, SocketAddress Remote, long Waiting) StateOf(Socket socket)
    {
        if (socket is StreamSocket { Protocol: SocketAbi.IPPROTO_TCP } stream)
            return stream.Shown;
        var peer = socket.PeerAddress;
        var state = peer.Family != SocketAbi.AF_UNSPEC ? TCP_ESTABLISHED : socket is StreamSocket { IsListening: true } ? TCP_LISTEN : TCP_CLOSE;
        return socket.Family != SocketAbi.AF_UNIX && !socket.IsBound ? default
            : (state, peer, socket is StreamSocket { IsListening: true } listener ? listener.Unaccepted.Length : Math.Max(0, socket.Available));
    }

    /// <summary>Tells of a socket if it belongs into a list of what is asked for.</summary>
    /// <param name="query">What is asked for.</param>
    /// <param name="socket">The socket.</param>
    /// <param name="to">Where to.</param>
    public static void List(SocketQuery query, Socket socket, ref NetlinkWriter to)
    {
        if (socket.Family != query.Family || !query.IsOfAKnownProtocol || (query.Family != SocketAbi.AF_UNIX && socket.Protocol != query.Protocol))
            return;
        var shown = StateOf(socket);
        if (shown.State != 0 && query.Includes(socket, shown.State, shown.Remote))
            Tell(query, socket, shown, ref to);
    }

    /// <summary>Tells of the one socket that is asked for: 0 or a negated errno.</summary>
    public static int Find(SocketQuery query, IReadOnlyList<Socket> all, ref NetlinkWriter to)
    {
        if (query.Family == SocketAbi.AF_UNIX && query.Inode == 0)
            return -Errno.EINVAL;
        if (!query.IsOfAKnownProtocol)
            return -Errno.ENOENT;
        // A connection before what listens at the same port.
        foreach (var isConnected in (ReadOnlySpan<bool>)[true, false])
        {
            foreach (var socket in all)
            {
                if (socket.Family != query.Family)
                    continue;
                var shown = StateOf(socket);
                var isWanted = query.Family == SocketAbi.AF_UNIX ? socket.ShownInode == query.Inode
                    : socket.Protocol == query.Protocol && shown.State != 0 && (shown.Remote.Family != SocketAbi.AF_UNSPEC) == isConnected && query.Names(socket, shown.Remote, isConnected);
                if (!isWanted)
                    continue;
                if (query.IsStale(socket))
                    return query.Family == SocketAbi.AF_UNIX ? -Errno.ESTALE : -Errno.ENOENT;
                Tell(query, socket, shown, ref to);
                return 0;
            }
        }

        return -Errno.ENOENT;
    }

    private static void Tell(SocketQuery query, Socket socket, (byte State, SocketAddress Remote, long Waiting) shown, ref NetlinkWriter to)
    {
        to.Begin(SOCK_DIAG_BY_FAMILY);
        if (query.Family == SocketAbi.AF_UNIX)
            TellUnix(query.Shown, socket, shown.State, shown.Waiting, ref to);
        else
            TellInet(query.Shown, socket, shown.State, shown.Remote, (int)shown.Waiting, ref to);
        to.End();
    }

    private static void TellInet(uint wanted, Socket socket, byte state, in SocketAddress remote, int waiting, ref NetlinkWriter to)
    {
        const ushort memory = 1, info = 2, service = 5, trafficClass = 6, socketMemory = 7, shutdown = 8, only6 = 11;
        var options = socket.Options;
        var cookie = SocketQuery.CookieOf(socket);
        to.Put(socket.Family | (state << 8));
        to.Put(BinaryPrimitives.ReverseEndianness(socket.LocalAddress.Port) | (BinaryPrimitives.ReverseEndianness(remote.Port) << 16));
        PutAddress(ref to, socket.Family, socket.LocalAddress.Ip);
        PutAddress(ref to, socket.Family, remote.Ip);
        to.Put(0);
        to.Put((int)cookie);
        to.Put((int)(cookie >> 32));
        to.Put(0);
        to.Put(waiting);
        to.Put(socket is StreamSocket { IsListening: true } listener ? listener.Backlog : 0);
        to.Put(socket.Self.User);
        to.Put((int)socket.ShownInode);
        to.PutAttribute(shutdown, [(byte)socket.ShutDown]);
        bool Wants(ushort attribute) => (wanted & (1u << (attribute - 1))) != 0;
        if (Wants(service))
            to.PutAttribute(service, [(byte)options.ValueOr(SocketAbi.IPPROTO_IP, SocketAbi.IP_TOS, 0)]);
        if (socket.Family == SocketAbi.AF_INET6)
        {
            if (Wants(trafficClass))
                to.PutAttribute(trafficClass, [(byte)options.ValueOr(SocketAbi.IPPROTO_IPV6, SocketAbi.IPV6_TCLASS, 0)]);
            if (state is TCP_LISTEN or TCP_CLOSE)
                to.PutAttribute(only6, [(byte)(options.IsOnly6 ? 1 : 0)]);
        }

        var received = state == TCP_LISTEN ? 0 : waiting;
        if (Wants(memory))
            to.PutAttribute(memory, Words.AsBytes((Span<int>)[received, 0, 0, 0]));
        if (Wants(socketMemory))
            PutMemory(ref to, socketMemory, received, options);
        if (Wants(info) && socket is StreamSocket stream)
        {
            Span<byte> bytes = stackalloc byte[StreamSocket.InfoBytes];
            bytes.Clear();
            to.PutAttribute(info, bytes[..stream.GetInfo(bytes)]);
        }
    }

    private static void TellUnix(uint wanted, Socket socket, byte state, long waiting, ref NetlinkWriter to)
    {
        const uint wantsName = 1, wantsFile = 2, wantsPeer = 4, wantsConnections = 8, wantsQueues = 0x10, wantsMemory = 0x20, wantsUser = 0x40;
        const ushort name = 0, file = 1, peer = 2, connections = 3, queues = 4, memory = 5, shutdown = 6, user = 7;
        var cookie = SocketQuery.CookieOf(socket);
        to.Put(SocketAbi.AF_UNIX | (socket.Type << 8) | (state << 16));
        to.Put((int)socket.ShownInode);
        to.Put((int)cookie);
        to.Put((int)(cookie >> 32));
        var listener = state == TCP_LISTEN ? (StreamSocket)socket : null;
        if ((wanted & wantsName) != 0 && socket.LocalAddress.Path is { } path)
            to.PutAttribute(name, FileSystem.ToBytes(path[0] == 0 ? path : path + "\0"));
        if ((wanted & wantsFile) != 0 && socket.FoundBy is { } node)
            to.PutAttribute(file, Words.AsBytes((Span<int>)[(int)node.Number, node.FileSystemNumber]));
        if ((wanted & wantsPeer) != 0 && socket.Peer is { } other)
            to.PutAttribute(peer, (int)other.ShownInode);
        if ((wanted & wantsConnections) != 0 && listener is not null)
            to.PutAttribute(connections, Words.AsBytes((Span<int>)[.. listener.Unaccepted.Take(StreamSocket.MostWaiting).Select(s => (int)(s.Peer?.ShownInode ?? 0))]));
        if ((wanted & wantsQueues) != 0)
            to.PutAttribute(queues, Words.AsBytes((Span<int>)[(int)waiting, listener?.Backlog ?? (int)(socket.Peer?.Available ?? 0)]));
        if ((wanted & wantsMemory) != 0)
            PutMemory(ref to, memory, listener is null ? (int)waiting : 0, socket.Options);
        to.PutAttribute(shutdown, [(byte)socket.ShutDown]);
        if ((wanted & wantsUser) != 0)
            to.PutAttribute(user, socket.Self.User);
    }

    /// <summary>struct inet_diag_sockid has room for any address.</summary>
    private static void PutAddress(ref NetlinkWriter to, int family, InternetAddress address)
    {
        Span<byte> bytes = stackalloc byte[InternetAddress.Size];
        if (family == SocketAbi.AF_INET6)
        {
            address.Write(bytes);
        }
        else
        {
            bytes.Clear();
            BinaryPrimitives.WriteUInt32BigEndian(bytes, address.Mapped);
        }

        to.Put(bytes);
    }

    /// <summary>SK_MEMINFO_: received, and room for that; sent, and room for that; of the rest there is nothing.</summary>
    private static void PutMemory(ref NetlinkWriter to, ushort attribute, int received, SocketOptions options)
        => to.PutAttribute(attribute, Words.AsBytes((Span<int>)[received, options.ReceiveBuffer, 0, options.SendBuffer, 0, 0, 0, 0, 0]));
}
