using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <content>Lists of sockets (sock_diag(7)), which are told piece by piece as they are read, however many there are.</content>
internal sealed partial class NetlinkSocket
{
    /// <summary>Bytes of a piece, beyond which no further socket goes into it.</summary>
    private const int PieceBytes = 3072;

    private const ushort SOCK_DIAG_BY_FAMILY = 20;
    private const ushort SOCK_DESTROY = 21;

    /// <summary>A list that is not told to its end; under the gate.</summary>
    private SocketList? _list;

    /// <summary>What is asked for, and of whose request the answers are; the last socket that was told of.</summary>
    private sealed record SocketList(SocketQuery Query, uint Sequence)
    {
        public long Last { get; set; }
    }

    /// <summary>Begins a list, or tells of one socket: 0 or a negated errno (net/core/sock_diag.c, sock_diag_rcv_msg).</summary>
    private int DescribeSockets(ushort type, bool isDump, ReadOnlySpan<byte> asked, uint sequence, ref NetlinkWriter to)
    {
        const ushort tcpGetSock = 18, dccpGetSock = 19;
        if (type is not (SOCK_DIAG_BY_FAMILY or SOCK_DESTROY))
            return type is tcpGetSock or dccpGetSock ? -Errno.EOPNOTSUPP : -Errno.EINVAL;
        var error = SocketQuery.Read(asked, out var query);
        if (error != 0)
            return error;
        if (type == SOCK_DESTROY)
            return -Errno.EOPNOTSUPP;
        if (!isDump)
            return SocketReport.Find(query!, Stack.Sockets, ref to);
        lock (_gate)
        {
            if (_list is not null)
                return -Errno.EBUSY;
            _list = new SocketList(query!, sequence);
        }

        return 0;
    }

    /// <summary>Tells a piece more of the list that was begun, or, when there is none, its end.</summary>
    private void ContinueList()
    {
        lock (_gate)
        {
            if (_list is not { } list)
                return;
            var piece = new NetlinkWriter(new byte[PieceBytes + SocketReport.MostBytes], list.Sequence, LocalAddress.NetlinkPort, NLM_F_MULTI);
            foreach (var socket in Stack.Sockets)
            {
                if (socket.Inode.Number <= list.Last)
                    continue;
                if (piece.Bytes.Length >= PieceBytes)
                    break;
                SocketReport.List(list.Query, socket, ref piece);
                list.Last = socket.Inode.Number;
            }

            if (piece.Bytes.IsEmpty)
                _list = null;
            // Of a protocol that there is none of, that is the error of an empty list (net/ipv4/inet_diag.c, inet_diag_dump).
            var isTold = piece.Bytes.IsEmpty ? End(list.Sequence, list.Query.IsOfAKnownProtocol ? 0 : -Errno.ENOENT) : Deliver(piece.Bytes);
            if (!isTold)
                SetError(Errno.ENOBUFS);
        }
    }
}
