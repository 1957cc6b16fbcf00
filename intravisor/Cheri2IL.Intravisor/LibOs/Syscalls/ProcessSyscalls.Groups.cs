using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <content>Parents, process groups, sessions, and descriptors of processes.</content>
internal static partial class ProcessSyscalls
{
    public static long Getppid(CvmThread thread, in SyscallArguments a) => thread.Process.ParentId;

    /// <summary>Checks in the order of kernel/sys.c.</summary>
    public static long Setpgid(CvmThread thread, in SyscallArguments a)
    {
        var self = thread.Process;
        var id = (int)a.A0 == 0 ? self.Id : (int)a.A0;
        var group = (int)a.A1 == 0 ? id : (int)a.A1;
        if (group < 0)
            return -Errno.EINVAL;
        lock (thread.Cvm.Tasks)
        {
            if (Find(thread, id) is not { } process)
                return -Errno.ESRCH;
            if (process.Parent == self)
            {
                if (process.Session != self.Session)
                    return -Errno.EPERM;
                if (process.HasExecuted)
                    return -Errno.EACCES;
            }
            else if (process != self)
            {
                return -Errno.ESRCH;
            }

            if (process.Session == process.Id || (group != id && !thread.Cvm.Processes.Any(p => p.Group == group && p.Session == self.Session)))
                return -Errno.EPERM;
            process.Group = group;
            return 0;
        }
    }

    public static long Getpgid(CvmThread thread, in SyscallArguments a) => Find(thread, (int)a.A0)?.Group ?? -Errno.ESRCH;

    public static long Getsid(CvmThread thread, in SyscallArguments a) => Find(thread, (int)a.A0)?.Session ?? -Errno.ESRCH;

    public static long Setsid(CvmThread thread, in SyscallArguments a)
    {
        var self = thread.Process;
        lock (thread.Cvm.Tasks)
        {
            if (thread.Cvm.Processes.Any(p => p.Group == self.Id))
                return -Errno.EPERM;
            self.Terminal = null;
            return self.Session = self.Group = self.Id;
        }
    }

    public static long PidfdOpen(CvmThread thread, in SyscallArguments a)
    {
        const uint PIDFD_NONBLOCK = FileAbi.O_NONBLOCK;
        if (((uint)a.A1 & ~PIDFD_NONBLOCK) != 0 || (int)a.A0 <= 0)
            return -Errno.EINVAL;
        if (thread.Cvm.FindProcess((int)a.A0) is { } process)
            return PidFile.Open(thread, process, (int)a.A1);

        // A thread that leads no process.
        return thread.Cvm.FindThread((int)a.A0) is null ? -Errno.ESRCH : -Errno.ENOENT;
    }

    /// <summary>The process with that id, or the caller for 0.</summary>
    private static GuestProcess? Find(CvmThread thread, int id) => id == 0 ? thread.Process : thread.Cvm.FindProcess(id);
}
