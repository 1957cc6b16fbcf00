using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Terminals;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>ioctl of terminals (ioctl_tty(2); drivers/tty/tty_io.c, tty_ioctl.c, pty.c), and vhangup.</summary>
internal static class TerminalSyscalls
{
    public static long Vhangup(CvmThread thread, in SyscallArguments a)
    {
        if (!thread.Process.Attributes.IsPrivileged)
            return -Errno.EPERM;
        PseudoTerminal? terminal;
        lock (thread.Cvm.Tasks)
            terminal = thread.Process.Terminal;
        terminal?.HangUp();
        return 0;
    }

    /// <summary>A request that files of all kinds do not have.</summary>
    internal static long Ioctl(CvmThread thread, OpenFile file, uint request, long argument) => file switch
    {
        TerminalFile { IsHungUp: true } => request == TerminalAbi.TIOCSPGRP ? -Errno.ENOTTY : -Errno.EIO,
        TerminalFile slave => Ioctl(thread, slave, slave.Terminal, request, argument, isMaster: false),
        MasterFile master => MasterIoctl(thread, master, request, argument),
        _ when file.IsTerminal(out var columns, out var rows) => ConsoleIoctl(thread, request, argument, new TerminalSize((ushort)rows, (ushort)columns, 0, 0)),
        _ => -Errno.ENOTTY,
    };

    /// <summary>What both ends have; that of the master is about the terminal unless it says otherwise.</summary>
    private static long Ioctl(CvmThread thread, OpenFile file, PseudoTerminal terminal, uint request, long argument, bool isMaster)
    {
        var memory = thread.Memory;
        switch (request)
        {
            case TerminalAbi.TCGETS:
                var settings = terminal.GetSettings();
                return Done(memory.TryWrite(argument, MemoryMarshal.AsBytes(new ReadOnlySpan<TerminalSettings>(in settings))[..TerminalSettings.OldBytes]));
            case TerminalAbi.TCGETS2:
                return Done(memory.TryWrite(argument, terminal.GetSettings()));
            case TerminalAbi.TCSETS or TerminalAbi.TCSETSW or TerminalAbi.TCSETSF or TerminalAbi.TCSETS2 or TerminalAbi.TCSETSW2 or TerminalAbi.TCSETSF2:
                return Set(thread, terminal, request, argument);
            case TerminalAbi.TIOCGWINSZ:
                return Done(memory.TryWrite(argument, terminal.Size));
            case TerminalAbi.TIOCSWINSZ:
                if (!memory.TryRead(argument, out TerminalSize size))
                    return -Errno.EFAULT;
                terminal.Size = size;
                return 0;
            case TerminalAbi.TIOCGPGRP or TerminalAbi.TIOCGSID:
                return GetOwner(thread, terminal, request, argument, isMaster);
            case TerminalAbi.TIOCSPGRP:
                if (thread.CheckForeground(terminal, Signal.SIGTTOU) is var refused and not 0)
                    return refused == -Errno.EIO ? -Errno.ENOTTY : refused;
                return memory.TryRead(argument, out int group) ? thread.Process.SetForeground(terminal, group) : -Errno.EFAULT;
            case TerminalAbi.TIOCSCTTY:
                return thread.Process.SetTerminal(terminal, file.CanRead, steals: argument == 1);
            case TerminalAbi.TIOCNOTTY:
                return isMaster ? -Errno.ENOTTY : thread.Process.GiveUpTerminal(terminal);
            case TerminalAbi.TCFLSH:
                return Flush(thread, terminal, argument, isMaster);
            case TerminalAbi.TCXONC:
                return Control(thread, terminal, argument, isMaster);
            case TerminalAbi.TCSBRK or TerminalAbi.TCSBRKP or TerminalAbi.TIOCSBRK or TerminalAbi.TIOCCBRK:
                // There is no line that could have a break, and nothing on its way.
                return isMaster ? 0 : thread.CheckForeground(terminal, Signal.SIGTTOU);
            case TerminalAbi.TIOCOUTQ or TerminalAbi.TIOCGETD:
                return Done(memory.TryWrite(argument, 0));
            case TerminalAbi.TIOCEXCL or TerminalAbi.TIOCNXCL:
                if (!isMaster)
                    terminal.IsExclusive = request == TerminalAbi.TIOCEXCL;
                return 0;
            case TerminalAbi.TIOCGEXCL:
                return Done(memory.TryWrite(argument, !isMaster && terminal.IsExclusive ? 1 : 0));
            case TerminalAbi.TIOCGDEV:
                return Done(memory.TryWrite(argument, (int)terminal.Device));
            case TerminalAbi.TIOCVHANGUP:
                if (!thread.Process.Attributes.IsPrivileged)
                    return -Errno.EPERM;
                if (!isMaster)
                    terminal.HangUp();
                return 0;
            default:
                return -Errno.ENOTTY;
        }
    }

    private static long MasterIoctl(CvmThread thread, MasterFile master, uint request, long argument)
    {
        var terminal = master.Terminal;
        switch (request)
        {
            case TerminalAbi.TIOCGPTN:
                return Done(thread.Memory.TryWrite(argument, terminal.Number));
            case TerminalAbi.TIOCGPTLCK:
                return Done(thread.Memory.TryWrite(argument, terminal.IsLocked ? 1 : 0));
            case TerminalAbi.TIOCGPKT:
                return Done(thread.Memory.TryWrite(argument, terminal.IsPacketMode ? 1 : 0));
            case TerminalAbi.TIOCSPTLCK or TerminalAbi.TIOCPKT:
                if (!thread.Memory.TryRead(argument, out int on))
                    return -Errno.EFAULT;
                if (request == TerminalAbi.TIOCPKT)
                    terminal.IsPacketMode = on != 0;
                else
                    terminal.IsLocked = on != 0;
                return 0;
            case TerminalAbi.TIOCGPTPEER:
                return OpenPeer(thread, terminal, (int)argument);
            case TerminalAbi.TIOCSIG:
                if ((int)argument is not (Signal.SIGINT or Signal.SIGQUIT or Signal.SIGTSTP))
                    return -Errno.EINVAL;
                terminal.SignalForeground((int)argument);
                return 0;
            default:
                return Ioctl(thread, master, terminal, request, argument, isMaster: true);
        }
    }

    /// <summary>A descriptor of the terminal itself, without a path to it.</summary>
    private static long OpenPeer(CvmThread thread, PseudoTerminal terminal, int flags)
    {
        if (thread.Cvm.Terminals.Find(terminal.Number) is not { } node || node.Terminal != terminal)
            return -Errno.EIO;
        var file = node.OpenFor(thread.FileCaller, flags, out var error);
        if (file is null)
            return error;
        if ((flags & FileAbi.O_NOCTTY) == 0)
            thread.Process.AcquireTerminal((TerminalFile)file);
        return thread.Files.Descriptors.AddNew(file, (flags & FileAbi.O_CLOEXEC) != 0);
    }

    private static long Set(CvmThread thread, PseudoTerminal terminal, uint request, long argument)
    {
        var error = thread.CheckForeground(terminal, Signal.SIGTTOU);
        if (error != 0)
            return error;
        var settings = terminal.GetSettings();
        var bytes = MemoryMarshal.AsBytes(new Span<TerminalSettings>(ref settings));
        var isOld = request is TerminalAbi.TCSETS or TerminalAbi.TCSETSW or TerminalAbi.TCSETSF;
        if (!thread.Memory.TryRead(argument, isOld ? bytes[..TerminalSettings.OldBytes] : bytes))
            return -Errno.EFAULT;
        terminal.SetSettings(settings, discardsInput: request is TerminalAbi.TCSETSF or TerminalAbi.TCSETSF2);
        return 0;
    }

    private static long GetOwner(CvmThread thread, PseudoTerminal terminal, uint request, long argument, bool isMaster)
    {
        int id;
        lock (thread.Cvm.Tasks)
        {
            if (!isMaster && thread.Process.Terminal != terminal)
                return -Errno.ENOTTY;
            id = request == TerminalAbi.TIOCGPGRP ? terminal.ForegroundGroup : terminal.Session;
        }

        return request == TerminalAbi.TIOCGSID && id == 0 ? -Errno.ENOTTY : Done(thread.Memory.TryWrite(argument, id));
    }

    private static long Flush(CvmThread thread, PseudoTerminal terminal, long argument, bool isMaster)
    {
        var error = isMaster ? 0 : thread.CheckForeground(terminal, Signal.SIGTTOU);
        if (error != 0)
            return error;
        if (argument is not (TerminalAbi.TCIFLUSH or TerminalAbi.TCOFLUSH or TerminalAbi.TCIOFLUSH))
            return -Errno.EINVAL;
        var (input, output) = (argument != TerminalAbi.TCOFLUSH, argument != TerminalAbi.TCIFLUSH);
        if (!isMaster)
            terminal.Discard(input, output);
        else if (input)
            terminal.DiscardForMaster();
        return 0;
    }

    private static long Control(CvmThread thread, PseudoTerminal terminal, long argument, bool isMaster)
    {
        var error = isMaster ? 0 : thread.CheckForeground(terminal, Signal.SIGTTOU);
        if (error != 0)
            return error;
        switch (argument)
        {
            case TerminalAbi.TCOOFF or TerminalAbi.TCOON:
                // What the master writes is not held back.
                if (!isMaster)
                    terminal.Suspend(stops: argument == TerminalAbi.TCOOFF);
                return 0;
            case TerminalAbi.TCIOFF or TerminalAbi.TCION:
                var c = terminal.GetSettings().Characters[argument == TerminalAbi.TCIOFF ? TerminalAbi.VSTOP : TerminalAbi.VSTART];
                if (!isMaster && c != 0)
                    terminal.SendCharacter(c);
                return 0;
            default:
                return -Errno.EINVAL;
        }
    }

    /// <summary>A stream of the host that is a terminal, though not one that the cVM controls: its size, and modes that nothing changes.</summary>
    private static long ConsoleIoctl(CvmThread thread, uint request, long argument, TerminalSize size)
    {
        switch (request)
        {
            case TerminalAbi.TCGETS:
                var settings = TerminalSettings.Default;
                return Done(thread.Memory.TryWrite(argument, MemoryMarshal.AsBytes(new ReadOnlySpan<TerminalSettings>(in settings))[..TerminalSettings.OldBytes]));
            case TerminalAbi.TCGETS2:
                return Done(thread.Memory.TryWrite(argument, TerminalSettings.Default));
            case TerminalAbi.TCSETS or TerminalAbi.TCSETSW or TerminalAbi.TCSETSF or TerminalAbi.TCSETS2 or TerminalAbi.TCSETSW2 or TerminalAbi.TCSETSF2:
                return 0;
            case TerminalAbi.TIOCGWINSZ:
                return Done(thread.Memory.TryWrite(argument, size));
            default:
                return -Errno.ENOTTY;
        }
    }

    private static long Done(bool isWritten) => isWritten ? 0 : -Errno.EFAULT;
}
