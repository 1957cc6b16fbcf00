using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>renameat2 (fs/namei.c).</summary>
internal static class RenameSyscalls
{
    public static long Renameat2(CvmThread thread, in SyscallArguments a)
    {
        const int NoReplace = 1, Exchange = 2;
        if ((a.A4 & ~(NoReplace | Exchange)) != 0 || (a.A4 & (NoReplace | Exchange)) == (NoReplace | Exchange))
            return -Errno.EINVAL;
        lock (thread.Files.FileSystem.Gate)
        {
            // Of the order in which the kernel looks at things (fs/namei.c, do_renameat2, then vfs_rename): directories, file systems, last names.
            var isExchange = (a.A4 & Exchange) != 0;
            var fromError = PathSyscalls.Resolve(thread, a.A0, a.A1, followLast: false, allowEmpty: false, out var from);
            if (fromError != 0 && from.Parent is null)
                return fromError;
            var toError = PathSyscalls.Resolve(thread, a.A2, a.A3, followLast: false, allowEmpty: false, out var to);
            if (toError != 0 && to.Parent is null)
                return toError;
            if (from.Parent.Mount != to.Parent.Mount)
                return -Errno.EXDEV;
            if (from.Name is "." or "..")
                return -Errno.EBUSY;
            if (to.Name is "." or "..")
                return (a.A4 & NoReplace) != 0 ? -Errno.EEXIST : -Errno.EBUSY;
            if (from.Inode is null)
                return fromError;
            if (to.Inode is null && to.Parent.Mount == Mount.Proc)
                return -Errno.ENOENT;
            if ((a.A4 & NoReplace) != 0 && to.Inode is not null)
                return -Errno.EEXIST;
            if (isExchange && to.Inode is null)
                return -Errno.ENOENT;
            if (fromError != 0 || (to.HasTrailingSlash && (isExchange ? to : from).Inode is not DirectoryNode))
                return -Errno.ENOTDIR;
            if (from.Inode is DirectoryNode moved && IsInside(to.Parent, moved))
                return -Errno.EINVAL;
            if (to.Inode is DirectoryNode target && IsInside(from.Parent, target))
                return isExchange ? -Errno.EINVAL : -Errno.ENOTEMPTY;
            if (from.Inode == to.Inode)
                return 0;
            var error = CheckRename(thread.Process.Attributes.Credentials, from, to, isExchange);
            if (error != 0)
                return error;
            if (isExchange)
            {
                if (thread.Files.FileSystem.Upper?.Renaming(from, to, isExchange: true) == false)
                    return -Errno.ENOSPC;
                var (fromCost, toCost) = (from.Parent.Detach(from.Name), to.Parent.Detach(to.Name));
                from.Parent.Link(from.Name, to.Inode!, toCost);
                to.Parent.Link(to.Name, from.Inode!, fromCost);
                thread.Files.FileSystem.NoticeMove(from, to, from.Inode!, replaced: null);
                thread.Files.FileSystem.NoticeMove(to, from, to.Inode!, replaced: null);
                return 0;
            }

            if (to.Inode is DirectoryNode { IsEmpty: false })
                return -Errno.ENOTEMPTY;
            if (thread.Files.FileSystem.Upper?.Renaming(from, to, isExchange: false) == false)
                return -Errno.ENOSPC;
            if (to.Inode is DirectoryNode gone)
                gone.IsRemoved = true;
            if (to.Inode is not null)
            {
                to.Parent.Forget(to.Name);
                to.Inode.Links--;
            }

            to.Parent.Link(to.Name, from.Inode!, from.Parent.Detach(from.Name));
            from.Inode!.ChangeTime = thread.Files.FileSystem.Now;
            thread.Files.FileSystem.NoticeMove(from, to, from.Inode, to.Inode);
            to.Inode?.Unlinked();
            return 0;
        }
    }

    /// <summary>Whether entries may be moved so (fs/namei.c, vfs_rename): 0 or a negated errno.</summary>
    private static int CheckRename(ProcessCredentials credentials, in PathResult from, in PathResult to, bool isExchange)
    {
        var error = credentials.CheckDelete(from.Parent, from.Inode!);
        if (error == 0)
            error = to.Inode is null ? credentials.CheckCreate(to.Parent) : credentials.CheckDelete(to.Parent, to.Inode);
        if (error == 0 && !isExchange && to.Inode is not null && from.Inode is DirectoryNode != to.Inode is DirectoryNode)
            error = from.Inode is DirectoryNode ? -Errno.ENOTDIR : -Errno.EISDIR;
        if (error == 0 && from.Parent.Mount.IsFixed)
            error = -Errno.EPERM;
        if (error == 0 && (IsMountPoint(from) || IsMountPoint(to)))
            error = -Errno.EBUSY;
        if (error != 0 || from.Parent == to.Parent)
            return error;
        // A directory gets another "..".
        if (from.Inode is DirectoryNode)
            error = credentials.Check(from.Inode, 2);
        return error == 0 && isExchange && to.Inode is DirectoryNode ? credentials.Check(to.Inode, 2) : error;
    }

    /// <summary>Whether another file system begins there, which cannot be moved or removed.</summary>
    internal static bool IsMountPoint(in PathResult at) => at.Inode is DirectoryNode { MountedHere: not null };

    private static bool IsInside(DirectoryNode directory, DirectoryNode ancestor)
    {
        for (var at = directory; ; at = at.Parent)
        {
            if (at == ancestor)
                return true;
            if (at.Parent == at)
                return false;
        }
    }
}
