using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Calls on open descriptors: seek, duplicate, control.</summary>
internal static class DescriptorSyscalls
{
    public static long Close(CvmThread thread, in SyscallArguments a) => thread.Files.Descriptors.Close((int)a.A0) ? 0 : -Errno.EBADF;

    public static long CloseRange(CvmThread thread, in SyscallArguments a)
    {
        const int CloseOnExec = 4;
        var (first, last) = ((uint)a.A0, (uint)a.A1);
        if (first > last || (a.A2 & ~(CloseOnExec | 2)) != 0)
            return -Errno.EINVAL;
        foreach (var (descriptor, _) in thread.Files.Descriptors.Snapshot())
        {
            if ((uint)descriptor < first || (uint)descriptor > last)
                continue;
            if ((a.A2 & CloseOnExec) != 0)
                thread.Files.Descriptors.SetCloseOnExec(descriptor, true);
            else
                thread.Files.Descriptors.Close(descriptor);
        }

        return 0;
    }

    public static long Lseek(CvmThread thread, in SyscallArguments a)
        => thread.Files.Descriptors[(int)a.A0] is { } file ? file.Seek(a.A1, (int)a.A2) : -Errno.EBADF;

    public static long Dup(CvmThread thread, in SyscallArguments a)
        => thread.Files.Descriptors[(int)a.A0] is { } file ? thread.Files.Descriptors.Add(file, closeOnExec: false) : -Errno.EBADF;

    public static long Dup3(CvmThread thread, in SyscallArguments a)
    {
        if (((int)a.A2 & ~FileAbi.O_CLOEXEC) != 0 || (int)a.A0 == (int)a.A1)
            return -Errno.EINVAL;
        return thread.Files.Descriptors[(int)a.A0] is { } file
            ? thread.Files.Descriptors.Set((int)a.A1, file, ((int)a.A2 & FileAbi.O_CLOEXEC) != 0)
            : -Errno.EBADF;
    }

    public static long Pipe2(CvmThread thread, in SyscallArguments a)
    {
        var flags = (int)a.A1;
        if ((flags & ~(FileAbi.O_CLOEXEC | FileAbi.O_NONBLOCK)) != 0)
            return -Errno.EINVAL;
        var files = thread.Files.FileSystem;
        if (!files.Charge(Pipe.DefaultCapacity))
            return -Errno.ENFILE;
        var node = new PipeNode(files);
        thread.Process.Attributes.Credentials.Own(node, directory: null);
        var pipe = node.Pipe;
        var table = thread.Files.Descriptors;
        var closeOnExec = (flags & FileAbi.O_CLOEXEC) != 0;
        var reader = new PipeEnd(node, flags | FileAbi.O_RDONLY, pipe, reads: true, writes: false) { Path = $"pipe:[{node.Number}]" };
        var writer = new PipeEnd(node, flags | FileAbi.O_WRONLY, pipe, reads: false, writes: true) { Path = reader.Path };
        var first = table.Add(reader, closeOnExec);
        if (first < 0)
        {
            pipe.Change(-1, -1);
            return first;
        }

        var second = table.Add(writer, closeOnExec);
        if (second >= 0 && thread.Memory.TryWrite(a.A0, (int)first) && thread.Memory.TryWrite(a.A0 + 4, (int)second))
            return 0;
        table.Close(first);
        if (second < 0)
        {
            pipe.Change(0, -1);
            return second;
        }

        table.Close(second);
        return -Errno.EFAULT;
    }

    public static long Fcntl(CvmThread thread, in SyscallArguments a)
    {
        const int DupFd = 0, GetFd = 1, SetFd = 2, GetFl = 3, SetFl = 4, DupFdCloexec = 1030, SetPipeSize = 1031, GetPipeSize = 1032, AddSeals = 1033, GetSeals = 1034;
        const int Changeable = FileAbi.O_APPEND | FileAbi.O_NONBLOCK;
        var table = thread.Files.Descriptors;
        if (table[(int)a.A0] is not { } file)
            return -Errno.EBADF;
        switch ((int)a.A1)
        {
            case DupFd or DupFdCloexec:
                return (ulong)a.A2 >= (ulong)table.Limit ? -Errno.EINVAL : table.Add(file, (int)a.A1 == DupFdCloexec, (int)a.A2);
            case AddSeals:
                return SealSyscalls.Add(thread, file, (uint)a.A2);
            case GetSeals:
                return SealSyscalls.Get(file);
            case GetFd:
                return table.CloseOnExec((int)a.A0) ? 1 : 0;
            case SetFd:
                table.SetCloseOnExec((int)a.A0, (a.A2 & 1) != 0);
                return 0;
            case GetFl:
                // The kernel shows O_LARGEFILE, which is 0 in the 64-bit ABI.
                return file.Flags;
            case SetFl:
                if (file.SignalEvents != 0 && OwnerSyscalls.SetAsync(thread, file, (int)a.A0, ((int)a.A2 & FileAbi.O_ASYNC) != 0) is var error and not 0)
                    return error;
                file.Flags = (file.Flags & ~Changeable) | ((int)a.A2 & Changeable);
                return 0;
            case LockSyscalls.GetLock or LockSyscalls.SetLock or LockSyscalls.SetLockWait or LockSyscalls.GetFileLock or LockSyscalls.SetFileLock or LockSyscalls.SetFileLockWait:
                return LockSyscalls.Fcntl(thread, file, (int)a.A1, a.A2);
            case OwnerSyscalls.SetOwner or OwnerSyscalls.GetOwner or OwnerSyscalls.SetSignal or OwnerSyscalls.GetSignal or OwnerSyscalls.SetOwnerEx or OwnerSyscalls.GetOwnerEx:
                return OwnerSyscalls.Fcntl(thread, file, (int)a.A1, a.A2);
            case GetPipeSize:
                return file is PipeEnd end ? end.Pipe.Capacity : -Errno.EBADF;
            case SetPipeSize:
                return file is PipeEnd sized ? sized.Pipe.SetCapacity((uint)a.A2) : -Errno.EBADF;
            default:
                return -Errno.EINVAL;
        }
    }

    public static long Ioctl(CvmThread thread, in SyscallArguments a)
    {
        var table = thread.Files.Descriptors;
        if (table[(int)a.A0] is not { } file)
            return -Errno.EBADF;
        switch ((uint)a.A1)
        {
            case TerminalAbi.FIOCLEX or TerminalAbi.FIONCLEX:
                table.SetCloseOnExec((int)a.A0, (uint)a.A1 == TerminalAbi.FIOCLEX);
                return 0;
            case TerminalAbi.FIONBIO:
                if (!thread.Memory.TryRead(a.A2, out int on))
                    return -Errno.EFAULT;
                file.Flags = on != 0 ? file.Flags | FileAbi.O_NONBLOCK : file.Flags & ~FileAbi.O_NONBLOCK;
                return 0;
            case TerminalAbi.FIOASYNC:
                return OwnerSyscalls.Fioasync(thread, file, (int)a.A0, a.A2);
            case TerminalAbi.FIONREAD:
                var available = file.Available;
                return available < 0 ? available : thread.Memory.TryWrite(a.A2, (int)Math.Min(available, int.MaxValue)) ? 0 : -Errno.EFAULT;
            default:
                if (file is Net.Socket socket)
                    return OwnerSyscalls.Ioctl(thread, socket, (uint)a.A1, a.A2) ?? InterfaceSyscalls.Ioctl(thread, socket, (uint)a.A1, a.A2);
                if (file is CpOpenFile or CpCallFile)
                    return CapControl.Ioctl(thread, file, (uint)a.A1, a.A2);
                return TerminalSyscalls.Ioctl(thread, file, (uint)a.A1, a.A2);
        }
    }

    /// <summary>fsync, fdatasync: there is something to do where an upper layer keeps files.</summary>
    public static long Fsync(CvmThread thread, in SyscallArguments a)
    {
        if (Find(thread, a.A0) is not { } file)
            return -Errno.EBADF;
        if (file.Inode is not (RegularFile or DirectoryNode))
            return -Errno.EINVAL;
        return thread.Files.FileSystem.Upper?.Sync(file.Inode) == false ? -Errno.ENOSPC : 0;
    }

    /// <summary>Pages may be written out, which promises nothing: fs/sync.c, sync_file_range.</summary>
    public static long SyncFileRange(CvmThread thread, in SyscallArguments a)
    {
        const int allFlags = 7;
        if (Find(thread, a.A0) is not { } file)
            return -Errno.EBADF;
        var end = unchecked(a.A1 + a.A2);
        if (((int)a.A3 & ~allFlags) != 0 || a.A1 < 0 || end < a.A1)
            return -Errno.EINVAL;
        return (file.Inode.Mode & FileAbi.S_IFMT) is FileAbi.S_IFREG or FileAbi.S_IFDIR or FileAbi.S_IFBLK ? 0 : -Errno.ESPIPE;
    }

    public static long Syncfs(CvmThread thread, in SyscallArguments a)
    {
        if (Find(thread, a.A0) is null)
            return -Errno.EBADF;
        thread.Files.FileSystem.Upper?.SyncAll();
        return 0;
    }

    /// <summary>What is read is in memory already, or is the host's to keep there.</summary>
    public static long Readahead(CvmThread thread, in SyscallArguments a)
    {
        if (Find(thread, a.A0) is not { CanRead: true } file)
            return -Errno.EBADF;
        return file.Inode is RegularFile ? 0 : -Errno.EINVAL;
    }

    public static long Fadvise64(CvmThread thread, in SyscallArguments a)
    {
        if (thread.Files.Descriptors[(int)a.A0] is not { } file)
            return -Errno.EBADF;
        return file is PipeEnd ? -Errno.ESPIPE : (ulong)a.A3 > 5 ? -Errno.EINVAL : 0;
    }

    /// <summary>A file that is open for more than its name; null: none.</summary>
    private static OpenFile? Find(CvmThread thread, long descriptor)
        => thread.Files.Descriptors[(int)descriptor] is { } file && (file.Flags & FileAbi.O_PATH) == 0 ? file : null;
}
