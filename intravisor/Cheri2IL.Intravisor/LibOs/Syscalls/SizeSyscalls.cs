using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Calls that change how long a file is, or what it has room for.</summary>
internal static class SizeSyscalls
{
    public static long Ftruncate(CvmThread thread, in SyscallArguments a)
    {
        if (thread.Files.Descriptors[(int)a.A0] is not { } file)
            return -Errno.EBADF;
        if (a.A1 < 0 || !file.CanWrite)
            return -Errno.EINVAL;
        var error = thread.CheckSize(file.Inode, a.A1);
        if (error == 0)
            error = thread.Modifying(file);
        return error != 0 ? error : file.Truncate(a.A1);
    }

    /// <summary>fs/open.c, vfs_fallocate: what is allowed together, and then of what file.</summary>
    public static long Fallocate(CvmThread thread, in SyscallArguments a)
    {
        var (mode, offset, length) = ((int)a.A1, a.A2, a.A3);
        if (thread.Files.Descriptors[(int)a.A0] is not { } file || file is PathFile)
            return -Errno.EBADF;
        if (offset < 0 || length <= 0)
            return -Errno.EINVAL;
        var keepsSize = (mode & FileAbi.FALLOC_FL_KEEP_SIZE) != 0;
        if (!((mode & ~FileAbi.FALLOC_FL_KEEP_SIZE) switch
        {
            0 or FileAbi.FALLOC_FL_ZERO_RANGE => true,
            FileAbi.FALLOC_FL_PUNCH_HOLE => keepsSize,
            FileAbi.FALLOC_FL_COLLAPSE_RANGE or FileAbi.FALLOC_FL_INSERT_RANGE => !keepsSize,
            _ => false,
        }))
            return -Errno.EOPNOTSUPP;
        if (!file.CanWrite)
            return -Errno.EBADF;
        if (file.Inode.Type == FileAbi.S_IFIFO)
            return -Errno.ESPIPE;
        if (file is not RegularOpenFile { Inode: RegularFile inode } regular)
            return -Errno.ENODEV;
        if (offset > FileContent.MostBytes - length)
            return -Errno.EFBIG;
        var size = inode.SizeFor(mode, offset, length);
        var error = size < 0 ? (int)size : thread.CheckSize(inode, size);
        if (error == 0)
            error = thread.Modifying(file);
        return error != 0 ? error : regular.Allocate(mode, offset, length);
    }
}
