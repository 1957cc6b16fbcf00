using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <content>User and group ids (kernel/sys.c; credentials(7)). Who has the capability may take any.</content>
internal static partial class ProcessSyscalls
{
    private const int MostGroups = 65536;

    public static long Getuid(CvmThread thread, in SyscallArguments a) => (uint)thread.Process.Attributes.Users.Real;

    public static long Geteuid(CvmThread thread, in SyscallArguments a) => (uint)thread.Process.Attributes.Users.Effective;

    public static long Getgid(CvmThread thread, in SyscallArguments a) => (uint)thread.Process.Attributes.Credentials.Groups.Real;

    public static long Getegid(CvmThread thread, in SyscallArguments a) => (uint)thread.Process.Attributes.Credentials.Groups.Effective;

    public static long Getresuid(CvmThread thread, in SyscallArguments a) => WriteIds(thread, a, thread.Process.Attributes.Users);

    public static long Getresgid(CvmThread thread, in SyscallArguments a) => WriteIds(thread, a, thread.Process.Attributes.Credentials.Groups);

    public static long Setuid(CvmThread thread, in SyscallArguments a) => SetOne(thread, (int)a.A0, isUser: true);

    public static long Setgid(CvmThread thread, in SyscallArguments a) => SetOne(thread, (int)a.A0, isUser: false);

    public static long Setreuid(CvmThread thread, in SyscallArguments a) => SetPair(thread, (int)a.A0, (int)a.A1, isUser: true);

    public static long Setregid(CvmThread thread, in SyscallArguments a) => SetPair(thread, (int)a.A0, (int)a.A1, isUser: false);

    public static long Setresuid(CvmThread thread, in SyscallArguments a) => SetThree(thread, (int)a.A0, (int)a.A1, (int)a.A2, isUser: true);

    public static long Setresgid(CvmThread thread, in SyscallArguments a) => SetThree(thread, (int)a.A0, (int)a.A1, (int)a.A2, isUser: false);

    public static long Setfsuid(CvmThread thread, in SyscallArguments a)
    {
        var process = thread.Process.Attributes;
        lock (process.Gate)
        {
            var (now, id) = (process.Credentials, (int)a.A0);
            if (id != -1 && (now.Has(Privilege.SetUserId) || id == now.FileUser || IsOneOf(id, now.Users)))
                process.Credentials = now.WithFileUser(id);
            return (uint)now.FileUser;
        }
    }

    public static long Setfsgid(CvmThread thread, in SyscallArguments a)
    {
        var process = thread.Process.Attributes;
        lock (process.Gate)
        {
            var (now, id) = (process.Credentials, (int)a.A0);
            if (id != -1 && (now.Has(Privilege.SetGroupId) || id == now.FileGroup || IsOneOf(id, now.Groups)))
                process.Credentials = now with { FileGroup = id };
            return (uint)now.FileGroup;
        }
    }

    public static long Getgroups(CvmThread thread, in SyscallArguments a)
    {
        var groups = thread.Process.Attributes.Credentials.SupplementaryGroups;
        if ((int)a.A0 < 0 || ((int)a.A0 != 0 && (int)a.A0 < groups.Length))
            return -Errno.EINVAL;
        return (int)a.A0 == 0 || thread.Memory.TryWrite(a.A1, Words.AsBytes(groups.AsSpan())) ? groups.Length : -Errno.EFAULT;
    }

    public static long Setgroups(CvmThread thread, in SyscallArguments a)
    {
        var process = thread.Process.Attributes;
        if (!process.Credentials.Has(Privilege.SetGroupId))
            return -Errno.EPERM;
        if ((uint)a.A0 > MostGroups)
            return -Errno.EINVAL;
        var groups = new int[(int)a.A0];
        if (!thread.Memory.TryRead(a.A1, Words.AsBytes(groups.AsSpan())))
            return -Errno.EFAULT;
        // As the kernel keeps them.
        Array.Sort(groups, (x, y) => ((uint)x).CompareTo((uint)y));
        lock (process.Gate)
            process.Credentials = process.Credentials with { SupplementaryGroups = groups };
        return 0;
    }

    /// <summary>capget, for this process or another one that exists.</summary>
    public static long Capget(CvmThread thread, in SyscallArguments a)
    {
        if (ReadCapabilityHeader(thread, a.A0, a.A1 == 0, out var id, out var isShort) is var error and not 0)
            return error;
        if (a.A1 == 0)
            return 0;
        if (id < 0)
            return -Errno.EINVAL;
        var process = id == 0 ? thread.Process : thread.Cvm.FindThread(id)?.Process;
        if (process is null)
            return -Errno.ESRCH;
        var now = process.Attributes.Credentials;
        Span<uint> words = stackalloc uint[6];
        (words[0], words[1], words[2]) = ((uint)now.Effective, (uint)now.Permitted, (uint)now.Inheritable);
        (words[3], words[4], words[5]) = ((uint)(now.Effective >> 32), (uint)(now.Permitted >> 32), (uint)(now.Inheritable >> 32));
        return thread.Memory.TryWrite(a.A1, Words.AsBytes(isShort ? words[..3] : words)) ? 0 : -Errno.EFAULT;
    }

    /// <summary>capset: takes away, and gives of what is permitted.</summary>
    public static long Capset(CvmThread thread, in SyscallArguments a)
    {
        if (ReadCapabilityHeader(thread, a.A0, false, out var id, out var isShort) is var error and not 0)
            return error;
        if (id != 0 && id != thread.Id)
            return -Errno.EPERM;
        Span<uint> words = stackalloc uint[6];
        words.Clear();
        if (!thread.Memory.TryRead(a.A1, Words.AsBytes(isShort ? words[..3] : words)))
            return -Errno.EFAULT;
        var effective = (words[0] | ((ulong)words[3] << 32)) & ProcessCredentials.All;
        var permitted = (words[1] | ((ulong)words[4] << 32)) & ProcessCredentials.All;
        var inheritable = (words[2] | ((ulong)words[5] << 32)) & ProcessCredentials.All;
        var process = thread.Process.Attributes;
        lock (process.Gate)
        {
            var now = process.Credentials;
            if ((inheritable & ~(now.Inheritable | (now.Has(Privilege.SetCapabilities) ? now.Bounding : now.Permitted))) != 0
                || (inheritable & ~(now.Inheritable | now.Bounding)) != 0 || (permitted & ~now.Permitted) != 0 || (effective & ~permitted) != 0)
                return -Errno.EPERM;
            process.Credentials = now with { Effective = effective, Permitted = permitted, Inheritable = inheritable, Ambient = now.Ambient & permitted & inheritable };
            return 0;
        }
    }

    /// <summary>The header of capget and capset. Of a version that is unknown the right one is written back.</summary>
    private static long ReadCapabilityHeader(CvmThread thread, long address, bool isQuestion, out int id, out bool isShort)
    {
        const uint version1 = 0x19980330, version2 = 0x20071026, version3 = 0x20080522;
        id = 0;
        isShort = false;
        if (!thread.Memory.TryRead(address, out uint version))
            return -Errno.EFAULT;
        isShort = version == version1;
        if (version is not (version1 or version2 or version3))
            return !thread.Memory.TryWrite(address, version3) ? -Errno.EFAULT : isQuestion ? 0 : -Errno.EINVAL;
        return isQuestion || thread.Memory.TryRead(address + sizeof(uint), out id) ? 0 : -Errno.EFAULT;
    }

    private static long WriteIds(CvmThread thread, in SyscallArguments a, Ids ids)
        => thread.Memory.TryWrite(a.A0, ids.Real) && thread.Memory.TryWrite(a.A1, ids.Effective) && thread.Memory.TryWrite(a.A2, ids.Saved) ? 0 : -Errno.EFAULT;

    private static bool IsOneOf(int id, Ids ids) => id == ids.Real || id == ids.Effective || id == ids.Saved;

    /// <summary>Who may take any id changes all three, anybody else the effective one to the real or the saved one.</summary>
    private static long SetOne(CvmThread thread, int id, bool isUser)
    {
        if (id == -1)
            return -Errno.EINVAL;
        return Change(thread, isUser, (ids, mayAll) => mayAll ? new Ids(id, id, id) : id == ids.Real || id == ids.Saved ? ids with { Effective = id } : null);
    }

    /// <summary>-1 leaves an id as it is. The saved id follows the effective one where the real one is set, or the effective to another than it.</summary>
    private static long SetPair(CvmThread thread, int real, int effective, bool isUser)
        => Change(thread, isUser, (ids, mayAll) =>
        {
            if (!mayAll
                && ((real != -1 && real != ids.Real && real != ids.Effective) || (effective != -1 && !IsOneOf(effective, ids))))
                return null;
            var next = new Ids(real == -1 ? ids.Real : real, effective == -1 ? ids.Effective : effective, ids.Saved);
            return real != -1 || (effective != -1 && effective != ids.Real) ? next with { Saved = next.Effective } : next;
        });

    private static long SetThree(CvmThread thread, int real, int effective, int saved, bool isUser)
        => Change(thread, isUser, (ids, mayAll) =>
        {
            bool IsOwn(int id) => id == -1 || IsOneOf(id, ids);
            return mayAll || (IsOwn(real) && IsOwn(effective) && IsOwn(saved))
                ? new Ids(real == -1 ? ids.Real : real, effective == -1 ? ids.Effective : effective, saved == -1 ? ids.Saved : saved)
                : null;
        });

    /// <summary>Changes ids to what <paramref name="next"/> makes of them; null: that is not permitted.</summary>
    private static long Change(CvmThread thread, bool isUser, Func<Ids, bool, Ids?> next)
    {
        var process = thread.Process.Attributes;
        lock (process.Gate)
        {
            var now = process.Credentials;
            if (next(isUser ? now.Users : now.Groups, now.Has(isUser ? Privilege.SetUserId : Privilege.SetGroupId)) is not { } ids)
                return -Errno.EPERM;
            process.Credentials = isUser ? now.WithUsers(ids) : now with { Groups = ids, FileGroup = ids.Effective };
            return 0;
        }
    }
}
