using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <content>User and group ids (kernel/sys.c; credentials(7)). Who has the effective user id 0 may take any.</content>
internal static partial class ProcessSyscalls
{
    private const int MostGroups = 65536;

    public static long Getuid(CvmThread thread, in SyscallArguments a) => (uint)thread.Process.Attributes.Users.Real;

    public static long Geteuid(CvmThread thread, in SyscallArguments a) => (uint)thread.Process.Attributes.Users.Effective;

    public static long Getgid(CvmThread thread, in SyscallArguments a) => (uint)thread.Process.Attributes.Groups.Real;

    public static long Getegid(CvmThread thread, in SyscallArguments a) => (uint)thread.Process.Attributes.Groups.Effective;

    public static long Getresuid(CvmThread thread, in SyscallArguments a) => WriteIds(thread, a, thread.Process.Attributes.Users);

    public static long Getresgid(CvmThread thread, in SyscallArguments a) => WriteIds(thread, a, thread.Process.Attributes.Groups);

    public static long Setuid(CvmThread thread, in SyscallArguments a)
        => Change(thread, (int)a.A0, static (process, id) => process.Users = process.IsPrivileged ? new Ids(id, id, id) : process.Users with { Effective = id }, isUser: true);

    public static long Setgid(CvmThread thread, in SyscallArguments a)
        => Change(thread, (int)a.A0, static (process, id) => process.Groups = process.IsPrivileged ? new Ids(id, id, id) : process.Groups with { Effective = id }, isUser: false);

    public static long Setreuid(CvmThread thread, in SyscallArguments a) => SetPair(thread, (int)a.A0, (int)a.A1, isUser: true);

    public static long Setregid(CvmThread thread, in SyscallArguments a) => SetPair(thread, (int)a.A0, (int)a.A1, isUser: false);

    public static long Setresuid(CvmThread thread, in SyscallArguments a) => SetThree(thread, (int)a.A0, (int)a.A1, (int)a.A2, isUser: true);

    public static long Setresgid(CvmThread thread, in SyscallArguments a) => SetThree(thread, (int)a.A0, (int)a.A1, (int)a.A2, isUser: false);

    // The ids for files are the effective ones: it returns them, and changes nothing.
    public static long Setfsuid(CvmThread thread, in SyscallArguments a) => (uint)thread.Process.Attributes.Users.Effective;

    public static long Setfsgid(CvmThread thread, in SyscallArguments a) => (uint)thread.Process.Attributes.Groups.Effective;

    public static long Getgroups(CvmThread thread, in SyscallArguments a)
    {
        var groups = thread.Process.Attributes.SupplementaryGroups;
        if ((int)a.A0 < 0 || ((int)a.A0 != 0 && (int)a.A0 < groups.Length))
            return -Errno.EINVAL;
        return (int)a.A0 == 0 || thread.Memory.TryWrite(a.A1, MemoryMarshal.AsBytes(groups.AsSpan())) ? groups.Length : -Errno.EFAULT;
    }

    public static long Setgroups(CvmThread thread, in SyscallArguments a)
    {
        if (!thread.Process.Attributes.IsPrivileged)
            return -Errno.EPERM;
        if ((uint)a.A0 > MostGroups)
            return -Errno.EINVAL;
        var groups = new int[(int)a.A0];
        if (!thread.Memory.TryRead(a.A1, MemoryMarshal.AsBytes(groups.AsSpan())))
            return -Errno.EFAULT;
        thread.Process.Attributes.SupplementaryGroups = groups;
        return 0;
    }

    private static long WriteIds(CvmThread thread, in SyscallArguments a, Ids ids)
        => thread.Memory.TryWrite(a.A0, ids.Real) && thread.Memory.TryWrite(a.A1, ids.Effective) && thread.Memory.TryWrite(a.A2, ids.Saved) ? 0 : -Errno.EFAULT;

    private static long Change(CvmThread thread, int id, Action<ProcessAttributes, int> change, bool isUser)
    {
        if (id == -1)
            return -Errno.EINVAL;
        var process = thread.Process.Attributes;
        lock (process.Gate)
        {
            var ids = isUser ? process.Users : process.Groups;
            if (!process.IsPrivileged && id != ids.Real && id != ids.Saved)
                return -Errno.EPERM;
            change(process, id);
            return 0;
        }
    }

    /// <summary>-1 leaves an id as it is. The saved id follows the effective one where the real one is set, or the effective to another than it.</summary>
    private static long SetPair(CvmThread thread, int real, int effective, bool isUser)
    {
        var process = thread.Process.Attributes;
        lock (process.Gate)
        {
            var ids = isUser ? process.Users : process.Groups;
            if (!process.IsPrivileged
                && ((real != -1 && real != ids.Real && real != ids.Effective) || (effective != -1 && effective != ids.Real && effective != ids.Effective && effective != ids.Saved)))
                return -Errno.EPERM;
            var next = new Ids(real == -1 ? ids.Real : real, effective == -1 ? ids.Effective : effective, ids.Saved);
            if (real != -1 || (effective != -1 && effective != ids.Real))
                next = next with { Saved = next.Effective };
            Store(process, next, isUser);
            return 0;
        }
    }

    private static long SetThree(CvmThread thread, int real, int effective, int saved, bool isUser)
    {
        var process = thread.Process.Attributes;
        lock (process.Gate)
        {
            var ids = isUser ? process.Users : process.Groups;
            bool IsOwn(int id) => id == -1 || id == ids.Real || id == ids.Effective || id == ids.Saved;
            if (!process.IsPrivileged && !(IsOwn(real) && IsOwn(effective) && IsOwn(saved)))
                return -Errno.EPERM;
            Store(process, new Ids(real == -1 ? ids.Real : real, effective == -1 ? ids.Effective : effective, saved == -1 ? ids.Saved : saved), isUser);
            return 0;
        }
    }

    private static void Store(ProcessAttributes process, Ids ids, bool isUser)
    {
        if (isUser)
            process.Users = ids;
        else
            process.Groups = ids;
    }
}
