using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <content>Urgent data of TCP: a byte of the stream that can be received apart from it, and that marks its place there (net/ipv4/tcp.c, tcp_input.c).</content>
internal sealed partial class Inbox
{
    private Urgency _urgency;

    /// <summary>Position of the urgent byte, which is in the ring as long as there is one.</summary>
    private long _urgentAt;

    private enum Urgency
    {
        None,
        Unread,
        Read,
    }

    /// <summary>Whether there is an urgent byte that was not received apart (POLLPRI).</summary>
    public bool HasUrgent
    {
        get
        {
            lock (_gate)
                return _urgency == Urgency.Unread;
        }
    }

    /// <summary>Whether what is read next is behind the mark (SIOCATMARK).</summary>
    public bool IsAtMark
    {
        get
        {
            lock (_gate)
                return IsMarkNext;
        }
    }

    private bool IsMarkNext => _urgency != Urgency.None && _urgentAt == _taken;

    private bool IsUrgentInLine => options.IsOn(SocketAbi.SOL_SOCKET, SocketAbi.SO_OOBINLINE);

    /// <summary>Bytes that are next, and that reads leave out: the urgent one.</summary>
    private int Hole => IsMarkNext && !IsUrgentInLine ? 1 : 0;

    /// <summary>Receives the urgent byte: 1, 0 without room for it, -EFAULT, or -EINVAL if there is none, or it is for ordinary reads.</summary>
    public long ReceiveUrgent(ref IoVector to, bool peek)
    {
        lock (_gate)
        {
            if (_urgency != Urgency.Unread || IsUrgentInLine)
                return -Errno.EINVAL;
            if (!peek)
                _urgency = Urgency.Read;
            return _ring.Peek(ref to, (int)(_urgentAt - _taken), 1);
        }
    }

    /// <summary>Under the gate: the last byte that was put in is urgent. One that was there before is an ordinary one then, unless readers have come to it.</summary>
    private void Mark()
    {
        if (Hole > 0)
            Drop(1);
        (_urgency, _urgentAt) = (Urgency.Unread, _taken + _ring.Count - 1);
    }
}
