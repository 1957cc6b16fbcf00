using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Calls that change what is said of files: rights, owners, times (fs/attr.c).</summary>
internal static class AttributeSyscalls
{
    private const int SetUser = 0x800;
    private const int SetGroup = 0x400;
    private const int GroupExecute = 8;

    public static long Fchmod(CvmThread thread, in SyscallArguments a)
        => thread.Files.Descriptors[(int)a.A0] is { } file && file is not PathFile ? ChangeMode(thread, file.Inode, (int)a.A1) : -Errno.EBADF;

    public static long Fchmodat(CvmThread thread, in SyscallArguments a)
    {
        var error = PathSyscalls.Find(thread, a.A0, a.A1, 0, out var inode);
        return error != 0 ? error : ChangeMode(thread, inode!, (int)a.A2);
    }

    public static long Fchown(CvmThread thread, in SyscallArguments a)
        => thread.Files.Descriptors[(int)a.A0] is { } file && file is not PathFile ? ChangeOwner(thread, file.Inode, (int)a.A1, (int)a.A2) : -Errno.EBADF;

    public static long Fchownat(CvmThread thread, in SyscallArguments a)
    {
        if (((int)a.A4 & ~(FileAbi.AT_SYMLINK_NOFOLLOW | FileAbi.AT_EMPTY_PATH)) != 0)
            return -Errno.EINVAL;
        var error = PathSyscalls.Find(thread, a.A0, a.A1, (int)a.A4, out var inode);
        return error != 0 ? error : ChangeOwner(thread, inode!, (int)a.A2, (int)a.A3);
    }

    public static long Utimensat(CvmThread thread, in SyscallArguments a)
    {
        const long Now = 0x3fffffff, Omit = 0x3ffffffe;
        if (((int)a.A3 & ~(FileAbi.AT_SYMLINK_NOFOLLOW | FileAbi.AT_EMPTY_PATH)) != 0)
            return -Errno.EINVAL;
        Span<long> times = [0, Now, 0, Now];
        if (a.A2 != 0 && !thread.Memory.TryRead(a.A2, MemoryMarshal.AsBytes(times)))
            return -Errno.EFAULT;
        if (times[1] == Omit && times[3] == Omit)
            return 0;
        for (var k = 1; k < 4; k += 2)
        {
            if (times[k] is not (Now or Omit) && (ulong)times[k] >= 1_000_000_000)
                return -Errno.EINVAL;
        }

        Inode? inode;
        if (a.A1 == 0)
        {
            if (thread.Files.Descriptors[(int)a.A0] is not { } file)
                return -Errno.EBADF;
            inode = file.Inode;
        }
        else
        {
            var error = PathSyscalls.Find(thread, a.A0, a.A1, (int)a.A3, out inode);
            if (error != 0)
                return error;
        }

        // Now is for those who could write it, any other time for its owner.
        var credentials = thread.Process.Attributes.Credentials;
        if (!credentials.Owns(inode!))
        {
            if (times[1] != Now || times[3] != Now)
                return -Errno.EPERM;
            if (credentials.Check(inode!, 2) is var denied and not 0)
                return denied;
        }

        var now = thread.Files.FileSystem.Now;
        for (var k = 0; k < 2; k++)
        {
            var (seconds, nanoseconds) = (times[2 * k], times[(2 * k) + 1]);
            if (nanoseconds == Omit)
                continue;
            var value = nanoseconds == Now ? now : (seconds * 1_000_000_000) + nanoseconds;
            if (k == 0)
                inode!.AccessTime = value;
            else
                inode!.ModifyTime = value;
        }

        inode!.ChangeTime = now;
        return Kept(inode, times[1] == Omit ? Inotify.IN_MODIFY : times[3] == Omit ? Inotify.IN_ACCESS : Inotify.IN_ATTRIB);
    }

    private static long ChangeMode(CvmThread thread, Inode inode, int mode)
    {
        var credentials = thread.Process.Attributes.Credentials;
        if (inode is SymbolicLink)
            return -Errno.EOPNOTSUPP;
        if (!credentials.Owns(inode))
            return -Errno.EPERM;
        if (inode is RegularFile { Seals: { } seals } && (seals & FileAbi.F_SEAL_EXEC) != 0 && ((inode.Mode ^ mode) & 0x49) != 0)
            return -Errno.EPERM;
        if (!credentials.IsIn(inode.GroupId) && !credentials.Has(Privilege.KeepSetId))
            mode &= ~SetGroup;
        inode.Mode = inode.Type | (mode & 0xfff);
        inode.ChangeTime = inode.FileSystem.Now;
        return Kept(inode);
    }

    private static long ChangeOwner(CvmThread thread, Inode inode, int user, int group)
    {
        var credentials = thread.Process.Attributes.Credentials;
        var isOwner = credentials.FileUser == inode.UserId;
        var mayGive = credentials.Has(Privilege.Chown);
        if ((user != -1 && !mayGive && !(isOwner && user == inode.UserId))
            || (group != -1 && !mayGive && !(isOwner && (group == inode.GroupId || credentials.IsIn(group)))))
            return -Errno.EPERM;
        if (user != -1)
            inode.UserId = user;
        if (group != -1)
            inode.GroupId = group;
        if (inode is not DirectoryNode)
        {
            // What it did as its owner it does no more.
            inode.Mode &= ~SetUser;
            if ((inode.Mode & (SetGroup | GroupExecute)) == (SetGroup | GroupExecute))
                inode.Mode &= ~SetGroup;
        }

        inode.ChangeTime = inode.FileSystem.Now;
        return Kept(inode);
    }

    /// <summary>Attributes were changed: 0, or -ENOSPC where that holds only until the cVM ends.</summary>
    private static int Kept(Inode inode, int happened = Inotify.IN_ATTRIB)
    {
        inode.FileSystem.Notice(inode, happened);
        if (inode.FileSystem.Upper is not { } upper)
            return 0;
        lock (inode.FileSystem.Gate)
            return upper.Changed(inode) ? 0 : -Errno.ENOSPC;
    }
}
