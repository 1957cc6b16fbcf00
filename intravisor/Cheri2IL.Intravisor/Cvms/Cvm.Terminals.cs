using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Terminals;

namespace Cheri2IL.Intravisor.Cvms;

/// <content>Its terminals.</content>
public sealed partial class Cvm
{
    /// <summary>The line of a terminal is cut: its session has none any more, and the leader is told (tty_signal_session_leader).</summary>
    internal void HangUp(PseudoTerminal terminal)
    {
        GuestProcess? leader = null;
        int foreground;
        lock (Tasks)
        {
            foreach (var process in _processes)
            {
                if (process.Terminal != terminal)
                    continue;
                process.Terminal = null;
                if (process.LeadsSession)
                    leader = process;
            }

            foreground = terminal.ForegroundGroup;
            (terminal.Session, terminal.ForegroundGroup) = (0, 0);
        }

        leader?.LoseTerminal(foreground);
    }
}
