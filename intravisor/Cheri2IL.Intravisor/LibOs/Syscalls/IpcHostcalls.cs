using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Publishing, granting, opening and revoking by name; <see cref="Exchange"/> does the work.</summary>
internal static class IpcHostcalls
{
    /// <summary>cp_self: the number of the calling cVM.</summary>
    public static long Self(CvmThread thread, in SyscallArguments a) => thread.Cvm.Id;

    /// <summary>cp_time: nanoseconds of the monotonic clock.</summary>
    public static long Time(CvmThread thread, in SyscallArguments a) => thread.Cvm.Host.MonotonicNanoseconds;

    /// <summary>cp_file_publish(name, address, length, rights): others may be granted these rights to a range of the caller's memory.</summary>
    public static long FilePublish(CvmThread thread, in SyscallArguments a)
    {
        var error = ReadName(thread, a.A0, out var name);
        if (error != 0)
            return error;
        var rights = (CpRights)a.A3;
        if (a.A2 <= 0 || a.A3 is not (> 0 and <= (long)CpRights.ReadWrite))
            return -Errno.EINVAL;
        var writes = rights.HasFlag(CpRights.Write);
        if (!thread.Memory.Permits(a.A1, (ulong)a.A2, isWrite: false) || (writes && !thread.Memory.Permits(a.A1, (ulong)a.A2, isWrite: true)))
            return -Errno.EFAULT;

        return thread.Cvm.Exchange.Publish(new CpFile(thread.Cvm.Exchange, name, thread.Image, a.A1, a.A2, rights));
    }

    /// <summary>cp_file_create(name, length, rights): publishes zeroed pages, which can be mapped; a descriptor.</summary>
    public static long FileCreate(CvmThread thread, in SyscallArguments a)
    {
        var error = ReadName(thread, a.A0, out var name);
        if (error != 0)
            return error;
        if (a.A1 <= 0 || a.A2 is not (> 0 and <= (long)CpRights.ReadWrite))
            return -Errno.EINVAL;
        var space = thread.Space;
        var bytes = ((ulong)a.A1 + HostMemory.PageSize - 1) & ~(HostMemory.PageSize - 1UL);
        if (!space.TryCharge(bytes))
            return -Errno.ENOMEM;
        CpFile file;
        try
        {
            file = new CpFile(thread.Cvm.Exchange, name, thread.Image, a.A1, (CpRights)a.A2);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            space.Discharge(bytes);
            return -Errno.ENOMEM;
        }

        error = thread.Cvm.Exchange.Publish(file);
        if (error != 0)
        {
            file.Revoke();
            return error;
        }

        var open = thread.Files.Open(thread.FileCaller, thread.Files.FileSystem.Root, "/cap/" + name, FileAbi.O_RDWR, 0, out error);
        return open is null ? error : thread.Files.Descriptors.AddNew(open, closeOnExec: false);
    }

    /// <summary>
    /// cp_map(fd, capability*, protection): maps a file that has pages of its own, and stores a capability for its bytes, without one more,
    /// that permits what was asked for and granted. For programs with capabilities; others use mmap.
    /// </summary>
    public static long Map(CvmThread thread, in SyscallArguments a)
    {
        if (thread.Files.Descriptors[(int)a.A0] is not CpOpenFile file)
            return -Errno.EBADF;
        if (thread.Image.Capabilities is not { } process)
            return -Errno.EOPNOTSUPP;
        if ((a.A2 & ~(MemoryFlags.PROT_READ | MemoryFlags.PROT_WRITE)) != 0 || (a.A2 & MemoryFlags.PROT_READ) == 0)
            return -Errno.EINVAL;
        var length = file.File.Length;
        var address = file.Map(thread, 0, (ulong)length, (int)a.A2, MemoryFlags.MAP_SHARED, 0);
        if (address < 0)
            return address;
        var bytes = process.Shared(address, (ulong)length, (a.A2 & MemoryFlags.PROT_WRITE) != 0);
        if (bytes.IsTagged && thread.Memory.TryWrite(a.A1, bytes))
            return 0;
        thread.Space.Unmap(address, (ulong)length);
        return bytes.IsTagged ? -Errno.EFAULT : -Errno.EOVERFLOW;
    }

    /// <summary>cp_grant(name, cvm, rights): sets what a cVM may do with what the caller has published.</summary>
    public static long Grant(CvmThread thread, in SyscallArguments a)
    {
        var cvm = "";
        var error = ReadName(thread, a.A0, out var name);
        if (error == 0)
            error = ReadName(thread, a.A1, out cvm);
        if (error != 0)
            return error;
        if ((a.A2 & ~(long)CpRights.All) != 0)
            return -Errno.EINVAL;
        error = FindOwn(thread, name, out var publication);
        publication?.Grant(cvm, (CpRights)a.A2);
        return error;
    }

    /// <summary>cp_revoke(name): ends what the caller has published.</summary>
    public static long Revoke(CvmThread thread, in SyscallArguments a)
    {
        Publication? publication = null;
        var error = ReadName(thread, a.A0, out var name);
        if (error == 0)
            error = FindOwn(thread, name, out publication);
        publication?.Revoke();
        return error;
    }

    /// <summary>cp_open(name, flags, timeout): open of /cap/NAME that waits for the name and the grant; the time-out is in nanoseconds, negative: none.</summary>
    public static long Open(CvmThread thread, in SyscallArguments a)
    {
        const int known = FileAbi.O_ACCMODE | FileAbi.O_NONBLOCK | FileAbi.O_CLOEXEC;
        var error = ReadName(thread, a.A0, out var name);
        if (error != 0)
            return error;
        if ((a.A1 & ~known) != 0)
            return -Errno.EINVAL;
        error = thread.Cvm.Exchange.Await(thread, name, Deadlines.After(thread.Cvm.Host, a.A2));
        if (error != 0)
            return error;
        var files = thread.Files;
        var file = files.Open(thread.FileCaller, files.FileSystem.Root, "/cap/" + name, (int)a.A1, 0, out error);
        return file is null ? error : files.Descriptors.AddNew(file, (a.A1 & FileAbi.O_CLOEXEC) != 0);
    }

    /// <summary>cp_wait(fd, seen, timeout): waits until the file's count of events is not <c>seen</c>; the count.</summary>
    public static long Wait(CvmThread thread, in SyscallArguments a)
        => thread.Files.Descriptors[(int)a.A0] is CpOpenFile file ? file.AwaitEvent(thread, a.A1, Deadlines.After(thread.Cvm.Host, a.A2)) : -Errno.EBADF;

    /// <summary>cp_wake(fd): an event of the file; wakes who waits for one. The count.</summary>
    public static long Wake(CvmThread thread, in SyscallArguments a)
        => thread.Files.Descriptors[(int)a.A0] is CpOpenFile file ? file.SignalEvent() : -Errno.EBADF;

    /// <summary>
    /// cp_stream_create(name, flags, ring, bytes): publishes a stream that the caller receives, with a ring in its memory; a descriptor of
    /// the receiving end. Others send to it with a grant of CP_WRITE.
    /// </summary>
    public static long StreamCreate(CvmThread thread, in SyscallArguments a)
    {
        const int messages = 1;
        var error = ReadName(thread, a.A0, out var name);
        if (error != 0)
            return error;
        if ((a.A1 & ~(messages | FileAbi.O_NONBLOCK | FileAbi.O_CLOEXEC)) != 0 || a.A3 is < CpStream.SmallestRing or > CpStream.LargestRing
            || (a.A2 | a.A3) % CpStream.HeaderBytes != 0)
            return -Errno.EINVAL;
        if (!thread.Memory.Permits(a.A2, (ulong)a.A3, isWrite: true))
            return -Errno.EFAULT;
        var exchange = thread.Cvm.Exchange;
        var stream = new CpStream(exchange, name, thread.Image, a.A2, a.A3, (a.A1 & messages) != 0);
        error = exchange.Publish(stream);
        if (error != 0)
            return error;
        var node = new AnonymousNode(thread.Files.FileSystem, FileAbi.S_IFIFO | 0x100);
        var end = new CpStreamReceiver(stream, node, FileAbi.O_RDONLY | ((int)a.A1 & FileAbi.O_NONBLOCK)) { Path = "/cap/" + name };
        return thread.Files.Descriptors.AddNew(end, (a.A1 & FileAbi.O_CLOEXEC) != 0);
    }

    /// <summary>
    /// cp_stream_receive(fd, offset*, timeout): releases what it returned before, and waits for the next; bytes, and their offset in the ring.
    /// </summary>
    public static long StreamReceive(CvmThread thread, in SyscallArguments a)
    {
        if (thread.Files.Descriptors[(int)a.A0] is not CpStreamReceiver end)
            return -Errno.EBADF;
        var length = end.Receive(thread, a.A2 == 0 ? 0 : Deadlines.After(thread.Cvm.Host, a.A2), out var offset);
        return length > 0 && !thread.Memory.TryWrite(a.A1, offset) ? -Errno.EFAULT : length;
    }

    private static int FindOwn(CvmThread thread, string name, out Publication? publication)
    {
        publication = thread.Cvm.Exchange.Find(name);
        if (publication is null)
            return -Errno.ENOENT;
        if (publication.OwnerImage == thread.Image)
            return 0;
        publication = null;
        return -Errno.EPERM;
    }

    /// <summary>Reads the name of a publication or of a cVM; 0, -EFAULT or, for what cannot be one, -EINVAL.</summary>
    internal static int ReadName(CvmThread thread, long address, out string name)
    {
        name = "";
        Span<byte> bytes = stackalloc byte[Exchange.LongestName + 1];
        var length = thread.Memory.ReadString(address, bytes);
        if (length < 0)
            return -Errno.EFAULT;
        name = Vfs.FileSystem.FromBytes(bytes[..length]);
        return Exchange.IsName(name) ? 0 : -Errno.EINVAL;
    }
}
