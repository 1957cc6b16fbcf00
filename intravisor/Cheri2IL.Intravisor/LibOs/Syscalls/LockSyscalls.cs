using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Locks of files: those of fcntl, of processes and of open files, and flock.</summary>
internal static class LockSyscalls
{
    /// <summary>Commands of fcntl.</summary>
    public const int GetLock = 5, SetLock = 6, SetLockWait = 7, GetFileLock = 36, SetFileLock = 37, SetFileLockWait = 38;

    private const short F_RDLCK = 0;
    private const short F_WRLCK = 1;
    private const short F_UNLCK = 2;
    private const int LOCK_SH = 1;
    private const int LOCK_EX = 2;
    private const int LOCK_NB = 4;
    private const int LOCK_UN = 8;

    /// <summary>fcntl with one of the commands above.</summary>
    public static long Fcntl(CvmThread thread, OpenFile file, int command, long address)
    {
        if (!thread.Memory.TryRead(address, out LockRequest request))
            return -Errno.EFAULT;
        var isOfFile = command >= GetFileLock;
        if (isOfFile && request.Process != 0)
            return -Errno.EINVAL;
        var isGet = command is GetLock or GetFileLock;
        if (request.Type is not (F_RDLCK or F_WRLCK) && (isGet || request.Type != F_UNLCK))
            return -Errno.EINVAL;
        var error = ReadRange(file, request, out var start, out var end);
        if (error != 0)
            return error;
        object owner = isOfFile ? file : thread.Files.Descriptors;
        var wanted = new FileLock(owner, isOfFile ? -1 : thread.Process.Id, request.Type == F_WRLCK, start, end);
        if (isGet)
            return Tell(thread, file, wanted, request, address);
        if (request.Type == F_UNLCK)
            return file.Inode.RecordLocks.Release(owner, start, end);
        if (request.Type == F_RDLCK ? !file.CanRead : !file.CanWrite)
            return -Errno.EBADF;
        var result = command is SetLockWait or SetFileLockWait ? file.Inode.RecordLocks.Take(thread, wanted) : file.Inode.RecordLocks.TryTake(wanted);
        // Somebody closed the file meanwhile: what closing gave up must not come back.
        if (result == 0 && !isOfFile && !thread.Files.Descriptors.Snapshot().Any(d => d.File.Inode == file.Inode))
            file.Inode.RecordLocks.Release(owner);
        return result;
    }

    public static long Flock(CvmThread thread, in SyscallArguments a)
    {
        if (thread.Files.Descriptors[(int)a.A0] is not { } file || file is PathFile)
            return -Errno.EBADF;
        var operation = (int)a.A1;
        switch (operation & ~LOCK_NB)
        {
            case LOCK_UN:
                return file.Inode.WholeLocks.Release(file);
            case LOCK_SH or LOCK_EX:
                var wanted = new FileLock(file, -1, (operation & LOCK_EX) != 0, 0, long.MaxValue);
                return (operation & LOCK_NB) != 0 ? file.Inode.WholeLocks.TryTake(wanted) : file.Inode.WholeLocks.Take(thread, wanted);
            default:
                return -Errno.EINVAL;
        }
    }

    private static long Tell(CvmThread thread, OpenFile file, in FileLock wanted, LockRequest request, long address)
    {
        if (file.Inode.RecordLocks.Find(wanted) is { } held)
        {
            request = new LockRequest
            {
                Type = held.IsExclusive ? F_WRLCK : F_RDLCK,
                Start = held.Start,
                Length = held.End == long.MaxValue ? 0 : held.End - held.Start + 1,
                Process = held.Process,
            };
        }
        else
        {
            request.Type = F_UNLCK;
        }

        return thread.Memory.TryWrite(address, request) ? 0 : -Errno.EFAULT;
    }

    /// <summary>First and last byte of a request (fs/locks.c, flock64_to_posix_lock).</summary>
    private static int ReadRange(OpenFile file, in LockRequest request, out long start, out long end)
    {
        (start, end) = (0, long.MaxValue);
        long from;
        switch (request.Whence)
        {
            case FileAbi.SEEK_SET:
                from = 0;
                break;
            case FileAbi.SEEK_CUR:
                from = Math.Max(0, file.Seek(0, FileAbi.SEEK_CUR));
                break;
            case FileAbi.SEEK_END:
                from = file.Inode.Size;
                break;
            default:
                return -Errno.EINVAL;
        }

        if (request.Start > long.MaxValue - from)
            return -Errno.EOVERFLOW;
        start = from + request.Start;
        if (start < 0)
            return -Errno.EINVAL;
        if (request.Length > 0)
        {
            if (request.Length - 1 > long.MaxValue - start)
                return -Errno.EOVERFLOW;
            end = start + request.Length - 1;
        }
        else if (request.Length < 0)
        {
            if (start + request.Length < 0)
                return -Errno.EINVAL;
            end = start - 1;
            start += request.Length;
        }

        return 0;
    }

    /// <summary>struct flock.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct LockRequest
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int Process;
    }
}
