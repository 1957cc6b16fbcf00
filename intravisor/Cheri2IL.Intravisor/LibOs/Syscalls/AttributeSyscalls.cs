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
        Span<long> times = stackalloc long[] { 0, Now, 0, Now };
        if (a.A2 != 0 && !thread.Memory.TryRead(a.A2, Words.AsBytes(times)))
            return -Errno.EFAULT;
        if (times[1] == Omit && times[3] == Omit)
            return 0;
        var isDescriptor = a.A1 == 0 && (int)a.A0 != FileAbi.AT_FDCWD;
        if (((int)a.A3 & ~(isDescriptor ? 0 : FileAbi.AT_SYMLINK_NOFOLLOW | FileAbi.AT_EMPTY_PATH)) != 0)
            return -Errno.EINVAL;
        Inode? inode;
        if (isDescriptor)
        {
            if (thread.Files.Descriptors[(int)a.A0] is not { } file || file is PathFile)
                return -Errno.EBADF;
            inode = file.Inode;
        }
        else if (PathSyscalls.Find(thread, a.A0, a.A1, (int)a.A3, out inode) is var error and not 0)
        {
            return error;
        }

        for (var k = 1; k < 4; k += 2)
        {
            if (times[k] is not (Now or Omit) && (ulong)times[k] >= 1_000_000_000)
                return -Errno.EINVAL;
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
        if (inode is RegularFile { Seals: { } seals } && (seals & FileAbi.F_SEAL_EXEC) != 0 && ((inode.Mode ^ mode) & FileAbi.S_IXUGO) != 0)
            return -Errno.EPERM;
        if (!credentials.IsIn(inode.GroupId) && !credentials.Has(Privilege.KeepSetId))
            mode &= ~FileAbi.S_ISGID;
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
        string? lost = null;
        lock (inode.FileSystem.Gate)
        {
            if (inode is not DirectoryNode)
            {
                var mode = credentials.WithoutSetId(inode);
                if (mode != inode.Mode && !credentials.Owns(inode))
                    return -Errno.EPERM;
                inode.Mode = mode;
                lost = inode.RemoveAttribute(FileAbi.XATTR_NAME_CAPS) ? FileAbi.XATTR_NAME_CAPS : null;
            }

            if (user != -1)
                inode.UserId = user;
            if (group != -1)
                inode.GroupId = group;
            inode.ChangeTime = inode.FileSystem.Now;
        }

        return Kept(inode, lost: lost);
    }

    /// <summary>Attributes were changed, and perhaps an extended one was lost: 0, or -ENOSPC where that holds only until the cVM ends.</summary>
    private static int Kept(Inode inode, int happened = Inotify.IN_ATTRIB, string? lost = null)
    {
        inode.FileSystem.Notice(inode, happened);
        if (inode.FileSystem.Upper is not { } upper)
            return 0;
        lock (inode.FileSystem.Gate)
            return (lost is null ? upper.Changed(inode) : upper.AttributeChanged(inode, lost, value: null)) ? 0 : -Errno.ENOSPC;
    }
}
