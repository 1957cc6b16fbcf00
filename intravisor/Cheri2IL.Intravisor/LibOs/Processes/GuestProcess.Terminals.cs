using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Terminals;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <content>The controlling terminal (drivers/tty/tty_jobctrl.c).</content>
public sealed partial class GuestProcess
{
    /// <summary>Group that was in the foreground of the terminal that a session leader has lost.</summary>
    private int _formerForeground;

    /// <summary>The controlling terminal, if any. <see cref="Cvm.Tasks"/> guards it.</summary>
    internal PseudoTerminal? Terminal { get; set; }

    /// <summary>Whether it leads its session.</summary>
    internal bool LeadsSession => Session == Id;

    /// <summary>A leader of a session without terminal opens one that has no session.</summary>
    internal void AcquireTerminal(TerminalFile file)
    {
        lock (Cvm.Tasks)
        {
            if (LeadsSession && Terminal is null && file.Terminal.Session == 0 && file.CanRead)
                TakeTerminal(file.Terminal);
        }
    }

    /// <summary>TIOCSCTTY.</summary>
    /// <param name="terminal">The terminal.</param>
    /// <param name="canRead">Whether its file may be read.</param>
    /// <param name="steals">Whether another session is to lose it.</param>
    internal long SetTerminal(PseudoTerminal terminal, bool canRead, bool steals)
    {
        lock (Cvm.Tasks)
        {
            if (LeadsSession && Session == terminal.Session)
                return 0;
            if (!LeadsSession || Terminal is not null)
                return -Errno.EPERM;
            if (terminal.Session != 0)
            {
                if (!steals || !Attributes.IsPrivileged)
                    return -Errno.EPERM;
                ForgetTerminals(terminal.Session);
            }

            if (!canRead && !Attributes.IsPrivileged)
                return -Errno.EPERM;
            TakeTerminal(terminal);
            return 0;
        }
    }

    /// <summary>TIOCNOTTY; a session leader takes the terminal from all its session.</summary>
    internal long GiveUpTerminal(PseudoTerminal terminal)
    {
        int foreground;
        lock (Cvm.Tasks)
        {
            if (Terminal != terminal)
                return -Errno.ENOTTY;
            Terminal = null;
            if (!LeadsSession)
                return 0;
            foreground = Release(terminal);
        }

        if (foreground != 0)
        {
            Cvm.SignalGroup(foreground, Signal.SIGHUP);
            Cvm.SignalGroup(foreground, Signal.SIGCONT);
        }

        return 0;
    }

    /// <summary>A session leader ends: its terminal is free for others, and who uses it in the foreground is told (disassociate_ctty).</summary>
    internal void LeaveTerminal()
    {
        int foreground;
        bool had;
        lock (Cvm.Tasks)
        {
            if (!LeadsSession)
                return;
            had = Terminal is not null;
            foreground = Terminal is { } terminal ? Release(terminal) : _formerForeground;
            _formerForeground = 0;
        }

        if (foreground == 0)
            return;
        Cvm.SignalGroup(foreground, Signal.SIGHUP);
        if (!had)
            Cvm.SignalGroup(foreground, Signal.SIGCONT);
    }

    /// <summary>The line of its terminal is cut.</summary>
    internal void LoseTerminal(int foreground)
    {
        lock (Cvm.Tasks)
            _formerForeground = foreground;
        Send(SignalInfo.OfSender(Signal.SIGHUP, Signal.SI_KERNEL, sender: 0, user: 0));
        Send(SignalInfo.OfSender(Signal.SIGCONT, Signal.SI_KERNEL, sender: 0, user: 0));
    }

    /// <summary>
    /// Whether a thread of it may use its terminal, which processes in the background do not: their group gets a signal (__tty_check_change).
    /// </summary>
    /// <returns>0, -EIO, or -ERESTARTSYS once they have been signalled.</returns>
    internal int CheckForeground(CvmThread thread, PseudoTerminal terminal, int signal)
    {
        int group;
        lock (Cvm.Tasks)
        {
            group = Group;
            if (Terminal != terminal || terminal.ForegroundGroup == 0 || terminal.ForegroundGroup == group)
                return 0;
            lock (Signals.Gate)
            {
                if ((thread.Mask & Signal.Bit(signal)) != 0 || Signals.Action(signal).Handler == Signal.SIG_IGN)
                    return signal == Signal.SIGTTIN ? -Errno.EIO : 0;
            }

            if (IsGroupOrphaned)
                return -Errno.EIO;
        }

        Cvm.SignalGroup(group, signal);
        return -Errno.ERESTARTSYS;
    }

    /// <summary>TIOCSPGRP, after <see cref="CheckForeground"/>.</summary>
    internal long SetForeground(PseudoTerminal terminal, int group)
    {
        if (group < 0)
            return -Errno.EINVAL;
        lock (Cvm.Tasks)
        {
            if (Terminal != terminal || terminal.Session != Session)
                return -Errno.ENOTTY;
            if ((Cvm.Processes.FirstOrDefault(p => p.Group == group) ?? Cvm.Processes.FirstOrDefault(p => p.Id == group)) is not { } member)
                return -Errno.ESRCH;
            if (member.Session != Session)
                return -Errno.EPERM;
            terminal.ForegroundGroup = group;
            return 0;
        }
    }

    /// <summary>The terminal becomes its session's. Hold <see cref="Cvm.Tasks"/>.</summary>
    internal void TakeTerminal(PseudoTerminal terminal)
    {
        (terminal.Session, terminal.ForegroundGroup) = (Session, Group);
        Terminal = terminal;
        _formerForeground = 0;
    }

    /// <summary>The terminal is nobody's any more; the group that was in the foreground. Hold <see cref="Cvm.Tasks"/>.</summary>
    private int Release(PseudoTerminal terminal)
    {
        var foreground = terminal.ForegroundGroup;
        (terminal.Session, terminal.ForegroundGroup) = (0, 0);
        ForgetTerminals(Session);
        return foreground;
    }

    private void ForgetTerminals(int session)
    {
        foreach (var process in Cvm.Processes)
        {
            if (process.Session == session)
                process.Terminal = null;
        }
    }
}
