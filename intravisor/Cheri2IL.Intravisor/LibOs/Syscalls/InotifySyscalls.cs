using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>inotify(7).</summary>
internal static class InotifySyscalls
{
    public static long InotifyInit1(CvmThread thread, in SyscallArguments a)
    {
        var flags = (int)a.A0;
        if ((flags & ~(FileAbi.O_CLOEXEC | FileAbi.O_NONBLOCK)) != 0)
            return -Errno.EINVAL;
        var file = new Inotify(new AnonymousNode(thread.Files.FileSystem, 0x180), FileAbi.O_RDONLY | (flags & FileAbi.O_NONBLOCK)) { Path = "anon_inode:inotify" };
        return thread.Files.Descriptors.AddNew(file, (flags & FileAbi.O_CLOEXEC) != 0);
    }

    public static long InotifyAddWatch(CvmThread thread, in SyscallArguments a)
    {
        const int exclusive = Inotify.IN_MASK_ADD | Inotify.IN_MASK_CREATE;
        var mask = (int)a.A2;
        if ((mask & ~Inotify.AllBits) != 0 || (mask & Inotify.AllBits) == 0)
            return -Errno.EINVAL;
        if (thread.Files.Descriptors[(int)a.A0] is not { } file || file is PathFile)
            return -Errno.EBADF;
        if ((mask & exclusive) == exclusive || file is not Inotify inotify)
            return -Errno.EINVAL;
        lock (thread.Files.FileSystem.Gate)
        {
            var error = PathSyscalls.Find(thread, FileAbi.AT_FDCWD, a.A1, (mask & Inotify.IN_DONT_FOLLOW) != 0 ? FileAbi.AT_SYMLINK_NOFOLLOW : 0, out var inode);
            if (error == 0 && (mask & Inotify.IN_ONLYDIR) != 0 && inode is not DirectoryNode)
                error = -Errno.ENOTDIR;
            if (error == 0)
                error = thread.Process.Attributes.Credentials.Check(inode!, 4);
            return error != 0 ? error : inotify.Watch(inode!, mask);
        }
    }

    public static long InotifyRmWatch(CvmThread thread, in SyscallArguments a)
    {
        if (thread.Files.Descriptors[(int)a.A0] is not { } file || file is PathFile)
            return -Errno.EBADF;
        return file is Inotify inotify && inotify.Remove((int)a.A1) ? 0 : -Errno.EINVAL;
    }
}
