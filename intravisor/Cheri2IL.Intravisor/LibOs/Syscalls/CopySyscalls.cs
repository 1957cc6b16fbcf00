using System.Buffers;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Calls that move bytes from one file to another.</summary>
internal static class CopySyscalls
{
    /// <summary>Bytes moved per step.</summary>
    private const int BufferSize = 1 << 16;

    private const int SPLICE_F_NONBLOCK = 2;
    private const int SPLICE_F_ALL = 15;

    public static long Sendfile(CvmThread thread, in SyscallArguments a)
    {
        var table = thread.Files.Descriptors;
        if (table[(int)a.A1] is not { CanRead: true } from || table[(int)a.A0] is not { CanWrite: true } to)
            return -Errno.EBADF;
        if (from.Inode is not RegularFile)
            return from.IsSeekable && from is not DirectoryFile ? Copy(thread, from, a.A2, to, 0, a.A3, mayWait: true) : -Errno.EINVAL;
        return Copy(thread, from, a.A2, to, 0, a.A3, mayWait: true);
    }

    public static long CopyFileRange(CvmThread thread, in SyscallArguments a)
    {
        var table = thread.Files.Descriptors;
        if (table[(int)a.A0] is not { } from || table[(int)a.A2] is not { } to)
            return -Errno.EBADF;
        if (a.A5 != 0)
            return -Errno.EINVAL;
        if (from.Inode is not RegularFile || to.Inode is not RegularFile)
            return from.Inode is DirectoryNode || to.Inode is DirectoryNode ? -Errno.EISDIR : -Errno.EINVAL;
        if (!from.CanRead || !to.CanWrite || (to.Flags & FileAbi.O_APPEND) != 0)
            return -Errno.EBADF;
        if (from.Inode == to.Inode && Overlaps(thread, from, a.A1, to, a.A3, a.A4))
            return -Errno.EINVAL;
        return Copy(thread, from, a.A1, to, a.A3, a.A4, mayWait: true);
    }

    public static long Splice(CvmThread thread, in SyscallArguments a)
    {
        if ((a.A5 & ~SPLICE_F_ALL) != 0)
            return -Errno.EINVAL;
        if (a.A4 == 0)
            return 0;
        var table = thread.Files.Descriptors;
        if (table[(int)a.A0] is not { CanRead: true } from || table[(int)a.A2] is not { CanWrite: true } to)
            return -Errno.EBADF;
        if ((from is PipeEnd && a.A1 != 0) || (to is PipeEnd && a.A3 != 0))
            return -Errno.ESPIPE;
        if (from is not PipeEnd && to is not PipeEnd)
            return -Errno.EINVAL;
        if (from is PipeEnd source && to is PipeEnd target && source.Pipe == target.Pipe)
            return -Errno.EINVAL;
        if ((to.Flags & FileAbi.O_APPEND) != 0 && to is not PipeEnd)
            return -Errno.EINVAL;
        if (from is DirectoryFile || to is DirectoryFile)
            return -Errno.EINVAL;
        return Copy(thread, from, a.A1, to, a.A3, a.A4, mayWait: (a.A5 & SPLICE_F_NONBLOCK) == 0, isStream: true);
    }

    public static long Tee(CvmThread thread, in SyscallArguments a)
    {
        if ((a.A3 & ~SPLICE_F_ALL) != 0)
            return -Errno.EINVAL;
        if (a.A2 == 0)
            return 0;
        var table = thread.Files.Descriptors;
        if (table[(int)a.A0] is not { CanRead: true } from || table[(int)a.A1] is not { CanWrite: true } to)
            return -Errno.EBADF;
        if (from is not PipeEnd source || to is not PipeEnd target || source.Pipe == target.Pipe)
            return -Errno.EINVAL;
        var mayWait = (a.A3 & SPLICE_F_NONBLOCK) == 0 && !from.IsNonBlocking && !to.IsNonBlocking;
        while (true)
        {
            var count = source.Pipe.CopyTo(target.Pipe, a.A2, isFirst: source.Inode.Number < target.Inode.Number);
            if (count != -Errno.EAGAIN || !mayWait)
                return thread.Written(0, count);
            var error = (source.Poll() & (FileAbi.POLLIN | FileAbi.POLLHUP)) == 0
                ? thread.Await(from, FileAbi.POLLIN, long.MaxValue)
                : thread.Await(to, FileAbi.POLLOUT, long.MaxValue);
            if (error != 0)
                return error;
        }
    }

    /// <summary>vmsplice: between memory and a pipe; pages are copied, not given away.</summary>
    public static long Vmsplice(CvmThread thread, in SyscallArguments a)
    {
        if ((a.A3 & ~SPLICE_F_ALL) != 0)
            return -Errno.EINVAL;
        if (thread.Files.Descriptors[(int)a.A0] is not PipeEnd { } file)
            return -Errno.EBADF;
        var isWrite = file.CanWrite;
        var error = TransferSyscalls.ReadRanges(thread, a.A1, a.A2, isWrite, out var ranges, out var total);
        if (error != 0 || total == 0)
            return error;
        try
        {
            var vector = new IoVector(thread, ranges, total);
            if ((a.A3 & SPLICE_F_NONBLOCK) != 0)
                return thread.Written(0, isWrite ? file.Write(ref vector) : file.Read(ref vector));
            return isWrite ? thread.Write(file, ref vector) : thread.Read(file, ref vector);
        }
        finally
        {
            thread.ActFor(null);
        }
    }

    private static bool Overlaps(CvmThread thread, OpenFile from, long fromOffset, OpenFile to, long toOffset, long count)
    {
        var first = fromOffset == 0 ? from.Seek(0, FileAbi.SEEK_CUR) : thread.Memory.TryRead(fromOffset, out long f) ? f : 0;
        var second = toOffset == 0 ? to.Seek(0, FileAbi.SEEK_CUR) : thread.Memory.TryRead(toOffset, out long t) ? t : 0;
        return count > 0 && Math.Abs((decimal)first - second) < count;
    }

    /// <summary>
    /// Writes, and, what was read from a stream, all of it: the kernel of the host may say that a connection has room, and take less when it is short of memory.
    /// </summary>
    private static long WriteAll(CvmThread thread, OpenFile to, ref IoVector from, bool mayReturn)
    {
        var total = from.Left;
        while (true)
        {
            var result = thread.Write(to, ref from);
            if (mayReturn || from.Left == 0 || (result < 0 && result != -Errno.EAGAIN) || thread.Await(to, FileAbi.POLLOUT, long.MaxValue) != 0)
                return total > from.Left ? total - from.Left : result;
        }
    }

    /// <summary>Copies between files; an offset is the guest address of one, or 0 for the file's position.</summary>
    /// <param name="thread">The calling thread.</param>
    /// <param name="from">Source.</param>
    /// <param name="fromAddress">Address of its offset.</param>
    /// <param name="to">Destination.</param>
    /// <param name="toAddress">Address of its offset.</param>
    /// <param name="count">Most bytes.</param>
    /// <param name="mayWait">Whether to wait for either.</param>
    /// <param name="isStream">Whether what a stream has at the moment is enough.</param>
    private static long Copy(CvmThread thread, OpenFile from, long fromAddress, OpenFile to, long toAddress, long count, bool mayWait, bool isStream = false)
    {
        long fromOffset = -1, toOffset = -1;
        if ((fromAddress != 0 && !thread.Memory.TryRead(fromAddress, out fromOffset)) || (toAddress != 0 && !thread.Memory.TryRead(toAddress, out toOffset)))
            return -Errno.EFAULT;
        if ((fromAddress != 0 && fromOffset < 0) || (toAddress != 0 && toOffset < 0) || count < 0)
            return -Errno.EINVAL;
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            var done = 0L;
            var result = 0L;
            count = Math.Min(count, TransferSyscalls.MaxTransfer);
            while (done < count)
            {
                // What is read from a stream must not be lost: it is asked for only where there is room.
                if (mayWait && !to.IsNonBlocking && to.Waiters is not null && (result = thread.Await(to, FileAbi.POLLOUT, long.MaxValue)) != 0)
                    break;
                if (to.Waiters is not null && (to.PollFor(thread) & (FileAbi.POLLOUT | FileAbi.POLLERR)) == 0)
                {
                    result = -Errno.EAGAIN;
                    break;
                }

                var most = to.Waiters is null ? BufferSize : to.Room;
                var source = new IoVector(buffer.AsSpan(0, (int)Math.Min(Math.Min(BufferSize, most), count - done)));
                result = fromOffset >= 0 ? from.ReadAt(fromOffset, ref source) : mayWait ? thread.Read(from, ref source) : from.Read(ref source);
                if (result <= 0)
                    break;
                var read = (int)result;
                var target = new IoVector(buffer.AsSpan(0, read));
                result = toOffset >= 0 ? thread.WriteAt(to, toOffset, ref target) : WriteAll(thread, to, ref target, mayReturn: from.IsSeekable);
                if (result <= 0)
                    break;
                done += result;
                if (fromOffset >= 0)
                    fromOffset += result;
                else if (result < read && from.IsSeekable)
                    from.Seek(result - read, FileAbi.SEEK_CUR);
                if (toOffset >= 0)
                    toOffset += result;
                if (result < read || (isStream && from.Waiters is not null))
                    break;
            }

            if (done == 0 && result < 0)
                return thread.Written(0, result);
            if ((fromAddress != 0 && !thread.Memory.TryWrite(fromAddress, fromOffset)) || (toAddress != 0 && !thread.Memory.TryWrite(toAddress, toOffset)))
                return -Errno.EFAULT;
            return done;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
