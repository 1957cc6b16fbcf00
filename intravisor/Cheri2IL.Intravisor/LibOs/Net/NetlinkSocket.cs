using System.Buffers.Binary;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>
/// A socket that asks for network interfaces, their addresses and routes (netlink(7), rtnetlink(7)), of which nothing can be changed by it, or for sockets
/// (sock_diag(7)).
/// </summary>
internal sealed partial class NetlinkSocket(NetworkStack stack, int type, int protocol) : Socket(stack, SocketAbi.AF_NETLINK, type, protocol, new SocketOptions())
{
    private const int HeaderBytes = 16;
    private const int MostBytes = 32768;
    private const int MostAnswer = 2048;

    private const ushort NLMSG_ERROR = 2;
    private const ushort NLMSG_DONE = 3;
    private const ushort FirstType = 16;
    private const ushort RTM_GETLINK = 18;
    private const ushort RTM_GETADDR = 22;
    private const ushort RTM_GETROUTE = 26;
    private const ushort LastType = 123;

    private const int NLM_F_REQUEST = 1;
    private const int NLM_F_MULTI = 2;
    private const int NLM_F_ACK = 4;
    private const int NLM_F_DUMP = 0x300;

    private readonly Lock _gate = new();

    /// <inheritdoc/>
    public override SocketAddress PeerAddress => SocketAddress.OfNetlink(0);

    /// <inheritdoc/>
    internal override int Room => MostBytes;

    /// <inheritdoc/>
    public override int Bind(CvmThread thread, in SocketAddress address)
    {
        lock (_gate)
            return !IsBound ? BindTo(thread.Process.Id, address.NetlinkPort) : address.NetlinkPort == LocalAddress.NetlinkPort ? 0 : -Errno.EINVAL;
    }

    /// <inheritdoc/>
    public override int Connect(CvmThread thread, in SocketAddress address, Credentials self, bool mayWait, out StreamSocket? full)
    {
        // Others than the kernel are not reached.
        full = null;
        return address.NetlinkPort != 0 ? -Errno.EPERM : BindAnywhere(thread.Process.Id);
    }

    /// <inheritdoc/>
    public override int Shutdown(bool reading, bool writing) => -Errno.EOPNOTSUPP;

    /// <inheritdoc/>
    public override long Send(CvmThread? thread, ref IoVector from, in Outgoing message, out Inbox? full)
    {
        full = null;
        if (message.To.Family != SocketAbi.AF_UNSPEC && message.To.NetlinkPort != 0)
            return -Errno.ECONNREFUSED;
        if (BindAnywhere(thread?.Process.Id ?? Self.Process) is var error and not 0)
            return error;
        if (from.Left > MostBytes)
            return -Errno.EMSGSIZE;
        var bytes = new byte[(int)from.Left];
        if (!from.TryTake(bytes))
            return -Errno.EFAULT;
        // Several requests in one message (net/netlink/af_netlink.c, netlink_rcv_skb).
        for (var rest = bytes.AsSpan(); rest.Length >= HeaderBytes;)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(rest);
            if (length < HeaderBytes || length > rest.Length)
                break;
            if (!Answer(rest[..(int)length]))
            {
                // As much as there is room for.
                SetError(Errno.ENOBUFS);
                break;
            }

            rest = rest[(int)Math.Min(rest.Length, (length + 3) & ~3L)..];
        }

        return bytes.Length;
    }

    /// <inheritdoc/>
    internal override long Write(ref IoVector from) => Send(null, ref from, new Outgoing(default, null, Self), out _);

    /// <inheritdoc/>
    public override long Receive(ref IoVector to, bool peek, out Received received)
    {
        received = default;
        if (TakeError() is > 0 and var error)
            return -error;
        var count = Inbox.Receive(ref to, peek, out received);
        if (_list is not null && !peek)
            ContinueList();
        return count;
    }

    /// <inheritdoc/>
    public override int Poll() => ErrorEvents | FileAbi.POLLOUT | (Inbox.IsReadable ? FileAbi.POLLIN : 0);

    /// <inheritdoc/>
    protected override void Close()
    {
        if (IsBound)
            Stack.NetlinkPorts.Release(LocalAddress.NetlinkPort);
        Inbox.Close();
    }

    private int BindAnywhere(int process)
    {
        lock (_gate)
            return IsBound ? 0 : BindTo(process, 0);
    }

    private int BindTo(int process, uint port)
    {
        if (!Stack.NetlinkPorts.TryTake(port, process, out var taken))
            return -Errno.EADDRINUSE;
        (LocalAddress, IsBound) = (SocketAddress.OfNetlink(taken), true);
        return 0;
    }

    /// <summary>Answers a request; false where there is no room for that.</summary>
    private bool Answer(ReadOnlySpan<byte> request)
    {
        var (type, flags) = (BinaryPrimitives.ReadUInt16LittleEndian(request[4..]), BinaryPrimitives.ReadUInt16LittleEndian(request[6..]));
        if ((flags & NLM_F_REQUEST) == 0)
            return true;
        var sequence = BinaryPrimitives.ReadUInt32LittleEndian(request[8..]);
        var writer = new NetlinkWriter(new byte[Protocol == SocketAbi.NETLINK_SOCK_DIAG ? SocketReport.MostBytes : MostAnswer], sequence, LocalAddress.NetlinkPort, (flags & NLM_F_DUMP) != 0 ? NLM_F_MULTI : 0);
        var isDump = (flags & NLM_F_DUMP) != 0;
        var error = type < FirstType ? 0
            : Protocol == SocketAbi.NETLINK_SOCK_DIAG ? DescribeSockets(type, isDump, request[HeaderBytes..], sequence, ref writer)
            : Describe(type, isDump, request[HeaderBytes..], ref writer);
        if (error == 0 && type >= FirstType && isDump)
        {
            if (Protocol != SocketAbi.NETLINK_SOCK_DIAG)
                return (writer.Bytes.IsEmpty || Deliver(writer.Bytes)) && End(sequence, 0);
            ContinueList();
            return true;
        }

        if (error == 0 && !writer.Bytes.IsEmpty && !Deliver(writer.Bytes))
            return false;
        if (error == 0 && (flags & NLM_F_ACK) == 0)
            return true;
        // The error, and the header of what it is about; of an error that is one all of it.
        var told = error == 0 ? request[..HeaderBytes] : request;
        var answer = new NetlinkWriter(new byte[HeaderBytes + sizeof(int) + ((told.Length + 3) & ~3)], sequence, LocalAddress.NetlinkPort, 0);
        answer.Begin(NLMSG_ERROR);
        answer.Put(error);
        answer.Put(told);
        answer.End();
        return Deliver(answer.Bytes);
    }

    /// <summary>What is asked for: 0 or a negated errno.</summary>
    private int Describe(ushort type, bool isDump, ReadOnlySpan<byte> asked, ref NetlinkWriter to)
    {
        const int kindMask = 3, getKind = 2;
        if (type > LastType)
            return -Errno.EOPNOTSUPP;
        if ((type & kindMask) != getKind)
            return -Errno.EPERM;
        if (asked.IsEmpty)
            return -Errno.EINVAL;
        if (isDump)
        {
            // Of neighbours and rules there are none.
            foreach (var one in NetworkInterface.Of(Stack))
            {
                if (type == RTM_GETLINK)
                    one.DescribeLink(ref to);
                else if (type == RTM_GETADDR)
                    one.DescribeAddresses(asked[0], ref to);
                else if (type == RTM_GETROUTE)
                    one.DescribeRoutes(asked[0], ref to);
            }

            return 0;
        }

        if (type != RTM_GETLINK)
            return -Errno.EOPNOTSUPP;
        if (asked.Length < HeaderBytes)
            return -Errno.EINVAL;
        var index = BinaryPrimitives.ReadInt32LittleEndian(asked[4..]);
        var name = index == 0 ? NameIn(asked[HeaderBytes..]) : null;
        if (Array.Find(NetworkInterface.Of(Stack), i => index == 0 ? i.Name == name : i.Index == index) is not { } found)
            return index > 0 || name is not null ? -Errno.ENODEV : -Errno.EINVAL;
        found.DescribeLink(ref to);
        return 0;
    }

    /// <summary>The name of an interface among attributes (IFLA_IFNAME, or IFLA_ALT_IFNAME, which ip asks by); null: none.</summary>
    private static string? NameIn(ReadOnlySpan<byte> attributes)
    {
        const int header = 4, name = 3, otherName = 53, typeMask = 0x3fff;
        while (attributes.Length >= header)
        {
            var length = BinaryPrimitives.ReadUInt16LittleEndian(attributes);
            if (length < header || length > attributes.Length)
                return null;
            if ((BinaryPrimitives.ReadUInt16LittleEndian(attributes[2..]) & typeMask) is name or otherName)
                return System.Text.Encoding.Latin1.GetString(attributes[header..length]).TrimEnd('\0');
            attributes = attributes[Math.Min(attributes.Length, (length + 3) & ~3)..];
        }

        return null;
    }

    /// <summary>The end of a list, and what went wrong with it; false where there is no room for that.</summary>
    private bool End(uint sequence, int error)
    {
        var done = new NetlinkWriter(new byte[HeaderBytes + sizeof(int)], sequence, LocalAddress.NetlinkPort, NLM_F_MULTI);
        done.Begin(NLMSG_DONE);
        done.Put(error);
        done.End();
        return Deliver(done.Bytes);
    }

    private bool Deliver(Span<byte> bytes)
    {
        var vector = new IoVector(bytes);
        return Inbox.Send(ref vector, SocketAddress.OfNetlink(0), ancillary: null) == bytes.Length;
    }
}
