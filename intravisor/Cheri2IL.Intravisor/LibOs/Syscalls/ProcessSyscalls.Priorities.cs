using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <content>Precedence of processes at processors (kernel/sys.c) and disks (block/ioprio.c). It is kept and told; the host schedules.</content>
internal static partial class ProcessSyscalls
{
    private const int RLIMIT_NICE = 13;
    private const int ClassShift = 13;
    private const int BestEffort = 2;

    public static long Getpriority(CvmThread thread, in SyscallArguments a)
    {
        if ((int)a.A0 is < 0 or > 2)
            return -Errno.EINVAL;
        var chosen = Choose(thread, (int)a.A0, (int)a.A1);
        return chosen.Length == 0 ? -Errno.ESRCH : chosen.Max(p => 20 - p.Attributes.Nice);
    }

    public static long Setpriority(CvmThread thread, in SyscallArguments a)
    {
        if ((int)a.A0 is < 0 or > 2)
            return -Errno.EINVAL;
        var nice = Math.Clamp((int)a.A2, -20, 19);
        var credentials = thread.Process.Attributes.Credentials;
        long result = -Errno.ESRCH;
        foreach (var process in Choose(thread, (int)a.A0, (int)a.A1))
        {
            var users = process.Attributes.Credentials.Users;
            if (users.Real != credentials.Users.Effective && users.Effective != credentials.Users.Effective && !credentials.Has(Privilege.Prioritize))
            {
                result = -Errno.EPERM;
            }
            else if (nice < process.Attributes.Nice && !MayRaise(process.Attributes, nice) && !credentials.Has(Privilege.Prioritize))
            {
                result = -Errno.EACCES;
            }
            else
            {
                process.Attributes.Nice = nice;
                result = result == -Errno.ESRCH ? 0 : result;
            }
        }

        return result;

        // What the limit allows is that of the process that is changed (kernel/sched/syscalls.c, can_nice).
        static bool MayRaise(ProcessAttributes who, int nice)
        {
            lock (who.Gate)
                return (ulong)(20 - nice) <= who.Limits[RLIMIT_NICE].Soft;
        }
    }

    public static long IoprioSet(CvmThread thread, in SyscallArguments a)
    {
        const int realTime = 1, idle = 3, levelMask = 7;
        var priority = (int)a.A2;
        var credentials = thread.Process.Attributes.Credentials;
        switch ((priority & 0xffff) >> ClassShift)
        {
            case realTime when !credentials.Has(Privilege.Administer) && !credentials.Has(Privilege.Prioritize):
                return -Errno.EPERM;
            case realTime or BestEffort or idle:
                break;
            case 0 when (priority & levelMask) == 0:
                break;
            default:
                return -Errno.EINVAL;
        }

        if ((int)a.A0 is < 1 or > 3)
            return -Errno.EINVAL;
        long result = -Errno.ESRCH;
        foreach (var process in Choose(thread, (int)a.A0 - 1, (int)a.A1))
        {
            var user = process.Attributes.Credentials.Users.Real;
            if (user != credentials.Users.Effective && user != credentials.Users.Real && !credentials.Has(Privilege.Prioritize))
                return -Errno.EPERM;
            process.Attributes.DiskPriority = priority & 0xffff;
            result = 0;
        }

        return result;
    }

    public static long IoprioGet(CvmThread thread, in SyscallArguments a)
    {
        if ((int)a.A0 is < 1 or > 3)
            return -Errno.EINVAL;
        var chosen = Choose(thread, (int)a.A0 - 1, (int)a.A1);
        return chosen.Length == 0 ? -Errno.ESRCH : (int)a.A0 == 1 ? chosen[0].Attributes.DiskPriority : chosen.Min(p => Effective(p.Attributes));

        // Of several the best, where one that has none has what its nice value gives it.
        static int Effective(ProcessAttributes process)
            => process.DiskPriority >> ClassShift != 0 ? process.DiskPriority : (BestEffort << ClassShift) | ((process.Nice + 20) / 5);
    }

    /// <summary>The processes that are meant: one (0; by one of its threads), a group (1), or a user's (2); 0 means the caller's.</summary>
    private static GuestProcess[] Choose(CvmThread thread, int kind, int who)
    {
        var self = thread.Process;
        if (kind == 0)
            return (who == 0 ? self : thread.Cvm.FindProcess(who) ?? thread.Cvm.FindThread(who)?.Process) is { } found ? [found] : [];
        var user = who == 0 ? self.Attributes.Credentials.Users.Real : who;
        lock (thread.Cvm.Tasks)
        {
            var group = who == 0 ? self.Group : who;
            return [.. thread.Cvm.Processes.Where(p => kind == 1 ? p.Group == group : p.Attributes.Credentials.Users.Real == user)];
        }
    }
}
