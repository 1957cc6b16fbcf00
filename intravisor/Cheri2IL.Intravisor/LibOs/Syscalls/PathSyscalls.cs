using System.Buffers.Binary;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Net;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Terminals;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Calls that name files by path.</summary>
internal static class PathSyscalls
{
    private const int O_DIRECT = 0x4000;
    private const int O_LARGEFILE = 0x8000;
    private const int O_SYNC = 0x101000;

    /// <summary>Flags that mean something with O_PATH.</summary>
    private const int PathFlags = FileAbi.O_PATH | FileAbi.O_DIRECTORY | FileAbi.O_NOFOLLOW | FileAbi.O_CLOEXEC;

    public static long Openat(CvmThread thread, in SyscallArguments a)
    {
        var flags = (int)a.A2;
        return Open(thread, a.A0, a.A1, (flags & FileAbi.O_PATH) != 0 ? flags & PathFlags : flags, (int)a.A3);
    }

    public static long Openat2(CvmThread thread, in SyscallArguments a)
    {
        const int known = 24, page = 4096;
        const long allFlags = PathFlags | FileAbi.O_ACCMODE | FileAbi.O_CREAT | FileAbi.O_EXCL | FileAbi.O_NOCTTY | FileAbi.O_TRUNC | FileAbi.O_APPEND | FileAbi.O_NONBLOCK
            | FileAbi.O_NOATIME | FileAbi.O_TMPFILE | O_SYNC | FileAbi.O_ASYNC | O_DIRECT | O_LARGEFILE;
        if ((ulong)a.A3 < known)
            return -Errno.EINVAL;
        if ((ulong)a.A3 > page)
            return -Errno.E2BIG;
        Span<byte> how = stackalloc byte[(int)a.A3];
        if (!thread.Memory.TryRead(a.A2, how))
            return -Errno.EFAULT;
        if (how[known..].ContainsAnyExcept((byte)0))
            return -Errno.E2BIG;
        var (flags, mode, resolve) = (BinaryPrimitives.ReadInt64LittleEndian(how), BinaryPrimitives.ReadInt64LittleEndian(how[8..]), BinaryPrimitives.ReadInt64LittleEndian(how[16..]));
        if ((flags & ~allFlags) != 0 || (resolve & ~0x3f) != 0 || (resolve & (FileAbi.RESOLVE_BENEATH | FileAbi.RESOLVE_IN_ROOT)) == (FileAbi.RESOLVE_BENEATH | FileAbi.RESOLVE_IN_ROOT))
            return -Errno.EINVAL;
        var makes = (flags & (FileAbi.O_CREAT | FileAbi.O_TMPFILE)) != 0;
        if (makes ? (mode & ~0xfffL) != 0 : mode != 0)
            return -Errno.EINVAL;
        if ((flags & FileAbi.O_PATH) != 0 && (flags & ~(long)PathFlags) != 0)
            return -Errno.EINVAL;
        if ((resolve & FileAbi.RESOLVE_CACHED) != 0 && (makes || (flags & FileAbi.O_TRUNC) != 0))
            return -Errno.EAGAIN;
        return Open(thread, a.A0, a.A1, (int)flags, (int)mode, (int)resolve);
    }

    public static long Mkdirat(CvmThread thread, in SyscallArguments a)
    {
        var mode = (int)a.A2 & 0x3ff & ~thread.Files.Umask;
        return Create(thread, a.A0, a.A1, allowsSlash: true, (files, at) => new DirectoryNode(files, at.Parent, mode));
    }

    public static long Mknodat(CvmThread thread, in SyscallArguments a)
    {
        var mode = (int)a.A2 & 0xfff & ~thread.Files.Umask;
        var (type, device) = ((int)a.A2 & FileAbi.S_IFMT, (long)(uint)a.A3);
        switch (type)
        {
            case 0 or FileAbi.S_IFREG:
                return Create(thread, a.A0, a.A1, allowsSlash: false, (files, _) => new RegularFile(files, mode));
            case FileAbi.S_IFIFO:
                return Create(thread, a.A0, a.A1, allowsSlash: false, (files, _) => new FifoNode(files, mode), bytes: Pipe.DefaultCapacity);
            case FileAbi.S_IFSOCK:
                return Create(thread, a.A0, a.A1, allowsSlash: false, (files, _) => new SocketNode(files, mode, null));
            case FileAbi.S_IFCHR or FileAbi.S_IFBLK:
                return Create(
                    thread, a.A0, a.A1, allowsSlash: false, (files, _) => new DeviceNode(files, type | mode, device), needed: Privilege.MakeDevices);
            default:
                return type == FileAbi.S_IFDIR ? -Errno.EPERM : -Errno.EINVAL;
        }
    }

    public static long Symlinkat(CvmThread thread, in SyscallArguments a)
    {
        var error = ReadPath(thread, a.A0, out var target);
        if (error != 0)
            return error;
        return target.Length == 0 ? -Errno.ENOENT : Create(thread, a.A1, a.A2, allowsSlash: false, (files, _) => new SymbolicLink(files, target), bytes: 2 * target.Length);
    }

    public static long Linkat(CvmThread thread, in SyscallArguments a)
    {
        if ((a.A4 & ~(FileAbi.AT_SYMLINK_FOLLOW | FileAbi.AT_EMPTY_PATH)) != 0)
            return -Errno.EINVAL;
        lock (thread.Files.FileSystem.Gate)
        {
            var error = Resolve(thread, a.A0, a.A1, (a.A4 & FileAbi.AT_SYMLINK_FOLLOW) != 0, (a.A4 & FileAbi.AT_EMPTY_PATH) != 0, out var from);
            if (error != 0)
                return error;
            var inode = from.Inode!;
            if (a.A4 is FileAbi.AT_EMPTY_PATH && from.Name == "." && !thread.Process.Attributes.Credentials.Has(Privilege.ReadAndSearch))
                return -Errno.ENOENT;
            return Create(thread, a.A2, a.A3, allowsSlash: false, (_, _) => inode, linked: inode);
        }
    }

    public static long Unlinkat(CvmThread thread, in SyscallArguments a)
    {
        if ((a.A2 & ~FileAbi.AT_REMOVEDIR) != 0)
            return -Errno.EINVAL;
        lock (thread.Files.FileSystem.Gate)
        {
            var removesDirectory = a.A2 != 0;
            var error = Resolve(thread, a.A0, a.A1, followLast: false, allowEmpty: false, out var at);
            if (error != 0)
                return error;
            if (removesDirectory && at.Name is "." or "..")
                return at.Name == "." ? -Errno.EINVAL : -Errno.ENOTEMPTY;
            if (!removesDirectory && at.Name is "." or "..")
                return -Errno.EISDIR;
            error = thread.Process.Attributes.Credentials.CheckDelete(at.Parent, at.Inode!);
            if (error != 0)
                return error;
            if (!removesDirectory && at.Inode is DirectoryNode)
                return -Errno.EISDIR;
            if (removesDirectory && at.Inode is not DirectoryNode)
                return -Errno.ENOTDIR;
            if (at.Parent.Mount.IsFixed)
                return -Errno.EPERM;
            if (at.Inode is DirectoryNode directory)
            {
                if (RenameSyscalls.IsMountPoint(at) || directory == thread.Files.FileSystem.Root)
                    return -Errno.EBUSY;
                if (!directory.IsEmpty)
                    return -Errno.ENOTEMPTY;
                directory.IsRemoved = true;
            }

            var files = thread.Files.FileSystem;
            at.Parent.Unlink(at.Name);
            at.Inode!.Links--;
            at.Inode.ChangeTime = files.Now;
            if (!removesDirectory)
                files.NoticeSelf(at.Inode, Inotify.IN_ATTRIB);
            at.Inode.Unlinked();
            files.NoticeEntry(at.Parent, at.Name, at.Inode, Inotify.IN_DELETE);
            return 0;
        }
    }

    public static long Readlinkat(CvmThread thread, in SyscallArguments a)
    {
        if ((int)a.A3 <= 0)
            return -Errno.EINVAL;
        byte[] target;
        lock (thread.Files.FileSystem.Gate)
        {
            var error = Resolve(thread, a.A0, a.A1, followLast: false, allowEmpty: true, out var at);
            if (error != 0)
                return error;
            if (at.Inode is not SymbolicLink link)
                return -Errno.EINVAL;
            error = link.CheckFollow(thread.FileCaller);
            if (error != 0)
                return error;
            target = FileSystem.ToBytes(link.TargetFor(thread.Process.Id, thread.Id));
        }

        // One of /proc leads to a file that is deeper than paths are long.
        if (target.Length is 0 or >= FileAbi.PATH_MAX)
            return -Errno.ENAMETOOLONG;
        var length = Math.Min(target.Length, (int)a.A3);
        return thread.Memory.TryWrite(a.A2, target.AsSpan(0, length)) ? length : -Errno.EFAULT;
    }

    public static long Faccessat(CvmThread thread, in SyscallArguments a) => Access(thread, a.A0, a.A1, (int)a.A2, 0);

    public static long Faccessat2(CvmThread thread, in SyscallArguments a)
        => ((int)a.A3 & ~(FileAbi.AT_SYMLINK_NOFOLLOW | FileAbi.AT_EMPTY_PATH | 0x200)) != 0 ? -Errno.EINVAL : Access(thread, a.A0, a.A1, (int)a.A2, (int)a.A3);

    public static long Getdents64(CvmThread thread, in SyscallArguments a)
    {
        if (thread.Files.Descriptors[(int)a.A0] is not { } file)
            return -Errno.EBADF;
        if (file is not DirectoryFile directory)
            return -Errno.ENOTDIR;
        var done = 0L;
        Span<byte> record = stackalloc byte[19 + FileAbi.NAME_MAX + 8];
        while (directory.Peek() is { } entry)
        {
            var name = FileSystem.ToBytes(entry.Name);
            var length = (19 + name.Length + 1 + 7) & ~7;
            if (done + length > (uint)a.A2)
                return done > 0 ? done : -Errno.EINVAL;
            record[..length].Clear();
            BinaryPrimitives.WriteInt64LittleEndian(record, entry.Inode.Number);
            BinaryPrimitives.WriteInt16LittleEndian(record[16..], (short)length);
            record[18] = (byte)(entry.Inode.Type >> 12);
            name.AsSpan().CopyTo(record[19..]);
            BinaryPrimitives.WriteInt64LittleEndian(record[8..], directory.Advance());
            if (!thread.Memory.TryWrite(a.A1 + done, record[..length]))
                return -Errno.EFAULT;
            done += length;
        }

        thread.Files.FileSystem.Notice(directory, Inotify.IN_ACCESS);
        return done;
    }

    public static long Chdir(CvmThread thread, in SyscallArguments a)
    {
        if (FindDirectory(thread, a.A0, out var error) is { } directory)
            thread.Files.WorkingDirectory = directory;
        return error;
    }

    public static long Chroot(CvmThread thread, in SyscallArguments a)
    {
        if (FindDirectory(thread, a.A0, out var error) is not { } directory)
            return error;
        if (!thread.Process.Attributes.Credentials.Has(Privilege.ChangeRoot))
            return -Errno.EPERM;
        thread.Files.Root = directory;
        return 0;
    }

    public static long Fchdir(CvmThread thread, in SyscallArguments a)
    {
        var start = thread.Files.StartOf((int)a.A0, out var error);
        if (start is null || (error = start.Check(thread.FileCaller, 1)) != 0)
            return error;
        thread.Files.WorkingDirectory = start;
        return 0;
    }

    public static long Getcwd(CvmThread thread, in SyscallArguments a)
    {
        string? name;
        lock (thread.Files.FileSystem.Gate)
            name = thread.Files.FileSystem.PathOf(thread.Files.WorkingDirectory, thread.Files.Root);
        if (name is null)
            return -Errno.ENAMETOOLONG;
        var path = FileSystem.ToBytes(name + "\0");
        if ((ulong)a.A1 < (ulong)path.Length)
            return -Errno.ERANGE;
        return thread.Memory.TryWrite(a.A0, path) ? path.Length : -Errno.EFAULT;
    }

    public static long Umask(CvmThread thread, in SyscallArguments a)
    {
        var old = thread.Files.Umask;
        thread.Files.Umask = (int)a.A0 & 0x1ff;
        return old;
    }

    public static long Truncate(CvmThread thread, in SyscallArguments a)
    {
        var error = Find(thread, FileAbi.AT_FDCWD, a.A0, 0, out var inode);
        if (error != 0)
            return error;
        if (a.A1 < 0)
            return -Errno.EINVAL;
        if (inode is DirectoryNode)
            return -Errno.EISDIR;
        if (inode is not RegularFile file)
            return -Errno.EINVAL;
        error = thread.Process.Attributes.Credentials.Check(file, 2);
        if (error == 0)
            error = thread.CheckSize(file, a.A1);
        if (error != 0)
            return error;
        lock (thread.Files.FileSystem.Gate)
            error = thread.Files.FileSystem.Upper?.Opening(file) == false ? -Errno.ENOSPC : file.RemovePrivileges(thread.Process.Attributes.Credentials);
        if (error == 0)
        {
            // As if it were opened: its content comes to rest again.
            file.Hold();
            error = file.Truncate(a.A1);
            file.Release();
        }

        if (error != 0)
            return error;
        file.Touch();
        thread.Files.FileSystem.Notice(file, Inotify.IN_MODIFY);
        lock (thread.Files.FileSystem.Gate)
            return thread.Files.FileSystem.Upper?.Changed(file) == false ? -Errno.ENOSPC : 0;
    }

    public static long Sync(CvmThread thread, in SyscallArguments a)
    {
        thread.Files.FileSystem.Upper?.SyncAll();
        return 0;
    }

    private static long Open(CvmThread thread, long directory, long pathAddress, int flags, int mode, int resolve = 0)
    {
        if ((flags & FileAbi.O_TMPFILE) != 0 && ((flags & (FileAbi.O_DIRECTORY | FileAbi.O_CREAT)) != FileAbi.O_DIRECTORY || (flags & FileAbi.O_ACCMODE) == FileAbi.O_RDONLY))
            return -Errno.EINVAL;
        var error = ReadPath(thread, pathAddress, out var path);
        if (error != 0)
            return error;
        if (path.Length == 0)
            return -Errno.ENOENT;
        // Below a directory, an absolute path needs that, too.
        var start = (resolve & (FileAbi.RESOLVE_BENEATH | FileAbi.RESOLVE_IN_ROOT | FileAbi.RESOLVE_NO_XDEV)) != 0
            ? thread.Files.StartOf(directory, out error)
            : StartFor(thread, directory, path, out error);
        if (start is null)
            return error;
        var file = thread.Files.Open(thread.FileCaller, start, path, flags, mode, out error, resolve);
        if (file is null)
            return error;
        if (file is TerminalFile terminal && (flags & FileAbi.O_NOCTTY) == 0)
            thread.Process.AcquireTerminal(terminal);
        if (file is PipeEnd { AwaitsOtherEnd: true } end && !AwaitOtherEnd(thread, end))
        {
            file.AddReference();
            file.Release();
            return -Errno.ERESTARTSYS;
        }

        return thread.Files.Descriptors.AddNew(file, (flags & FileAbi.O_CLOEXEC) != 0);
    }

    /// <summary>A FIFO is open when it is at both ends; false when a signal comes first.</summary>
    private static bool AwaitOtherEnd(CvmThread thread, PipeEnd end)
        => end.Waiters.Wait(thread, long.MaxValue, static e => !e.AwaitsOtherEnd, end) == ParkResult.Woken || !end.AwaitsOtherEnd;

    private static DirectoryNode? StartFor(CvmThread thread, long directory, string path, out int error)
    {
        error = 0;
        return path.StartsWith('/') ? thread.Files.FileSystem.Root : thread.Files.StartOf(directory, out error);
    }

    public static int ReadPath(CvmThread thread, long address, out string path)
    {
        path = "";
        Span<byte> buffer = stackalloc byte[FileAbi.PATH_MAX];
        var length = thread.Memory.ReadString(address, buffer);
        if (length < 0)
            return -Errno.EFAULT;
        if (length >= buffer.Length)
            return -Errno.ENAMETOOLONG;
        path = FileSystem.FromBytes(buffer[..length]);
        return 0;
    }

    /// <summary>Walks (directory, path). Call under the gate.</summary>
    public static int Resolve(CvmThread thread, long directory, long pathAddress, bool followLast, bool allowEmpty, out PathResult at)
    {
        at = default;
        var error = ReadPath(thread, pathAddress, out var path);
        return error != 0 ? error : Resolve(thread, thread.FileCaller, directory, path, followLast, allowEmpty, out at);
    }

    private static int Resolve(CvmThread thread, in FileCaller caller, long directory, string path, bool followLast, bool allowEmpty, out PathResult at)
    {
        at = default;
        if (path.Length == 0 && !allowEmpty)
            return -Errno.ENOENT;
        if (path.Length == 0 && (int)directory != FileAbi.AT_FDCWD)
        {
            if (thread.Files.Descriptors[(int)directory] is not { } file)
                return -Errno.EBADF;
            at = new PathResult(thread.Files.FileSystem.Root, ".", file.Inode, false);
            return 0;
        }

        var start = StartFor(thread, directory, path, out var error);
        if (start is null)
            return error;
        return path.Length == 0
            ? thread.Files.FileSystem.Walk(caller, start, ".", followLast, out at)
            : thread.Files.FileSystem.Walk(caller, start, path, followLast, out at);
    }

    internal static int Find(CvmThread thread, long directory, long pathAddress, int flags, out Inode? inode)
    {
        lock (thread.Files.FileSystem.Gate)
        {
            var error = Resolve(thread, directory, pathAddress, (flags & FileAbi.AT_SYMLINK_NOFOLLOW) == 0, (flags & FileAbi.AT_EMPTY_PATH) != 0, out var at);
            inode = at.Inode;
            return error;
        }
    }

    /// <summary>A directory that the caller may search; null with a negated errno if there is none.</summary>
    private static DirectoryNode? FindDirectory(CvmThread thread, long pathAddress, out int error)
    {
        error = Find(thread, FileAbi.AT_FDCWD, pathAddress, 0, out var inode);
        if (error != 0)
            return null;
        var directory = inode as DirectoryNode;
        error = directory?.Check(thread.FileCaller, 1) ?? -Errno.ENOTDIR;
        return error == 0 ? directory : null;
    }

    /// <summary>Makes an entry, of a new file or of <paramref name="linked"/>.</summary>
    private static long Create(
        CvmThread thread, long directory, long pathAddress, bool allowsSlash, Func<FileSystem, PathResult, Inode> make, int bytes = 0, Privilege? needed = null, Inode? linked = null)
    {
        lock (thread.Files.FileSystem.Gate)
        {
            var error = Resolve(thread, directory, pathAddress, followLast: false, allowEmpty: false, out var at);
            if (error == 0)
                return -Errno.EEXIST;
            if (error != -Errno.ENOENT || at.Parent is null)
                return error;
            if (at.HasTrailingSlash && !allowsSlash)
                return -Errno.ENOENT;
            var parent = at.Parent;
            if (parent.Mount == Mount.Proc)
                return -Errno.ENOENT;
            if (linked is not null && linked.FindMount() != parent.Mount)
                return -Errno.EXDEV;
            var credentials = thread.Process.Attributes.Credentials;
            error = credentials.CheckCreate(parent);
            if (error == 0 && needed is { } privilege && !credentials.Has(privilege))
                error = -Errno.EPERM;
            if (error != 0)
                return error;
            if (linked is DirectoryNode)
                return -Errno.EPERM;
            if (linked is { Links: 0 } and not RegularFile { MayBeLinked: true })
                return -Errno.ENOENT;
            Inode? made = null;
            if (!parent.TryLink(at.Name, Make, bytes))
                return -Errno.ENOSPC;
            if (linked is not null)
            {
                linked.Links++;
                if (linked is RegularFile file)
                    file.MayBeLinked = false;
                thread.Files.FileSystem.NoticeSelf(linked, Inotify.IN_ATTRIB);
            }

            thread.Files.FileSystem.NoticeEntry(parent, at.Name, made!, Inotify.IN_CREATE);
            return 0;

            Inode Make()
            {
                made = make(thread.Files.FileSystem, at);
                if (linked is null)
                    credentials.Own(made, parent);
                return made;
            }
        }
    }

    /// <summary>access: with the real ids unless AT_EACCESS says otherwise.</summary>
    private static long Access(CvmThread thread, long directory, long pathAddress, int mode, int flags)
    {
        const int effectiveIds = 0x200;
        if ((mode & ~7) != 0)
            return -Errno.EINVAL;
        var now = thread.Process.Attributes.Credentials;
        var who = (flags & effectiveIds) != 0 ? now : now with
        {
            FileUser = now.Users.Real,
            FileGroup = now.Groups.Real,
            Effective = now.Users.Real == 0 ? now.Permitted : 0,
        };
        var error = ReadPath(thread, pathAddress, out var path);
        if (error != 0)
            return error;
        lock (thread.Files.FileSystem.Gate)
        {
            var caller = thread.FileCaller with { Credentials = who };
            error = Resolve(thread, caller, directory, path, (flags & FileAbi.AT_SYMLINK_NOFOLLOW) == 0, (flags & FileAbi.AT_EMPTY_PATH) != 0, out var at);
            return error != 0 || mode == 0 ? error : at.Inode!.Check(caller, mode);
        }
    }
}
