using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>wait4 and waitid (kernel/exit.c).</summary>
internal static class WaitSyscalls
{
    private const int WNOHANG = 1;
    private const int WUNTRACED = 2;
    private const int WSTOPPED = WUNTRACED;
    private const int WEXITED = 4;
    private const int WCONTINUED = 8;
    private const int WNOWAIT = 0x0100_0000;

    /// <summary>__WNOTHREAD, __WALL and __WCLONE.</summary>
    private const int LinuxOptions = unchecked((int)0xE000_0000);
    private const int WCLONE = int.MinValue;
    private const int WALL = 0x4000_0000;

    private const int P_ALL = 0;
    private const int P_PID = 1;
    private const int P_PGID = 2;
    private const int P_PIDFD = 3;

    private const int Ended = (1 << Signal.CLD_EXITED) | (1 << Signal.CLD_KILLED) | (1 << Signal.CLD_DUMPED);

    /// <summary>What <see cref="Wait"/> waits for; the result is left in it.</summary>
    private sealed class Request(GuestProcess parent, ChildChoice choice, int codes, bool keeps)
    {
        public (GuestProcess Child, WaitEvent Event, long Cpu)? Reaped;

        /// <summary>Whether there is nothing to wait for, or something has been found.</summary>
        public bool IsOver => !parent.TryWait(choice, codes, keeps, out Reaped) || Reaped is not null;

        public void Wait(CvmThread thread, out ParkResult result)
            => result = parent.Waiting.Wait(thread, long.MaxValue, static r => r.IsOver, this);
    }

    public static long Wait4(CvmThread thread, in SyscallArguments a)
    {
        var (id, options) = ((int)a.A0, (int)a.A2);
        if ((options & ~(WNOHANG | WUNTRACED | WCONTINUED | LinuxOptions)) != 0)
            return -Errno.EINVAL;
        if (id == int.MinValue)
            return -Errno.ESRCH;
        var error = Wait(
            thread,
            id switch
            {
                -1 => default,
                <= 0 => new ChildChoice { Group = id == 0 ? thread.Process.Group : -id },
                _ => new ChildChoice { Id = id },
            },
            options | WEXITED,
            out var reaped);
        if (error < 0)
            return error;
        if (reaped is not { } found)
            return 0;
        if (a.A1 != 0 && !thread.Memory.TryWrite(a.A1, StatusOf(found.Event)))
            return -Errno.EFAULT;
        return a.A3 == 0 || TimeSyscalls.TryWriteUsage(thread, a.A3, found.Cpu) ? found.Child.Id : -Errno.EFAULT;
    }

    public static long Waitid(CvmThread thread, in SyscallArguments a)
    {
        var (id, options) = ((int)a.A1, (int)a.A3);
        if ((options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | LinuxOptions)) != 0 || (options & (WEXITED | WSTOPPED | WCONTINUED)) == 0)
            return -Errno.EINVAL;
        ChildChoice choice;
        switch ((int)a.A0)
        {
            case P_ALL:
                choice = default;
                break;
            case P_PID:
                if (id <= 0)
                    return -Errno.EINVAL;
                choice = new ChildChoice { Id = id };
                break;
            case P_PGID:
                if (id < 0)
                    return -Errno.EINVAL;
                choice = new ChildChoice { Group = id == 0 ? thread.Process.Group : id };
                break;
            case P_PIDFD:
                if (id < 0)
                    return -Errno.EINVAL;
                if (thread.Files.Descriptors[id] is not PidFile file)
                    return -Errno.EBADF;
                choice = new ChildChoice { Process = file.Process };
                if (file.IsNonBlocking && (options & WNOHANG) == 0)
                {
                    var now = Wait(thread, choice, options | WNOHANG, out var found);
                    return now < 0 ? now : found is null ? -Errno.EAGAIN : Report(thread, a, found);
                }

                break;
            default:
                return -Errno.EINVAL;
        }

        var error = Wait(thread, choice, options, out var reaped);
        return error < 0 ? error : Report(thread, a, reaped);
    }

    /// <summary>Fills siginfo and rusage, as for no child where there is none.</summary>
    private static long Report(CvmThread thread, in SyscallArguments a, (GuestProcess Child, WaitEvent Event, long Cpu)? reaped)
    {
        var info = reaped is { } found
            ? SignalInfo.OfChild(Signal.SIGCHLD, found.Event.Code, found.Child.Id, found.Child.Attributes.UserId, found.Event.Status)
            : default;
        if (a.A4 != 0 && reaped is not null && !TimeSyscalls.TryWriteUsage(thread, a.A4, reaped.Value.Cpu))
            return -Errno.EFAULT;
        return a.A2 == 0 || thread.Memory.TryWrite(a.A2, info) ? 0 : -Errno.EFAULT;
    }

    /// <summary>0 with what was found, or null when nothing was and the call does not wait; or a negated errno.</summary>
    private static long Wait(CvmThread thread, ChildChoice choice, int options, out (GuestProcess Child, WaitEvent Event, long Cpu)? reaped)
    {
        var codes = ((options & WEXITED) != 0 ? Ended : 0)
            | ((options & WSTOPPED) != 0 ? 1 << Signal.CLD_STOPPED : 0)
            | ((options & WCONTINUED) != 0 ? 1 << Signal.CLD_CONTINUED : 0);

        // Children that send something else than SIGCHLD are found with __WCLONE alone, unless __WALL is given.
        if ((options & WALL) == 0)
            choice = choice with { SendsChildSignal = (options & WCLONE) == 0 };
        var keeps = (options & WNOWAIT) != 0;
        if ((options & WNOHANG) != 0)
            return thread.Process.TryWait(choice, codes, keeps, out reaped) ? 0 : -Errno.ECHILD;
        var request = new Request(thread.Process, choice, codes, keeps);
        request.Wait(thread, out var result);
        reaped = request.Reaped;
        return reaped is not null ? 0 : result == ParkResult.Woken ? -Errno.ECHILD : -Errno.ERESTARTSYS;
    }

    /// <summary>The status word of wait (include/uapi/linux/wait.h; wait(2)).</summary>
    private static int StatusOf(WaitEvent found) => found.Code switch
    {
        Signal.CLD_EXITED => found.Status << 8,
        Signal.CLD_KILLED => found.Status,
        Signal.CLD_DUMPED => found.Status | 0x80,
        Signal.CLD_STOPPED => (found.Status << 8) | 0x7f,
        _ => 0xffff,
    };
}
