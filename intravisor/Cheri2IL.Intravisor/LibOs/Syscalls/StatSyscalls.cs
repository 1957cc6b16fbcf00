using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Calls that tell what a file, or a file system, is like.</summary>
internal static class StatSyscalls
{
    public static long Fstat(CvmThread thread, in SyscallArguments a)
        => thread.Files.Descriptors[(int)a.A0] is { } file ? WriteStat(thread, file.Inode, a.A1) : -Errno.EBADF;

    public static long Newfstatat(CvmThread thread, in SyscallArguments a)
    {
        const int NoAutomount = 0x800;
        if (((int)a.A3 & ~(FileAbi.AT_SYMLINK_NOFOLLOW | FileAbi.AT_EMPTY_PATH | NoAutomount)) != 0)
            return -Errno.EINVAL;
        var error = PathSyscalls.Find(thread, a.A0, a.A1, (int)a.A3, out var inode);
        return error != 0 ? error : WriteStat(thread, inode!, a.A2);
    }

    public static long Statx(CvmThread thread, in SyscallArguments a)
    {
        var error = PathSyscalls.Find(thread, a.A0, a.A1, (int)a.A2, out var inode);
        if (error != 0)
            return error;
        Span<byte> buffer = stackalloc byte[256];
        buffer.Clear();
        const int BasicStats = 0x7ff;
        BinaryPrimitives.WriteInt32LittleEndian(buffer, BasicStats);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[4..], 4096);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[16..], inode!.LinkCount);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[20..], inode.UserId);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[24..], inode.GroupId);
        BinaryPrimitives.WriteInt16LittleEndian(buffer[28..], (short)inode.Mode);
        BinaryPrimitives.WriteInt64LittleEndian(buffer[32..], inode.Number);
        BinaryPrimitives.WriteInt64LittleEndian(buffer[40..], inode.Size);
        BinaryPrimitives.WriteInt64LittleEndian(buffer[48..], Blocks(inode));
        WriteTime(buffer[64..], inode.AccessTime);
        WriteTime(buffer[80..], inode.ChangeTime);
        WriteTime(buffer[96..], inode.ChangeTime);
        WriteTime(buffer[112..], inode.ModifyTime);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[128..], (int)(inode.Device >> 8) & 0xfff);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[132..], (int)((inode.Device & 0xff) | ((inode.Device >> 12) & 0xfff00)));
        BinaryPrimitives.WriteInt32LittleEndian(buffer[140..], inode.FileSystemNumber);
        return thread.Memory.TryWrite(a.A4, buffer) ? 0 : -Errno.EFAULT;
    }

    public static long Statfs(CvmThread thread, in SyscallArguments a)
    {
        var error = PathSyscalls.Find(thread, FileAbi.AT_FDCWD, a.A0, 0, out var inode);
        return error != 0 ? error : WriteStatfs(thread, inode!, a.A1);
    }

    public static long Fstatfs(CvmThread thread, in SyscallArguments a)
        => thread.Files.Descriptors[(int)a.A0] is { } file ? WriteStatfs(thread, file.Inode, a.A1) : -Errno.EBADF;

    private static long Blocks(Inode inode) => inode is RegularFile file ? file.Content.Allocated / 512 : 0;

    /// <summary>struct stat of asm-generic: 128 bytes.</summary>
    private static long WriteStat(CvmThread thread, Inode inode, long address)
    {
        Span<byte> buffer = stackalloc byte[128];
        buffer.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(buffer, inode.FileSystemNumber);
        BinaryPrimitives.WriteInt64LittleEndian(buffer[8..], inode.Number);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[16..], inode.Mode);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[20..], inode.LinkCount);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[24..], inode.UserId);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[28..], inode.GroupId);
        BinaryPrimitives.WriteInt64LittleEndian(buffer[32..], inode.Device);
        BinaryPrimitives.WriteInt64LittleEndian(buffer[48..], inode.Size);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[56..], 4096);
        BinaryPrimitives.WriteInt64LittleEndian(buffer[64..], Blocks(inode));
        WriteTime(buffer[72..], inode.AccessTime);
        WriteTime(buffer[88..], inode.ModifyTime);
        WriteTime(buffer[104..], inode.ChangeTime);
        return thread.Memory.TryWrite(address, buffer) ? 0 : -Errno.EFAULT;
    }

    /// <summary>Seconds and nanoseconds, which are never negative; 0 in what is padding of struct statx_timestamp.</summary>
    private static void WriteTime(Span<byte> to, long time)
    {
        const long second = 1_000_000_000;
        var nanoseconds = ((time % second) + second) % second;
        BinaryPrimitives.WriteInt64LittleEndian(to, (time - nanoseconds) / second);
        BinaryPrimitives.WriteInt64LittleEndian(to[8..], nanoseconds);
    }

    /// <summary>struct statfs. What can hold files has the cVM's limit of their memory.</summary>
    private static long WriteStatfs(CvmThread thread, Inode inode, long address)
    {
        const long pipefs = 0x50495045, sockfs = 0x534f434b, anonymous = 0x09041934;
        var files = thread.Files.FileSystem;
        Mount? mount;
        lock (files.Gate)
            mount = inode.FindMount();
        var magic = mount?.Magic ?? inode.Type switch
        {
            FileAbi.S_IFIFO => pipefs,
            FileAbi.S_IFSOCK => sockfs,
            FileAbi.S_IFREG => Mount.Root.Magic,
            _ => anonymous,
        };
        var (blocks, inodes) = magic == Mount.Root.Magic ? (files.MemoryLimit / 4096, 1L << 20) : (0, 0);
        var free = Math.Clamp((files.MemoryLimit - files.MemoryUsed) / 4096, 0, blocks);
        Span<long> values = stackalloc long[] { magic, 4096, blocks, free, free, inodes, inodes / 2, mount?.Number ?? 0, FileAbi.NAME_MAX, 4096, 0, 0, 0, 0, 0 };
        return thread.Memory.TryWrite(address, Words.AsBytes(values)) ? 0 : -Errno.EFAULT;
    }
}
