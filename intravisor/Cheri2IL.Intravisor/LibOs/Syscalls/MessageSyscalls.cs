using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Net;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Calls that send and receive.</summary>
internal static class MessageSyscalls
{
    private const int MostMessages = 1024;
    private const int ReceiveFlags = SocketAbi.MSG_PEEK | SocketAbi.MSG_TRUNC | SocketAbi.MSG_DONTWAIT | SocketAbi.MSG_WAITALL | SocketAbi.MSG_NOSIGNAL | SocketAbi.MSG_CMSG_CLOEXEC | SocketAbi.MSG_WAITFORONE;

    public static long Sendto(CvmThread thread, in SyscallArguments a)
    {
        long error = SocketSyscalls.Find(thread, a.A0, out var socket);
        if (error != 0)
            return error;
        if (!Fits(thread, a.A1, a.A2, isWrite: false))
            return -Errno.EFAULT;
        var to = default(SocketAddress);
        if (a.A4 != 0)
        {
            error = SocketSyscalls.ReadAddress(thread, a.A4, a.A5, socket!, AddressUse.Send, out to);
            if (error != 0)
                return error;
        }

        var vector = new IoVector(thread, a.A1, Math.Min(a.A2, TransferSyscalls.MaxTransfer));
        return Send(thread, socket!, ref vector, new Outgoing(to, null, SocketSyscalls.CredentialsOf(thread)), (int)a.A3);
    }

    public static long Recvfrom(CvmThread thread, in SyscallArguments a)
    {
        var error = SocketSyscalls.Find(thread, a.A0, out var socket);
        if (error != 0)
            return error;
        if (!Fits(thread, a.A1, a.A2, isWrite: true))
            return -Errno.EFAULT;
        var vector = new IoVector(thread, a.A1, Math.Min(a.A2, TransferSyscalls.MaxTransfer));
        var count = Receive(thread, socket!, ref vector, (int)a.A3, out var received);
        if (((int)a.A3 & SocketAbi.MSG_PEEK) == 0)
            received.Ancillary?.Dispose();
        if (count < 0)
            return count;
        if (a.A4 != 0)
        {
            error = SocketSyscalls.WriteAddress(thread, NameOf(socket!, received), a.A4, a.A5);
            if (error != 0)
                return error;
        }

        return TellLength(socket!, count, received, (int)a.A3);
    }

    public static long Sendmsg(CvmThread thread, in SyscallArguments a)
    {
        var error = SocketSyscalls.Find(thread, a.A0, out var socket);
        return error != 0 ? error : Send(thread, socket!, a.A1, (int)a.A2);
    }

    public static long Recvmsg(CvmThread thread, in SyscallArguments a)
    {
        var error = SocketSyscalls.Find(thread, a.A0, out var socket);
        return error != 0 ? error : Receive(thread, socket!, a.A1, (int)a.A2);
    }

    public static long Sendmmsg(CvmThread thread, in SyscallArguments a)
    {
        var error = SocketSyscalls.Find(thread, a.A0, out var socket);
        if (error != 0)
            return error;
        var count = Math.Min((uint)a.A2, MostMessages);
        var size = MessageHeader.SizeOfMany(thread);
        for (var k = 0; k < count; k++)
        {
            var at = a.A1 + (k * size);
            var sent = Send(thread, socket!, at, (int)a.A3);
            if (sent >= 0 && !thread.Memory.TryWrite(at + MessageHeader.SizeOf(thread), (int)sent))
                sent = -Errno.EFAULT;
            if (sent < 0)
                return k > 0 ? k : sent;
        }

        return count;
    }

    public static long Recvmmsg(CvmThread thread, in SyscallArguments a)
    {
        var error = SocketSyscalls.Find(thread, a.A0, out var socket);
        if (error != 0)
            return error;
        var deadline = long.MaxValue;
        if (a.A4 != 0)
        {
            if (!thread.Memory.TryRead(a.A4, out TimeSpecification timeout))
                return -Errno.EFAULT;
            if (!timeout.IsValid)
                return -Errno.EINVAL;
            deadline = Deadlines.After(thread.Cvm.Host.MonotonicNanoseconds, timeout);
        }

        var (count, flags) = (Math.Min((uint)a.A2, MostMessages), (int)a.A3);
        var size = MessageHeader.SizeOfMany(thread);
        for (var k = 0; k < count; k++)
        {
            var at = a.A1 + (k * size);
            var received = Receive(thread, socket!, at, flags & ~SocketAbi.MSG_WAITFORONE);
            if (received >= 0 && !thread.Memory.TryWrite(at + MessageHeader.SizeOf(thread), (int)received))
                received = -Errno.EFAULT;
            if (received < 0)
                return k > 0 ? k : received;
            // The time is looked at after each message, as Linux does it (recvmmsg(2), BUGS).
            if (thread.Cvm.Host.MonotonicNanoseconds >= deadline)
                return k + 1;
            if ((flags & SocketAbi.MSG_WAITFORONE) != 0)
                flags |= SocketAbi.MSG_DONTWAIT;
        }

        return count;
    }

    private static bool Fits(CvmThread thread, long address, long length, bool isWrite)
        => length >= 0 && thread.Memory.Permits(address, (ulong)Math.Min(length, TransferSyscalls.MaxTransfer), isWrite);

    private static long Send(CvmThread thread, Socket socket, long address, int flags)
    {
        long error = MessageHeader.Read(thread, address, out var header);
        var to = default(SocketAddress);
        if (error == 0)
            error = header.ReadName(thread, socket, out to);
        if (error != 0)
            return error;
        error = TransferSyscalls.ReadRanges(thread, header.VectorFor(thread), header.VectorCount, isWrite: true, out var ranges, out var total);
        thread.ActFor(null);
        if (error != 0)
            return error;
        error = header.ReadControl(thread, socket, out var ancillary, out var posting);
        if (error != 0)
            return error;
        var vector = new IoVector(thread, ranges, total);
        var sent = Send(thread, socket, ref vector, new Outgoing(to, ancillary, ancillary?.Sender ?? SocketSyscalls.CredentialsOf(thread), posting), flags);
        thread.ActFor(null);
        return sent;
    }

    /// <summary>Sends; waits for room unless told not to. A stream sends all; SIGPIPE comes with -EPIPE unless told not to.</summary>
    private static long Send(CvmThread thread, Socket socket, ref IoVector from, in Outgoing message, int flags)
    {
        var isUrgent = (flags & SocketAbi.MSG_OOB) != 0;
        if (isUrgent && socket.Protocol != SocketAbi.IPPROTO_TCP)
            return -Errno.EOPNOTSUPP;
        var mayWait = !socket.IsNonBlocking && (flags & SocketAbi.MSG_DONTWAIT) == 0;
        var deadline = mayWait ? thread.DeadlineAfter(socket.Options.SendTimeout) : 0;
        var done = 0L;
        var outgoing = message with { IsUrgent = isUrgent };
        while (true)
        {
            var count = socket.Send(thread, ref from, outgoing, out var full);
            if (count > 0)
            {
                // What goes along went with the first bytes.
                outgoing = outgoing with { Ancillary = null };
                done += count;
            }

            if (count >= 0 && (from.Left == 0 || socket.Type != SocketAbi.SOCK_STREAM))
                return done;
            if (count == -Errno.EAGAIN && full is null && mayWait)
            {
                // Where there is no room is not the library OS's to see.
                count = thread.Await(socket, FileAbi.POLLOUT, deadline);
                if (count == 0)
                    continue;
                if (count == -Errno.ERESTARTSYS && socket.Options.SendTimeout != 0)
                    count = -Errno.EINTR;
            }
            else if (count == -Errno.EAGAIN && full is not null && mayWait)
            {
                var parked = full.Space.Wait(thread, deadline, static f => f.IsWritable, full, FileAbi.POLLOUT);
                if (parked == ParkResult.Woken)
                    continue;
                count = parked == ParkResult.TimedOut ? -Errno.EAGAIN : socket.Options.SendTimeout == 0 ? -Errno.ERESTARTSYS : -Errno.EINTR;
            }
            else if (count > 0 && mayWait)
            {
                continue;
            }

            outgoing.Ancillary?.Dispose();
            // SIGPIPE is for sockets that once could send.
            var isSilent = (flags & SocketAbi.MSG_NOSIGNAL) != 0 || socket.Type == SocketAbi.SOCK_DGRAM;
            return done > 0 ? done : isSilent ? count : thread.Written(0, count);
        }
    }

    private static long Receive(CvmThread thread, Socket socket, long address, int flags)
    {
        long error = MessageHeader.Read(thread, address, out var header);
        if (error != 0)
            return error;
        error = TransferSyscalls.ReadRanges(thread, header.VectorFor(thread), header.VectorCount, isWrite: false, out var ranges, out var total);
        thread.ActFor(null);
        if (error != 0)
            return error;
        var vector = new IoVector(thread, ranges, total);
        var count = Receive(thread, socket, ref vector, flags, out var received);
        thread.ActFor(null);
        if (count < 0)
            return count;
        var returned = flags & (SocketAbi.MSG_CMSG_CLOEXEC | SocketAbi.MSG_OOB | SocketAbi.MSG_ERRQUEUE);
        if ((flags & SocketAbi.MSG_OOB) != 0 && count == 0)
            returned |= SocketAbi.MSG_TRUNC;
        if (received.Length > count)
            returned |= SocketAbi.MSG_TRUNC;
        error = header.WriteName(thread, NameOf(socket, received));
        if (error == 0)
            error = header.WriteControl(thread, socket, received, flags, ref returned);
        if (error != 0)
            return error;
        return header.WriteFlags(thread, returned) ? TellLength(socket, count, received, flags) : -Errno.EFAULT;
    }

    /// <summary>Receives; waits for something unless told not to.</summary>
    private static long Receive(CvmThread thread, Socket socket, ref IoVector to, int flags, out Received received)
    {
        received = default;
        if ((flags & SocketAbi.MSG_OOB) != 0 && socket is StreamSocket { Protocol: SocketAbi.IPPROTO_TCP } stream)
            return stream.ReceiveUrgent(ref to, (flags & SocketAbi.MSG_PEEK) != 0);
        if ((flags & SocketAbi.MSG_ERRQUEUE) != 0)
            return socket.ReceiveError(ref to, out received);
        if ((flags & ~ReceiveFlags) != 0)
            return (flags & SocketAbi.MSG_OOB) != 0 && socket.Type != SocketAbi.SOCK_STREAM ? -Errno.EOPNOTSUPP : -Errno.EINVAL;
        var mayWait = !socket.IsNonBlocking && (flags & SocketAbi.MSG_DONTWAIT) == 0;
        var deadline = mayWait ? thread.DeadlineAfter(socket.Options.ReceiveTimeout) : 0;
        var isPeek = (flags & SocketAbi.MSG_PEEK) != 0;
        var done = 0L;
        while (true)
        {
            var count = socket.Receive(ref to, isPeek, out var piece);
            if (count > 0 || (count == 0 && done == 0))
                received = piece;
            done += Math.Max(count, 0);
            if (count == -Errno.EAGAIN && mayWait)
            {
                count = thread.Await(socket, FileAbi.POLLIN, deadline);
                if (count == 0)
                    continue;
                if (count == -Errno.ERESTARTSYS && socket.Options.ReceiveTimeout != 0)
                    count = -Errno.EINTR;
            }

            var goesOn = count > 0 && to.Left > 0 && !isPeek && (flags & SocketAbi.MSG_WAITALL) != 0 && socket.Type == SocketAbi.SOCK_STREAM && received is { Ancillary: null, IsAtMark: false };
            if (!goesOn)
                return done > 0 ? done : count;
        }
    }

    /// <summary>Who sent: of messages the sender, of Unix streams the other end, and of TCP nobody, as everybody knows.</summary>
    private static SocketAddress NameOf(Socket socket, in Received received)
    {
        var name = socket.Type == SocketAbi.SOCK_DGRAM ? received.Source with { Family = socket.Family }
            : socket.Family is SocketAbi.AF_UNIX or SocketAbi.AF_NETLINK ? socket.PeerAddress : default;
        return name is { Family: SocketAbi.AF_UNIX, Path: null } ? default : name;
    }

    private static long TellLength(Socket socket, long count, in Received received, int flags)
        => (flags & SocketAbi.MSG_TRUNC) != 0 && socket.Type != SocketAbi.SOCK_STREAM ? received.Length : count;
}
