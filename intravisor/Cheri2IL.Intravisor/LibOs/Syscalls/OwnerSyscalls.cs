using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Net;
using Cheri2IL.Intravisor.LibOs.Terminals;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Signals that tell of a file's events, and whom they go to (fs/fcntl.c).</summary>
internal static class OwnerSyscalls
{
    /// <summary>F_SETOWN.</summary>
    internal const int SetOwner = 8;

    /// <summary>F_GETOWN.</summary>
    internal const int GetOwner = 9;

    /// <summary>F_SETSIG.</summary>
    internal const int SetSignal = 10;

    /// <summary>F_GETSIG.</summary>
    internal const int GetSignal = 11;

    /// <summary>F_SETOWN_EX.</summary>
    internal const int SetOwnerEx = 15;

    /// <summary>F_GETOWN_EX.</summary>
    internal const int GetOwnerEx = 16;

    /// <summary>The requests above.</summary>
    internal static long Fcntl(CvmThread thread, OpenFile file, int request, long argument)
    {
        var owner = file.Owner;
        var (type, id) = owner.Owner;
        switch (request)
        {
            case SetOwner:
                var number = (int)argument;
                return number == int.MinValue ? -Errno.EINVAL
                    : number < 0 ? owner.Set(thread, FileOwner.Group, -number)
                    : owner.Set(thread, FileOwner.Process, number);
            case GetOwner:
                return type == FileOwner.Group ? -id : id;
            case SetSignal:
                if ((ulong)argument > Signal.Last)
                    return -Errno.EINVAL;
                owner.Signal = (int)argument;
                return 0;
            case GetSignal:
                return owner.Signal;
            case SetOwnerEx:
                // struct f_owner_ex: int type; pid_t pid.
                if (!thread.Memory.TryRead(argument, out long both))
                    return -Errno.EFAULT;
                return (uint)both > FileOwner.Group ? -Errno.EINVAL : owner.Set(thread, (int)both, (int)(both >> 32));
            default:
                return thread.Memory.TryWrite(argument, (uint)type | ((long)id << 32)) ? 0 : -Errno.EFAULT;
        }
    }

    /// <summary>ioctl of sockets that sets or tells whom signals go to, or tells whether the mark of urgent data is next; null: it is none of these.</summary>
    internal static long? Ioctl(CvmThread thread, Socket socket, uint request, long argument)
    {
        const uint fiosetown = 0x8901, siocspgrp = 0x8902, fiogetown = 0x8903, siocgpgrp = 0x8904, siocatmark = 0x8905;
        switch (request)
        {
            case fiosetown or siocspgrp:
                return thread.Memory.TryRead(argument, out int owner) ? Fcntl(thread, socket, SetOwner, owner) : -Errno.EFAULT;
            case fiogetown or siocgpgrp:
                return thread.Memory.TryWrite(argument, (int)Fcntl(thread, socket, GetOwner, 0)) ? 0 : -Errno.EFAULT;
            case siocatmark when socket is StreamSocket { Protocol: SocketAbi.IPPROTO_TCP } stream:
                return thread.Memory.TryWrite(argument, stream.IsAtMark ? 1 : 0) ? 0 : -Errno.EFAULT;
            default:
                return null;
        }
    }

    /// <summary>ioctl FIOASYNC.</summary>
    internal static long Fioasync(CvmThread thread, OpenFile file, int descriptor, long argument)
    {
        if (!thread.Memory.TryRead(argument, out int on))
            return -Errno.EFAULT;
        return file.SignalEvents != 0 ? SetAsync(thread, file, descriptor, on != 0)
            : on == 0 ? 0
            : -Errno.ENOTTY;
    }

    /// <summary>The file begins or ceases to send signals; 0 or -ENOTTY.</summary>
    internal static long SetAsync(CvmThread thread, OpenFile file, int descriptor, bool isOn)
    {
        if (isOn == ((file.Flags & FileAbi.O_ASYNC) != 0))
            return 0;
        if (file is TerminalFile { IsHungUp: true })
            return -Errno.ENOTTY;
        file.Flags ^= FileAbi.O_ASYNC;
        if (!isOn)
        {
            file.Owner.Stop();
            return 0;
        }

        // A terminal belongs to its foreground, or else to who asks, unless it was said to whom (drivers/tty/tty_io.c, __tty_fasync).
        if (file is TerminalFile or MasterFile && file.Owner.Owner.Id == 0)
        {
            int foreground;
            lock (thread.Cvm.Tasks)
                foreground = file is TerminalFile slave ? slave.Terminal.ForegroundGroup : 0;
            if (foreground == 0 || file.Owner.Set(thread, FileOwner.Group, foreground) != 0)
                file.Owner.Set(thread, FileOwner.Process, thread.Process.Id);
        }

        file.Owner.Start(descriptor);

        // Another thread may have closed it meanwhile: then nobody else stops it.
        if (thread.Files.Descriptors[descriptor] != file)
            file.Owner.Stop();
        return 0;
    }
}
