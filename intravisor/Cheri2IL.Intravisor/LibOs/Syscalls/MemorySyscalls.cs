using System.Buffers;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>mmap and its family; <see cref="Mm.AddressSpace"/> does the work.</summary>
internal static class MemorySyscalls
{
    private const int MS_ASYNC = 1;
    private const int MS_INVALIDATE = 2;
    private const int MS_SYNC = 4;

    public static long Brk(CvmThread thread, in SyscallArguments a)
    {
        // No capability is for what brk maps: CheriABI does not have it.
        if (thread.IsPure)
            return -Errno.ENOSYS;
        var end = thread.Space.Break(0);
        return thread.MayChangeMappings(Math.Min(end, a.A0), (ulong)Math.Abs(end - a.A0)) ? thread.Space.Break(a.A0) : end;
    }

    public static long Mmap(CvmThread thread, in SyscallArguments a)
    {
        var replaces = ((int)a.A3 & MemoryFlags.MAP_FIXED) != 0;
        if (replaces && !thread.MayChangeMappings(a.A0, (ulong)a.A1))
            return -Errno.EFAULT;
        var result = Map(thread, a);
        if (result >= 0 && thread.IsPure)
            thread.ReturnCapability(replaces ? thread.Argument(0) : thread.Image.Capabilities!.Mapped(result, (ulong)a.A1, (int)a.A2));
        return result;
    }

    private static long Map(CvmThread thread, in SyscallArguments a)
    {
        var flags = (int)a.A3;
        if ((flags & MemoryFlags.MAP_ANONYMOUS) != 0)
            return thread.Space.Map(a.A0, (ulong)a.A1, (int)a.A2, flags, null, a.A5);
        if (thread.Files.Descriptors[(int)a.A4] is not { } file)
            return -Errno.EBADF;
        if (a.A1 == 0)
            return -Errno.EINVAL;
        if (!file.CanRead)
            return -Errno.EACCES;
        if (file is MemoryDevice { Kind: MemoryDeviceKind.Zero })
        {
            // Each mapping of it has pages of its own; whether they may be written is as with other files.
            var pages = (flags & MemoryFlags.MAP_TYPE) == MemoryFlags.MAP_PRIVATE ? null : new SharedPages(file.CanWrite);
            return thread.Space.Map(a.A0, (ulong)a.A1, (int)a.A2, flags | MemoryFlags.MAP_ANONYMOUS, pages, a.A5);
        }

        if (file is CpOpenFile shared)
            return shared.Map(thread, a.A0, (ulong)a.A1, (int)a.A2, flags, a.A5);
        return file.Inode is RegularFile regular
            ? SealSyscalls.Map(thread, file, regular, a)
            : -Errno.ENODEV;
    }

    public static long Munmap(CvmThread thread, in SyscallArguments a)
        => thread.MayChangeMappings(a.A0, (ulong)a.A1) ? thread.Space.Unmap(a.A0, (ulong)a.A1) : -Errno.EFAULT;

    public static long Mprotect(CvmThread thread, in SyscallArguments a)
    {
        if ((a.A2 & ~7L) != 0)
            return -Errno.EINVAL;
        return thread.MayChangeMappings(a.A0, (ulong)a.A1) ? thread.Space.Protect(a.A0, (ulong)a.A1, (int)a.A2) : -Errno.EFAULT;
    }

    public static long Mremap(CvmThread thread, in SyscallArguments a)
    {
        if ((a.A3 & ~7L) != 0)
            return -Errno.EINVAL;
        var replaces = (a.A3 & MemoryFlags.MREMAP_FIXED) != 0;
        if (!thread.MayChangeMappings(a.A0, (ulong)a.A1) || (replaces && !thread.MayChangeMappings(a.A4, (ulong)a.A2)))
            return -Errno.EFAULT;
        var result = thread.Space.Remap(a.A0, (ulong)a.A1, (ulong)a.A2, (int)a.A3, a.A4);
        if (result >= 0 && thread.IsPure)
            thread.ReturnCapability(replaces ? thread.Argument(4) : thread.Image.Capabilities!.Moved(thread.Argument(0), result, (ulong)a.A2));
        return result;
    }

    public static long Madvise(CvmThread thread, in SyscallArguments a)
        => thread.MayChangeMappings(a.A0, (ulong)a.A1) ? thread.Space.Advise(a.A0, (ulong)a.A1, (int)a.A2) : -Errno.EFAULT;

    public static long Msync(CvmThread thread, in SyscallArguments a)
    {
        // Shared file mappings are the file's own pages on the host: there is nothing to write back.
        var flags = a.A2;
        return (flags & ~(long)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) != 0 || (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC)
            ? -Errno.EINVAL
            : thread.Space.RequireMapped(a.A0, (ulong)a.A1);
    }

    public static long Mlock(CvmThread thread, in SyscallArguments a)
    {
        // mlock and munlock round the address down; mincore and msync do not.
        var start = a.A0 & -HostMemory.PageSize;
        return thread.Space.RequireMapped(start, (ulong)a.A1 + (ulong)(a.A0 - start));
    }

    public static long Mlockall(CvmThread thread, in SyscallArguments a) => a.A0 is > 0 and < 8 and not 4 ? 0 : -Errno.EINVAL;

    public static long Munlockall(CvmThread thread, in SyscallArguments a) => 0;

    public static long Mincore(CvmThread thread, in SyscallArguments a)
    {
        var error = thread.Space.RequireMapped(a.A0, (ulong)a.A1);
        if (error < 0)
            return error;
        var pages = (a.A1 + HostMemory.PageSize - 1) / HostMemory.PageSize;
        Span<byte> chunk = stackalloc byte[256];
        chunk.Fill(1);
        for (long done = 0; done < pages; done += chunk.Length)
        {
            if (!thread.Memory.TryWrite(a.A2 + done, chunk[..(int)Math.Min(chunk.Length, pages - done)]))
                return -Errno.EFAULT;
        }

        return 0;
    }
}
