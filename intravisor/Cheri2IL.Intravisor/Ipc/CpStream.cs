using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>
/// A stream of messages, or of bytes, from any number of senders to one receiver: each is copied once, by the sender's thread, from the
/// sender's buffer into a ring in the receiver's own memory, where the receiver finds it.
/// </summary>
/// <remarks>
/// What has been written and released is counted here, out of the guests' reach; the ring holds nothing that a sender's copy depends on.
/// Each message has a header there with its length, for the receiver alone: whoever overwrites it harms himself. Thread-safe for senders;
/// one thread receives at a time.
/// </remarks>
public sealed unsafe class CpStream : Publication
{
    /// <summary>Bytes in front of each message in the ring, and what messages are aligned to.</summary>
    public const int HeaderBytes = 16;

    /// <summary>Fewest bytes of a ring; every ring is a multiple of <see cref="HeaderBytes"/>.</summary>
    public const int SmallestRing = 4096;

    /// <summary>Most bytes of a ring.</summary>
    public const long LargestRing = 1L << 32;

    /// <summary>Length in a header: the rest of the ring is unused, the next message is at its start.</summary>
    private const long Skip = -1;

    /// <summary>Times in a row that the receiver has caught up with the senders, or nearly, after which it lets them get ahead.</summary>
    private const int Hurried = 8;

    /// <summary>Nearly: when it looks again, no more have come.</summary>
    private const int FewMessages = 4;

    private readonly byte* _ring;
    private readonly byte[]? _hostRing;
    private Sides _sides;
    private int _senders;
    private bool _hadSender;
    private int _hostUses;

    /// <summary>With a ring in the owner's slot at [address, address + capacity), which the caller has checked.</summary>
    internal CpStream(Exchange exchange, string name, ProcessImage owner, long address, long capacity, bool isMessages)
        : base(exchange, name, owner, CpRights.Write, CpRights.Write)
    {
        _ring = owner.Space.Base + address;
        OwnerAddress = address;
        Capacity = capacity;
        IsMessages = isMessages;
    }

    /// <summary>With a ring of the host, which receives.</summary>
    internal CpStream(Exchange exchange, string name, int capacity, bool isMessages)
        : base(exchange, name, owner: null, CpRights.Write, CpRights.None)
    {
        _hostRing = GC.AllocateArray<byte>(capacity, pinned: true);
        _ring = (byte*)Unsafe.AsPointer(ref _hostRing[0]);
        Capacity = capacity;
        IsMessages = isMessages;
    }

    /// <summary>Bytes of the ring.</summary>
    public long Capacity { get; }

    /// <summary>Whether it keeps the bounds of what was sent; else it is a stream of bytes, like a pipe.</summary>
    public bool IsMessages { get; }

    /// <summary>Most bytes of a message: it has to fit without the ring's end in it, wherever the last one ended.</summary>
    public long LargestMessage => (Capacity / 2 / HeaderBytes * HeaderBytes) - HeaderBytes;

    /// <summary>Guest address of the ring in the receiver's slot.</summary>
    internal long OwnerAddress { get; }

    /// <summary>Woken when there is something to receive, or no more.</summary>
    internal WaitQueue Readable { get; } = new(isAsymmetric: true);

    /// <summary>Woken when there is room again.</summary>
    internal WaitQueue Writable { get; } = new(isAsymmetric: true);

    /// <summary>Whether the receiver would find something, or the end, at once.</summary>
    internal bool IsReadable => Volatile.Read(ref _sides.Written) != Volatile.Read(ref _sides.Taken) || IsAtEnd;

    /// <summary>Whether every sender there was has closed, or the stream is revoked: what is in the ring is all there will be.</summary>
    internal bool IsAtEnd => IsRevoked || (Volatile.Read(ref _hadSender) && Volatile.Read(ref _senders) == 0);

    /// <summary>Bytes that the receiver would get at once: of the next message, or all; 0 where there is none.</summary>
    internal long Available
    {
        get
        {
            _sides.Receiving.Enter();
            var left = Volatile.Read(ref _sides.Written) - _sides.Taken;
            var length = left;
            if (IsMessages && left > 0 && !(TryLoad((long*)(_ring + _sides.TakeAt), out length) && (length != Skip || TryLoad((long*)_ring, out length))))
                length = 0;
            _sides.Receiving.Exit();
            return Math.Clamp(length, 0, left);
        }
    }

    /// <summary>Sends, for the host, which needs no right.</summary>
    /// <param name="data">A message, or bytes.</param>
    /// <param name="timeout">How long to wait for room; negative: without limit.</param>
    /// <exception cref="ArgumentException">The message is larger than <see cref="LargestMessage"/>.</exception>
    /// <exception cref="InvalidOperationException">It is revoked, or its owner has unmapped the ring.</exception>
    /// <exception cref="TimeoutException">There was no room in time; of bytes, some may have been sent.</exception>
    public void Send(ReadOnlySpan<byte> data, TimeSpan timeout)
    {
        Interlocked.Increment(ref _hostUses);
        var entered = OwnerCvm is not null && FaultTrap.EnterThread();
        try
        {
            fixed (byte* from = data)
            {
                var sent = IsRevoked ? -Errno.EPIPE : Send(HostWaiter.OfThread, user: null, access: null, from, data.Length, HostWaiter.DeadlineOf(timeout));
                if (sent == -Errno.EMSGSIZE)
                    throw new ArgumentException($"a message has at most {LargestMessage} bytes", nameof(data));
                if (sent is -Errno.EPIPE or -Errno.EFAULT)
                    throw new InvalidOperationException("revoked");
                if (sent < data.Length)
                    throw new TimeoutException();
            }
        }
        finally
        {
            if (entered)
                FaultTrap.LeaveThread();
            Interlocked.Decrement(ref _hostUses);
        }
    }

    /// <summary>Receives what guests sent to the host: a message, or bytes.</summary>
    /// <param name="buffer">Receives it; a message has to fit.</param>
    /// <param name="timeout">How long to wait; negative: without limit.</param>
    /// <returns>Bytes; 0 when all senders have closed.</returns>
    /// <exception cref="InvalidOperationException">A cVM is the receiver.</exception>
    /// <exception cref="ArgumentException">The message is larger than the buffer; it stays.</exception>
    /// <exception cref="TimeoutException">Nothing came.</exception>
    public int Receive(Span<byte> buffer, TimeSpan timeout)
    {
        if (_hostRing is null)
            throw new InvalidOperationException($"{Name} is received by {Owner}");
        var length = Receive(HostWaiter.OfThread, buffer.Length, HostWaiter.DeadlineOf(timeout), out var offset);
        if (length == -Errno.EMSGSIZE)
            throw new ArgumentException("the message is larger than the buffer", nameof(buffer));
        if (length < 0)
            throw new TimeoutException();
        _hostRing.AsSpan((int)offset, (int)length).CopyTo(buffer);
        ReleaseTaken();
        return (int)length;
    }

    /// <summary>
    /// Sends; bytes sent or a negated errno. A message is sent whole or not; of bytes, fewer may be sent if time runs out or a signal comes.
    /// </summary>
    /// <param name="who">The calling thread.</param>
    /// <param name="user">The same if it is a guest's.</param>
    /// <param name="access">Its right; null: the host, which has all.</param>
    /// <param name="data">The bytes: of the host, or in the slot of the caller, who was permitted to read them.</param>
    /// <param name="length">Bytes, not negative.</param>
    /// <param name="deadline">Until when to wait for room; 0: not at all.</param>
    internal long Send(IWaiter who, CvmThread? user, CpAccess? access, byte* data, long length, long deadline)
    {
        if (IsMessages && length > LargestMessage)
            return -Errno.EMSGSIZE;
        var done = 0L;
        while (done < length)
        {
            _sides.Sending.Enter();
            var sent = IsMessages ? TrySendMessage(user, access, data, length) : TrySendBytes(user, access, data + done, length - done);
            _sides.Sending.Exit();
            if (sent > 0)
            {
                done += sent;
                Exchange.Telemetry?.Moved("cp_stream", sent);
                Readable.Wake();
                continue;
            }

            if (sent < 0)
                return done > 0 ? done : sent;
            var error = AwaitRoom(who, access, length, deadline);
            if (error != 0)
                return done > 0 ? done : error;
        }

        return done;
    }

    /// <summary>
    /// Releases what was received before and waits for the next message, or bytes: how many, and where in the ring; 0 at the end.
    /// -EAGAIN when the time is up, what <see cref="Deadlines.Interrupted"/> says for a signal, -EMSGSIZE for a message of more than <paramref name="most"/> bytes, which stays,
    /// -EBADMSG when the receiver has overwritten a header.
    /// </summary>
    internal long Receive(IWaiter who, long most, long deadline, out long offset)
    {
        ReleaseTaken();
        if (deadline != 0)
            LetSendersAhead();
        while (true)
        {
            _sides.Receiving.Enter();
            var length = TryTake(most, out offset);
            _sides.Receiving.Exit();
            if (length != 0)
                return length;
            if (IsAtEnd)
            {
                // The last message may have come before its sender closed.
                if (Volatile.Read(ref _sides.Written) == _sides.Taken)
                    return 0;
                continue;
            }

            var result = AwaitNext(who, deadline);
            if (result != ParkResult.Woken)
                return result == ParkResult.TimedOut ? -Errno.EAGAIN : Deadlines.Interrupted(deadline);
        }
    }

    /// <summary>Gives the ring back what <see cref="Receive(IWaiter, long, long, out long)"/> returned last.</summary>
    internal void ReleaseTaken()
    {
        if (_sides.Released == _sides.Taken)
            return;
        Volatile.Write(ref _sides.Released, _sides.Taken);
        // Senders that found it full go on when half of it is free: not one message at a time.
        if (Writable.HasWaiters && Free >= Capacity / 2)
            Writable.Wake();
    }

    /// <summary>Whether a message, or any bytes at all, would be sent without waiting, or refused.</summary>
    internal bool IsWritable(long length) => IsRevoked || Free >= NeededFor(length);

    /// <inheritdoc/>
    internal override OpenFile? Open(Cvm cvm, Inode inode, int flags, out int error)
    {
        var access = AccessOf(cvm);
        error = access?.Allows(CpRights.Write) == true && (flags & FileAbi.O_ACCMODE) == FileAbi.O_WRONLY ? 0 : -Errno.EACCES;
        return error == 0 ? new CpStreamSender(this, access!, inode, flags) : null;
    }

    /// <inheritdoc/>
    internal override (int Mode, long Size) Describe(CpRights rights) => (FileAbi.S_IFIFO | (rights.HasFlag(CpRights.Write) ? 0x92 : 0), 0);

    /// <summary>A sender more or less.</summary>
    internal void ChangeSenders(int by)
    {
        Interlocked.Add(ref _senders, by);
        if (by > 0)
            Volatile.Write(ref _hadSender, true);
        Readable.Wake();
    }

    private protected override void Drain()
    {
        Readable.Wake();
        Writable.Wake();
        base.Drain();
        var wait = new SpinWait();
        while (Volatile.Read(ref _hostUses) > 0)
            wait.SpinOnce();
    }

    private long Free => Capacity - (Volatile.Read(ref _sides.Written) - Volatile.Read(ref _sides.Released));

    /// <summary>Under the senders' gate: free bytes, of which there may be more where there are <paramref name="needed"/>.</summary>
    private long RoomFor(long needed)
    {
        var room = Capacity - (_sides.Written - _sides.SeenReleased);
        if (room >= needed)
            return room;
        _sides.SeenReleased = Volatile.Read(ref _sides.Released);
        return Capacity - (_sides.Written - _sides.SeenReleased);
    }

    /// <summary>Room that a message takes, with the rest of the ring that it may have to skip; or one byte.</summary>
    private long NeededFor(long length) => IsMessages ? Occupied(length) + SkippedFor(Occupied(length)) : 1;

    private static long Occupied(long length) => HeaderBytes + ((length + HeaderBytes - 1) & -HeaderBytes);

    private long SkippedFor(long occupied) => Volatile.Read(ref _sides.WriteAt) is var at && at + occupied > Capacity ? Capacity - at : 0;

    /// <summary>Under the senders' gate: the message's length; 0: no room; or a negated errno.</summary>
    private long TrySendMessage(CvmThread? user, CpAccess? access, byte* data, long length)
    {
        var occupied = Occupied(length);
        var skipped = SkippedFor(occupied);
        if (RoomFor(occupied + skipped) < occupied + skipped)
            return access?.Rights == CpRights.None ? -Errno.EPIPE : 0;
        var at = skipped == 0 ? _sides.WriteAt : 0;
        var error = Put(user, access, data, length, at + HeaderBytes);
        if (error == 0)
            error = PutHeaders(user, access, at, length, skipped);
        if (error != 0)
            return error;
        _sides.WriteAt = at + occupied == Capacity ? 0 : at + occupied;
        Volatile.Write(ref _sides.Written, _sides.Written + skipped + occupied);
        return length;
    }

    /// <summary>Under the senders' gate: bytes sent, as many as there is room for up to the ring's end; 0: none; or a negated errno.</summary>
    private long TrySendBytes(CvmThread? user, CpAccess? access, byte* data, long length)
    {
        // In pieces of which the ring holds several, so that the receiver has one while the next is copied.
        length = Math.Min(Math.Min(length, Math.Max(Capacity / 8, SmallestRing)), Math.Min(Capacity - _sides.WriteAt, CpFile.LargestStep));
        length = Math.Min(length, RoomFor(length));
        if (length <= 0)
            return access?.Rights == CpRights.None ? -Errno.EPIPE : 0;
        var error = Put(user, access, data, length, _sides.WriteAt);
        if (error != 0)
            return error;
        _sides.WriteAt = _sides.WriteAt + length == Capacity ? 0 : _sides.WriteAt + length;
        Volatile.Write(ref _sides.Written, _sides.Written + length);
        return length;
    }

    /// <summary>The copy, in steps that look at the right; 0 or a negated errno.</summary>
    private int Put(CvmThread? user, CpAccess? access, byte* data, long length, long offset)
    {
        for (long step, done = 0; done < length; done += step)
        {
            step = Math.Min(length - done, CpFile.LargestStep);
            user?.BeginUse(this);
            var error = Refusal(access);
            if (error == 0)
            {
                OwnerImage?.Space.Tags?.Clear((ulong)(OwnerAddress + offset + done), (ulong)step);
                error = GuestCopy.TryCopy(data + done, _ring + offset + done, (ulong)step) ? 0 : -Errno.EFAULT;
            }

            user?.EndUse();
            if (error != 0)
                return error;
        }

        return 0;
    }

    /// <summary>Writes the header of a message, and of the rest of the ring in front of it that it skips.</summary>
    private int PutHeaders(CvmThread? user, CpAccess? access, long at, long length, long skipped)
    {
        user?.BeginUse(this);
        var error = Refusal(access);
        if (error == 0)
            error = TryStoreHeader(at, length) && (skipped == 0 || TryStoreHeader(_sides.WriteAt, Skip)) ? 0 : -Errno.EFAULT;
        user?.EndUse();
        return error;
    }

    private int Refusal(CpAccess? access)
        => access is null ? IsRevoked ? -Errno.EPIPE : 0
            : access.Allows(CpRights.Write) ? 0 : IsRevoked ? -Errno.EPIPE : -Errno.EACCES;

    /// <summary>Waits for room; 0 or a negated errno.</summary>
    private int AwaitRoom(IWaiter who, CpAccess? access, long length, long deadline)
    {
        Func<(CpStream Stream, CpAccess? Access, long Length), bool> isOver
            = static s => s.Stream.IsRevoked || s.Access?.Rights == CpRights.None || s.Stream.Free >= Math.Max(s.Stream.NeededFor(s.Length), s.Stream.Capacity / 2);
        var state = (Stream: this, Access: access, Length: length);
        var result = deadline == 0 ? isOver(state) ? ParkResult.Woken : ParkResult.TimedOut
            : _sides.WriteSpins.Await(isOver, state) >= 0 ? ParkResult.Woken
            : Writable.Wait(who, deadline, isOver, state);
        return result switch
        {
            ParkResult.Woken => 0,
            // With less than half of the ring free one does not go on, but one does not fail either.
            ParkResult.TimedOut => IsWritable(length) ? 0 : -Errno.EAGAIN,
            _ => Deadlines.Interrupted(deadline),
        };
    }

    /// <summary>
    /// A receiver that is faster than the senders would fetch the cache lines of each message from under them, which costs both more than the
    /// message does: when it has caught up several times in a row, it lets them get some microseconds ahead before it looks. Not where they
    /// send one at a time, and wait for an answer.
    /// </summary>
    private void LetSendersAhead()
    {
        const int unhurried = -64;
        const int turnsAhead = 28;
        if (_sides.CatchUps < Hurried || _sides.SeenWritten != _sides.Taken)
            return;
        Thread.SpinWait(2 * turnsAhead);
        var come = Volatile.Read(ref _sides.Written) - _sides.Taken;
        if (come > 0 && come <= _sides.LastTaken)
            _sides.CatchUps = unhurried;
    }

    /// <summary>Waits for something to receive.</summary>
    private ParkResult AwaitNext(IWaiter who, long deadline)
    {
        const int shortTurns = 16;
        if (deadline == 0)
            return IsReadable ? ParkResult.Woken : ParkResult.TimedOut;
        var turns = _sides.ReadSpins.Await(static s => s.IsReadable, this);
        if (turns is < 0 or > shortTurns)
            _sides.CatchUps = 0;
        return turns >= 0 ? ParkResult.Woken : Readable.Wait(who, deadline, static s => s.IsReadable, this);
    }

    /// <summary>Under the receiver's gate: takes the next message, or bytes up to the ring's end; 0: there is none.</summary>
    private long TryTake(long most, out long offset)
    {
        while (true)
        {
            offset = _sides.TakeAt;
            var isCaughtUp = _sides.SeenWritten == _sides.Taken;
            if (isCaughtUp || !IsMessages)
                _sides.SeenWritten = Volatile.Read(ref _sides.Written);
            var left = _sides.SeenWritten - _sides.Taken;
            if (left == 0)
                return 0;
            if (isCaughtUp && IsMessages && left <= FewMessages * _sides.LastTaken && _sides.CatchUps < Hurried)
                _sides.CatchUps++;
            if (!IsMessages)
                return Take(Math.Min(Math.Min(left, Capacity - _sides.TakeAt), most));
            if (!TryLoad((long*)(_ring + _sides.TakeAt), out var length))
                return -Errno.EFAULT;
            if (length == Skip && left > Capacity - _sides.TakeAt)
            {
                Take(Capacity - _sides.TakeAt);
                continue;
            }

            offset = _sides.TakeAt + HeaderBytes;
            if (length <= 0 || length > LargestMessage || Occupied(length) > Math.Min(left, Capacity - _sides.TakeAt))
                return -Errno.EBADMSG;
            if (length > most)
                return -Errno.EMSGSIZE;
            Take(Occupied(length));
            return length;
        }
    }

    private long Take(long bytes)
    {
        _sides.TakeAt = _sides.TakeAt + bytes == Capacity ? 0 : _sides.TakeAt + bytes;
        Volatile.Write(ref _sides.Taken, _sides.Taken + bytes);
        _sides.LastTaken = bytes;
        return bytes;
    }

    private bool TryStoreHeader(long offset, long length)
    {
        OwnerImage?.Space.Tags?.Clear((ulong)(OwnerAddress + offset), HeaderBytes);
        return TryStore((long*)(_ring + offset), length);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryStore(long* at, long value)
    {
        try
        {
            *at = value;
            return true;
        }
        catch (NullReferenceException)
        {
            return false;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryLoad(long* at, out long value)
    {
        try
        {
            value = *at;
            return true;
        }
        catch (NullReferenceException)
        {
            value = 0;
            return false;
        }
    }

    /// <summary>
    /// What the senders change and what the receiver changes, far enough apart that neither takes the other's cache lines away but by looking.
    /// Each looks at the other's counter only when what it saw last does not suffice.
    /// </summary>
    [StructLayout(LayoutKind.Explicit, Size = 384)]
    private struct Sides
    {
        /// <summary>Bytes of the ring that were written since the beginning.</summary>
        [FieldOffset(128)]
        public long Written;

        /// <summary>Where in the ring the next message goes.</summary>
        [FieldOffset(136)]
        public long WriteAt;

        /// <summary><see cref="Released"/> as the senders saw it last.</summary>
        [FieldOffset(144)]
        public long SeenReleased;

        [FieldOffset(152)]
        public SpinGate Sending;

        [FieldOffset(156)]
        public SpinBudget WriteSpins;

        /// <summary>Bytes that were given back since the beginning.</summary>
        [FieldOffset(256)]
        public long Released;

        /// <summary>What has been handed to the receiver, released or not.</summary>
        [FieldOffset(264)]
        public long Taken;

        /// <summary>Where in the ring the next is.</summary>
        [FieldOffset(272)]
        public long TakeAt;

        /// <summary><see cref="Written"/> as the receiver saw it last.</summary>
        [FieldOffset(280)]
        public long SeenWritten;

        [FieldOffset(288)]
        public SpinGate Receiving;

        [FieldOffset(292)]
        public SpinBudget ReadSpins;

        /// <summary>Bytes of the ring that it got last.</summary>
        [FieldOffset(304)]
        public long LastTaken;

        /// <summary>Times in a row that the receiver had caught up, with hardly a wait; negative: so many do not count.</summary>
        [FieldOffset(312)]
        public int CatchUps;
    }
}
