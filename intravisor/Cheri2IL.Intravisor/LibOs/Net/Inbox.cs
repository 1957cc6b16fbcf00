using System.Numerics;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>What a socket has received and not read yet: bytes, or messages with their senders. Senders copy into it, readers out of it.</summary>
/// <remarks>Thread-safe. Nothing here takes another lock but the queues that it wakes.</remarks>
/// <param name="options">Options of the socket that receives.</param>
/// <param name="isMessages">Whether the bounds of what is sent are kept.</param>
/// <param name="budget">What its memory is charged to.</param>
/// <param name="readers">Woken when something comes.</param>
internal sealed partial class Inbox(SocketOptions options, bool isMessages, FileSystem budget, WaitQueue readers)
{
    /// <summary>Most messages at a time, however short: net.unix.max_dgram_qlen.</summary>
    private const int MostMessages = 512;

    private readonly Lock _gate = new();
    private readonly ByteRing _ring = new((int)BitOperations.RoundUpToPowerOf2((uint)options.ReceiveBuffer), budget);
    private readonly Queue<Piece> _pieces = [];

    /// <summary>Bytes that were ever taken out: the position of the ring's first byte.</summary>
    private long _taken;
    private (long Count, long Bytes) _arrived;
    private bool _isFinished;
    private bool _isClosed;
    private bool _isReadShut;

    /// <summary>Woken when there is room again: the queue of the socket at the other end, where there is one.</summary>
    public WaitQueue Space { get; set; } = new();

    /// <summary>Bytes, those before the mark if there is one in front of them, or of messages those of the first (FIONREAD).</summary>
    public int Available
    {
        get
        {
            lock (_gate)
            {
                return isMessages ? _pieces.TryPeek(out var piece) ? piece.Length : 0
                    : _urgency == Urgency.None || IsUrgentInLine ? _ring.Count : (int)(_urgentAt - _taken);
            }
        }
    }

    /// <summary>Whether a read would not wait: there is something, or nothing more will come.</summary>
    public bool IsReadable
    {
        get
        {
            lock (_gate)
                return HasContent || _isFinished || _isReadShut;
        }
    }

    /// <summary>Whether nothing more will come.</summary>
    public bool IsFinished => Volatile.Read(ref _isFinished) || Volatile.Read(ref _isReadShut);

    /// <summary>Whether its socket is closed: what is sent is lost.</summary>
    public bool IsClosed => Volatile.Read(ref _isClosed);

    /// <summary>Whether there is enough room for senders to go on, or nothing to wait for.</summary>
    public bool IsWritable
    {
        get
        {
            lock (_gate)
                return _isClosed || _isFinished || (_ring.Room >= _ring.Capacity / 3 && _pieces.Count < MostMessages);
        }
    }

    /// <summary>How often something was put in, and how many bytes.</summary>
    public (long Count, long Bytes) Arrived
    {
        get
        {
            lock (_gate)
                return _arrived;
        }
    }

    /// <summary>Bytes for which there is room.</summary>
    public int Room
    {
        get
        {
            lock (_gate)
                return _ring.Room;
        }
    }

    private bool HasContent => isMessages ? _pieces.Count > 0 : _ring.Count > Hole;

    /// <summary>Changes the capacity (SO_RCVBUF).</summary>
    public void Resize(int capacity)
    {
        lock (_gate)
        {
            if (capacity >= _ring.Count)
                _ring.Resize(capacity);
        }
    }

    /// <summary>Puts in a message whole, or what there is room for.</summary>
    /// <param name="from">The bytes.</param>
    /// <param name="source">Who sends; for messages.</param>
    /// <param name="ancillary">What goes with it; it is this inbox's if anything is sent.</param>
    /// <param name="delivery">Of a datagram of IP: how it comes.</param>
    /// <param name="isUrgent">Of bytes: whether the last is urgent.</param>
    /// <returns>Bytes, -EAGAIN without room, -EMSGSIZE, -EFAULT, or -EPIPE when nobody reads.</returns>
    public long Send(ref IoVector from, in SocketAddress source, Ancillary? ancillary, in Delivery delivery = default, bool isUrgent = false)
    {
        long count;
        lock (_gate)
        {
            if (_isClosed || _isFinished)
                return -Errno.EPIPE;
            var length = from.Left;
            if (isMessages && length > _ring.Capacity)
                return -Errno.EMSGSIZE;
            if (isMessages ? _ring.Room < length || _pieces.Count >= MostMessages : (_ring.Room == 0 && length > 0) || _pieces.Count >= MostMessages)
                return -Errno.EAGAIN;
            var start = _taken + _ring.Count;
            count = _ring.Write(ref from);
            if (count < 0)
                return count;
            if (count == 0 && length > 0)
                return -Errno.EAGAIN;
            if (isMessages && count < length)
            {
                // Part of it could not be read, or not be kept.
                _ring.Retract((int)count);
                return -Errno.EFAULT;
            }

            if (isMessages || (ancillary is not null && count > 0))
                _pieces.Enqueue(new Piece(start, (int)count, source, ancillary, delivery));
            _arrived = (_arrived.Count + 1, _arrived.Bytes + count);
            if (isUrgent && count > 0)
                Mark();
        }

        readers.Wake(isUrgent ? FileAbi.POLLIN | FileAbi.POLLPRI : FileAbi.POLLIN);
        return count;
    }

    /// <summary>Takes out, or with <paramref name="peek"/> looks at, a message or bytes.</summary>
    /// <param name="to">What to fill.</param>
    /// <param name="peek">Whether it stays.</param>
    /// <param name="received">What came with it.</param>
    /// <returns>Bytes; 0 at the end; -EAGAIN when there is nothing, or -EFAULT.</returns>
    public long Receive(ref IoVector to, bool peek, out Received received)
    {
        received = default;
        long count;
        lock (_gate)
        {
            // Whoever would read the urgent byte has passed it.
            if (!peek && Hole == 1 && _ring.Count == 1)
                Drop(1);
            if (!HasContent)
                return _isFinished || _isReadShut ? 0 : -Errno.EAGAIN;
            count = isMessages ? ReceiveMessage(ref to, peek, ref received) : ReceiveBytes(ref to, peek, ref received);
        }

        if (!peek && count >= 0 && IsWritable)
            Space.Wake(FileAbi.POLLOUT);
        return count;
    }

    /// <summary>The other end sends no more.</summary>
    public void Finish()
    {
        lock (_gate)
            Volatile.Write(ref _isFinished, true);
        readers.Wake();
        Space.Wake();
    }

    /// <summary>This end reads no more, though it may be sent to.</summary>
    public void ShutReading()
    {
        lock (_gate)
            Volatile.Write(ref _isReadShut, true);
        readers.Wake();
    }

    /// <summary>This end is closed: gives up what is in it. Whether there was something.</summary>
    public bool Close()
    {
        bool hadContent;
        Piece[] pieces;
        lock (_gate)
        {
            hadContent = _ring.Count > 0 || _pieces.Count > 0;
            Volatile.Write(ref _isClosed, true);
            pieces = [.. _pieces];
            _pieces.Clear();
            _ring.Clear();
            _urgency = Urgency.None;
        }

        foreach (var piece in pieces)
            piece.Ancillary?.Dispose();
        Space.Wake();
        return hadContent;
    }

    private long ReceiveMessage(ref IoVector to, bool peek, ref Received received)
    {
        var piece = _pieces.Peek();
        received = new Received(piece.Source, piece.Ancillary, piece.Length, piece.Delivery);
        var count = _ring.Peek(ref to, 0, piece.Length);
        if (count < 0 || peek)
            return count;
        Drop(piece.Length);
        _pieces.Dequeue();
        return count;
    }

    /// <summary>Bytes, but of those that came with files only the first: a read ends behind what it gets files with.</summary>
    private long ReceiveBytes(ref IoVector to, bool peek, ref Received received)
    {
        if (!_pieces.TryPeek(out var piece))
        {
            var taken = TakeBytes(ref to, peek, _ring.Count);
            received = new Received(default, null, 0, IsAtMark: IsMarkNext);
            return taken;
        }

        var count = TakeBytes(ref to, peek, piece.Start + piece.Length - _taken);
        if (count <= 0 || (peek ? _taken + count : _taken) <= piece.Start)
            return count;
        received = new Received(default, piece.Ancillary, 0);
        if (!peek)
            _pieces.Dequeue();
        return count;
    }

    /// <summary>A read that has come to the mark ends there.</summary>
    private long TakeBytes(ref IoVector to, bool peek, long most)
    {
        var hole = Hole;
        if (_urgency != Urgency.None && _urgentAt > _taken)
            most = Math.Min(most, _urgentAt - _taken);
        var count = _ring.Peek(ref to, hole, most);
        if (count > 0 && !peek)
            Drop(hole + (int)count);
        return count;
    }

    private void Drop(int count)
    {
        _ring.Drop(count);
        _taken += count;
        if (_taken > _urgentAt)
            _urgency = Urgency.None;
    }

    /// <summary>A message, or bytes that something came with.</summary>
    private readonly record struct Piece(long Start, int Length, SocketAddress Source, Ancillary? Ancillary, Delivery Delivery);
}

/// <summary>What came with received bytes.</summary>
/// <param name="Source">Sender of a message.</param>
/// <param name="Ancillary">Files and credentials; of a message that was only looked at, they stay there.</param>
/// <param name="Length">Bytes of the whole message.</param>
/// <param name="Delivery">Of a datagram of IP: how it came.</param>
/// <param name="IsAtMark">Whether the mark of urgent data is behind it, which ends every read.</param>
/// <param name="IsError">Whether it is a datagram that could not be delivered: then the source is where it was to go.</param>
internal readonly record struct Received(SocketAddress Source, Ancillary? Ancillary, int Length, Delivery Delivery = default, bool IsAtMark = false, bool IsError = false);
