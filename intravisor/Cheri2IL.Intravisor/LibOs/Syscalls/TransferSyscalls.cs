using System.Buffers;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Calls that move bytes between memory and files.</summary>
internal static class TransferSyscalls
{
    private const int MaxVectors = 1024;

    /// <summary>The kernel's MAX_RW_COUNT: longer transfers are cut to it.</summary>
    internal const long MaxTransfer = 0x7ffff000;

    private const int RWF_APPEND = 0x10;
    private const int RWF_NOWAIT = 8;
    private const int RWF_HIPRI_DSYNC_SYNC = 7;

    public static long Read(CvmThread thread, in SyscallArguments a) => Range(thread, a.A0, a.A1, a.A2, -1, isWrite: false);

    public static long Write(CvmThread thread, in SyscallArguments a) => Range(thread, a.A0, a.A1, a.A2, -1, isWrite: true);

    public static long Pread64(CvmThread thread, in SyscallArguments a) => a.A3 < 0 ? -Errno.EINVAL : Range(thread, a.A0, a.A1, a.A2, a.A3, isWrite: false);

    public static long Pwrite64(CvmThread thread, in SyscallArguments a) => a.A3 < 0 ? -Errno.EINVAL : Range(thread, a.A0, a.A1, a.A2, a.A3, isWrite: true);

    public static long Readv(CvmThread thread, in SyscallArguments a) => Vector(thread, a, -1, isWrite: false);

    public static long Writev(CvmThread thread, in SyscallArguments a) => Vector(thread, a, -1, isWrite: true);

    public static long Preadv(CvmThread thread, in SyscallArguments a) => a.A3 < 0 ? -Errno.EINVAL : Vector(thread, a, a.A3, isWrite: false);

    public static long Pwritev(CvmThread thread, in SyscallArguments a) => a.A3 < 0 ? -Errno.EINVAL : Vector(thread, a, a.A3, isWrite: true);

    public static long Preadv2(CvmThread thread, in SyscallArguments a) => Vector2(thread, a, isWrite: false);

    public static long Pwritev2(CvmThread thread, in SyscallArguments a) => Vector2(thread, a, isWrite: true);

    /// <summary>
    /// Reads an array of struct iovec: its ranges, in room of the thread, and the bytes of all, at most <see cref="MaxTransfer"/>. 0, -EFAULT or -EINVAL.
    /// </summary>
    internal static long ReadRanges(CvmThread thread, long address, long count, bool isWrite, out Span<GuestRange> ranges, out long total)
    {
        ranges = default;
        total = 0;
        if ((ulong)count > MaxVectors)
            return -Errno.EINVAL;
        var field = thread.PointerBytes;
        ranges = thread.Ranges((int)count);
        for (var k = 0; k < ranges.Length; k++)
        {
            var at = address + (2 * field * k);
            if (!thread.Memory.TryRead(at + field, out long length) || !thread.TryReadPointer(at, out var pointer))
                return -Errno.EFAULT;
            if (length < 0)
                return -Errno.EINVAL;
            length = Math.Min(length, MaxTransfer - total);
            thread.ActFor(pointer);
            var permits = thread.Memory.Permits((long)pointer.Address, (ulong)length, isWrite: !isWrite);
            thread.ActFor(null);
            if (!permits)
                return -Errno.EFAULT;
            ranges[k] = new GuestRange(pointer, length);
            total += length;
        }

        return 0;
    }

    private static long Range(CvmThread thread, long descriptor, long address, long length, long offset, bool isWrite)
    {
        if (thread.Files.Descriptors[(int)descriptor] is not { } file || !(isWrite ? file.CanWrite : file.CanRead))
            return -Errno.EBADF;
        if (length < 0)
            return -Errno.EINVAL;
        length = Math.Min(length, MaxTransfer);
        if (!thread.Memory.Permits(address, (ulong)length, isWrite: !isWrite))
            return -Errno.EFAULT;
        if (file is IpcFile direct)
            return thread.Written(0, direct.Transfer(thread, address, length, offset, isWrite));
        var vector = new IoVector(thread, address, length);
        return Move(thread, file, ref vector, offset, isWrite);
    }

    private static long Vector(CvmThread thread, in SyscallArguments a, long offset, bool isWrite)
    {
        if (thread.Files.Descriptors[(int)a.A0] is not { } file || !(isWrite ? file.CanWrite : file.CanRead))
            return -Errno.EBADF;
        var error = ReadRanges(thread, a.A1, a.A2, isWrite, out var ranges, out var total);
        if (error != 0)
            return error;
        try
        {
            if (file is IpcFile direct)
                return thread.Written(0, Transfer(thread, direct, ranges, offset, isWrite));
            var vector = new IoVector(thread, ranges, total);
            return Move(thread, file, ref vector, offset, isWrite);
        }
        finally
        {
            thread.ActFor(null);
        }
    }

    private static long Vector2(CvmThread thread, in SyscallArguments a, bool isWrite)
    {
        if ((a.A5 & ~(RWF_HIPRI_DSYNC_SYNC | RWF_APPEND | RWF_NOWAIT)) != 0)
            return -Errno.EOPNOTSUPP;
        if (a.A3 < -1)
            return -Errno.EINVAL;
        // What is written is in memory at once; where nothing ever waits, and in /proc files, the kernel has no RWF_NOWAIT either.
        if ((a.A5 & (RWF_APPEND | RWF_NOWAIT)) != 0)
            return -Errno.EOPNOTSUPP;
        return Vector(thread, a, a.A3, isWrite);
    }

    private static long Move(CvmThread thread, OpenFile file, ref IoVector vector, long offset, bool isWrite)
    {
        if (offset >= 0)
            return isWrite ? thread.WriteAt(file, offset, ref vector) : file.ReadAt(offset, ref vector);
        return isWrite ? thread.Write(file, ref vector) : thread.Read(file, ref vector);
    }

    private static long Transfer(CvmThread thread, IpcFile file, ReadOnlySpan<GuestRange> ranges, long offset, bool isWrite)
    {
        var total = 0L;
        foreach (ref readonly var range in ranges)
        {
            if (range.Length == 0)
                continue;
            thread.ActFor(range.Pointer);
            var done = file.Transfer(thread, (long)range.Pointer.Address, range.Length, offset < 0 ? -1 : offset + total, isWrite);
            if (done < 0)
                return total > 0 ? total : done;
            total += done;
            if (done < range.Length)
                break;
        }

        return total;
    }
}
