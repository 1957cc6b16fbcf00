using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Terminals;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Cvms;

/// <content>Terminals: who may use them, and how long a raw read waits.</content>
public sealed partial class CvmThread
{
    private const long TenthOfSecond = 100_000_000;

    /// <summary>Whether the process is in the foreground of the terminal, or uses it as others do; see <see cref="LibOs.Processes.GuestProcess.CheckForeground"/>.</summary>
    internal int CheckForeground(PseudoTerminal terminal, int signal) => Process.CheckForeground(this, terminal, signal);

    /// <summary>n_tty_read: a line, or as many bytes as VMIN and VTIME want (termios(3)).</summary>
    private long Read(TerminalFile file, ref IoVector to)
    {
        if (file.IsHungUp)
            return 0;
        var error = CheckForeground(file.Terminal, Signal.SIGTTIN);
        if (error != 0 || to.Left == 0)
            return error;
        var settings = file.Terminal.GetSettings();
        var (least, time) = settings.IsCanonical ? (1, 0) : (settings.Characters[TerminalAbi.VMIN], settings.Characters[TerminalAbi.VTIME]);
        var between = least > 0 && time > 0 ? time * TenthOfSecond : 0;
        var deadline = least > 0 ? long.MaxValue : DeadlineAfter(Math.Max(time * TenthOfSecond, 1));
        var done = 0L;
        while (true)
        {
            var result = file.Read(ref to);
            if (result == -Errno.EAGAIN)
            {
                if (least == 0 && time == 0)
                    return done;
                if (file.IsNonBlocking)
                    return done > 0 ? done : -Errno.EAGAIN;
                var waited = file.Waiters.Wait(this, deadline, static f => f.IsReadable, file, FileAbi.POLLIN | FileAbi.POLLHUP);
                if (waited == ParkResult.TimedOut)
                    return done;
                if (waited == ParkResult.Interrupted)
                    return done > 0 ? done : -Errno.ERESTARTSYS;
                if (file.IsHungUp)
                    return done > 0 ? done : file.Terminal.IsMasterOpen ? 0 : -Errno.EIO;
                continue;
            }

            if (result < 0)
                return done > 0 ? done : result;
            done += result;
            if (result == 0 || done >= least || to.Left == 0)
                return done;
            if (between != 0)
                deadline = DeadlineAfter(between);
        }
    }

    /// <summary>0, or what a write is refused with because the process is in the background and the terminal does not take that (TOSTOP).</summary>
    private int MayWrite(TerminalFile file)
        => !file.IsHungUp && file.Terminal.GetSettings().HasLocal(TerminalAbi.TOSTOP) ? CheckForeground(file.Terminal, Signal.SIGTTOU) : 0;
}
