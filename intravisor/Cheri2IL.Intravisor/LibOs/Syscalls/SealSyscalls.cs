using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Files of memfd_create, and what their seals forbid (mm/memfd.c).</summary>
internal static class SealSyscalls
{
    /// <summary>memfd_create: a regular file without name.</summary>
    public static long MemfdCreate(CvmThread thread, in SyscallArguments a)
    {
        const int closeOnExec = 1, allowSealing = 2, noExecSeal = 8, exec = 16;
        const int longestName = 249;
        var flags = (int)a.A1;
        if ((flags & ~(closeOnExec | allowSealing | noExecSeal | exec)) != 0 || (flags & (noExecSeal | exec)) == (noExecSeal | exec))
            return -Errno.EINVAL;
        Span<byte> name = stackalloc byte[longestName + 1];
        var length = thread.Memory.ReadString(a.A0, name);
        if (length < 0)
            return -Errno.EFAULT;
        if (length == name.Length)
            return -Errno.EINVAL;
        var isExecutable = (flags & noExecSeal) == 0;
        var node = new RegularFile(thread.Files.FileSystem, isExecutable ? 0x1ff : 0x1b6)
        {
            Links = 0,
            Seals = !isExecutable ? FileAbi.F_SEAL_EXEC : (flags & allowSealing) != 0 ? 0 : FileAbi.F_SEAL_SEAL,
        };
        thread.Process.Attributes.Credentials.Own(node, directory: null);
        var file = node.Open(FileAbi.O_RDWR, out _)!;
        file.Path = $"/memfd:{FileSystem.FromBytes(name[..length])} (deleted)";
        return thread.Files.Descriptors.AddNew(file, (flags & closeOnExec) != 0);
    }

    /// <summary>F_GET_SEALS.</summary>
    public static long Get(OpenFile file) => (file.Inode as RegularFile)?.Seals ?? -Errno.EINVAL;

    /// <summary>F_ADD_SEALS.</summary>
    public static long Add(CvmThread thread, OpenFile file, long seals)
    {
        if (!file.CanWrite)
            return -Errno.EPERM;
        if ((seals & ~0x3f) != 0 || file.Inode is not RegularFile { Seals: not null } memory)
            return -Errno.EINVAL;
        lock (memory.SealGate)
        {
            if ((memory.Seals & FileAbi.F_SEAL_SEAL) != 0)
                return -Errno.EPERM;
            if ((seals & FileAbi.F_SEAL_WRITE) != 0 && (memory.Seals & FileAbi.F_SEAL_WRITE) == 0 && thread.Cvm.IsMappedToWrite(memory))
                return -Errno.EBUSY;
            if ((seals & FileAbi.F_SEAL_EXEC) != 0 && memory.IsExecutable)
                seals |= FileAbi.F_SEAL_SHRINK | FileAbi.F_SEAL_GROW | FileAbi.F_SEAL_WRITE | FileAbi.F_SEAL_FUTURE_WRITE;
            memory.Seals |= (int)seals;
            return 0;
        }
    }

    /// <summary>mmap of a regular file, unless its seals forbid it.</summary>
    public static long Map(CvmThread thread, OpenFile file, RegularFile regular, in SyscallArguments a)
    {
        var (protection, flags) = ((int)a.A2, (int)a.A3);
        if (regular.Seals is null)
            return thread.Space.Map(a.A0, (ulong)a.A1, protection, flags, new FileMapping(regular, file.Path, file.CanWrite), a.A5, file.Path);
        lock (regular.SealGate)
        {
            var isReadOnly = (regular.Seals & (FileAbi.F_SEAL_WRITE | FileAbi.F_SEAL_FUTURE_WRITE)) != 0;
            if (isReadOnly && file.CanWrite && (flags & MemoryFlags.MAP_SHARED) != 0 && (protection & MemoryFlags.PROT_WRITE) != 0)
                return -Errno.EPERM;
            return thread.Space.Map(a.A0, (ulong)a.A1, protection, flags, new FileMapping(regular, file.Path, file.CanWrite && !isReadOnly), a.A5, file.Path);
        }
    }
}
