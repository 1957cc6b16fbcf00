using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>What a send is to do besides moving bytes.</summary>
/// <param name="To">Destination that the caller named; family AF_UNSPEC: none.</param>
/// <param name="Ancillary">What goes along; null: nothing.</param>
/// <param name="Sender">Who sends.</param>
/// <param name="Posting">Of a datagram of IP: how.</param>
/// <param name="IsUrgent">Whether the last byte is urgent (MSG_OOB).</param>
internal readonly record struct Outgoing(SocketAddress To, Ancillary? Ancillary, Credentials Sender, Posting Posting = default, bool IsUrgent = false);

/// <summary>A socket.</summary>
/// <remarks>Thread-safe. Nothing here waits: -EAGAIN says that one would have to.</remarks>
internal abstract class Socket : OpenFile
{
    private int _error;

    /// <summary>Makes a socket without name.</summary>
    protected Socket(NetworkStack stack, int family, int type, int protocol, SocketOptions options)
        : base(new AnonymousNode(stack.Files, FileAbi.S_IFSOCK | 0x1ff), FileAbi.O_RDWR)
    {
        (Stack, Family, Type, Protocol, Options) = (stack, family, type, protocol, options);
        Path = $"socket:[{Inode.Number}]";
        Inbox = new Inbox(options, isMessages: type != SocketAbi.SOCK_STREAM, stack.Files, Waiters);
    }

    /// <inheritdoc/>
    internal override int SignalEvents => FileAbi.POLLIN;

    /// <summary>The network as the cVM sees it that made the socket.</summary>
    public NetworkStack Stack { get; }

    /// <summary>AF_INET, AF_INET6, AF_UNIX or AF_NETLINK.</summary>
    public int Family { get; }

    /// <summary>SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET or, of AF_NETLINK, SOCK_RAW.</summary>
    public int Type { get; }

    /// <summary>IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_ICMP, IPPROTO_ICMPV6, or 0.</summary>
    public int Protocol { get; }

    /// <summary>Options.</summary>
    public SocketOptions Options { get; }

    /// <summary>Its name. Set by <see cref="ISocketNames"/> alone.</summary>
    public SocketAddress LocalAddress { get; set; }

    /// <summary>Whether it was given a name.</summary>
    public bool IsBound { get; set; }

    /// <summary>The file that it is bound to; null: none.</summary>
    public SocketNode? Node { get; set; }

    /// <summary>The file by which it was found, which is that of the socket that listens where it was accepted.</summary>
    internal SocketNode? FoundBy { get => field ?? Node; init; }

    /// <summary>Name of what it is connected with; family AF_UNSPEC: it is not connected.</summary>
    public abstract SocketAddress PeerAddress { get; }

    /// <summary>The socket at the other end, which is always the same; null: there is none.</summary>
    internal virtual Socket? Peer => null;

    /// <summary>RCV_SHUTDOWN and SEND_SHUTDOWN: what is over.</summary>
    internal virtual int ShutDown => (Inbox.IsFinished ? 1 : 0) | (IsSendShut ? 2 : 0);

    /// <summary>Whether it sends no more.</summary>
    protected virtual bool IsSendShut => false;

    /// <summary>Whether it has the port that it was bound to, and not one that was free.</summary>
    public bool HasChosenPort { get; set; }

    /// <summary>Number that it has in lists of sockets; 0: it is closed, or was not accepted yet.</summary>
    internal long ShownInode => Inbox.IsClosed || IsUnaccepted ? 0 : Inode.Number;

    /// <summary>Whether it is a connection that waits to be accepted.</summary>
    protected bool IsUnaccepted { get; set; }

    /// <summary>Who made it, or called listen or connect last: what the other end is told of it.</summary>
    public Credentials Self { get; set; }

    /// <summary>Who is at the other end (SO_PEERCRED).</summary>
    public Credentials PeerCredentials { get; set; } = new(0, -1, -1);

    /// <inheritdoc/>
    internal override WaitQueue Waiters { get; } = new();

    /// <summary>What was received.</summary>
    internal Inbox Inbox { get; }

    /// <inheritdoc/>
    internal override long ReadTimeout => Options.ReceiveTimeout;

    /// <inheritdoc/>
    internal override long WriteTimeout => Options.SendTimeout;

    /// <inheritdoc/>
    public override long Available => Inbox.Available;

    /// <summary>How sockets of the family are named.</summary>
    protected ISocketNames Names => Family == SocketAbi.AF_UNIX ? Stack.UnixNames : Stack.InetNames;

    /// <summary>Whether it is one of a cVM's own, which share files and credentials.</summary>
    protected bool IsUnix => Family == SocketAbi.AF_UNIX;

    /// <summary>bind.</summary>
    public virtual int Bind(CvmThread thread, in SocketAddress address) => Names.Bind(thread, this, address);

    /// <summary>listen.</summary>
    public virtual int Listen(int backlog, Credentials self) => -Errno.EOPNOTSUPP;

    /// <summary>accept: null with a negated errno if there is no connection.</summary>
    public virtual Socket? Accept(out int error)
    {
        error = -Errno.EOPNOTSUPP;
        return null;
    }

    /// <summary>connect.</summary>
    /// <param name="thread">The calling thread.</param>
    /// <param name="address">Where to; family AF_UNSPEC: nowhere any more.</param>
    /// <param name="self">Who connects.</param>
    /// <param name="mayWait">Whether the caller waits for the connection.</param>
    /// <param name="full">Of -EAGAIN: the socket that has no room for connections at the moment.</param>
    public abstract int Connect(CvmThread thread, in SocketAddress address, Credentials self, bool mayWait, out StreamSocket? full);

    /// <summary>shutdown of reading, writing or both.</summary>
    public abstract int Shutdown(bool reading, bool writing);

    /// <summary>Sends a message whole, or bytes for which there is room.</summary>
    /// <param name="thread">The calling thread; null: what it is sent to needs no path of its.</param>
    /// <param name="from">The bytes.</param>
    /// <param name="message">What goes along. What is sent along belongs to the receiver if anything is sent.</param>
    /// <param name="full">Of -EAGAIN: where there is no room.</param>
    public abstract long Send(CvmThread? thread, ref IoVector from, in Outgoing message, out Inbox? full);

    /// <summary>Receives a message, or bytes.</summary>
    public abstract long Receive(ref IoVector to, bool peek, out Received received);

    /// <summary>Receives what could not be delivered, and why (MSG_ERRQUEUE): bytes of it, or -EAGAIN.</summary>
    public virtual long ReceiveError(ref IoVector to, out Received received)
    {
        received = default;
        return -Errno.EAGAIN;
    }

    /// <summary>SO_ERROR: the error that waits to be told, which it does not do then any more; 0: none.</summary>
    public virtual int TakeError() => Interlocked.Exchange(ref _error, 0);

    /// <inheritdoc/>
    internal override long Read(ref IoVector to)
    {
        var count = Receive(ref to, peek: false, out var received);
        received.Ancillary?.Dispose();
        return count;
    }

    /// <summary>What <see cref="Poll"/> says of every socket.</summary>
    protected int ErrorEvents => Volatile.Read(ref _error) != 0 ? FileAbi.POLLERR : 0;

    /// <summary>Something is wrong that the next operation tells.</summary>
    protected void SetError(int error)
    {
        Volatile.Write(ref _error, error);
        Waiters.Wake();
    }
}
