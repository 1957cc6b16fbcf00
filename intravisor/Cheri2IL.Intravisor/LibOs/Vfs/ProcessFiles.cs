using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Processes;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A process's view of files: tree, working directory, umask, descriptors.</summary>
public sealed class ProcessFiles
{
    private DirectoryNode _workingDirectory;
    private DirectoryNode? _root;

    /// <summary>Those of a first process.</summary>
    public ProcessFiles(FileSystem fileSystem)
        : this(fileSystem, root: null, fileSystem.Root, new DescriptorTable())
    {
    }

    private ProcessFiles(FileSystem fileSystem, DirectoryNode? root, DirectoryNode workingDirectory, DescriptorTable descriptors)
    {
        FileSystem = fileSystem;
        root?.Hold();
        _root = root;
        workingDirectory.Hold();
        _workingDirectory = workingDirectory;
        Descriptors = descriptors;
    }

    /// <summary>The tree.</summary>
    public FileSystem FileSystem { get; }

    /// <summary>Working directory.</summary>
    public DirectoryNode WorkingDirectory
    {
        get => Volatile.Read(ref _workingDirectory);
        set
        {
            value.Hold();
            Interlocked.Exchange(ref _workingDirectory, value).Release();
        }
    }

    /// <summary>Where absolute paths start (chroot); null: at the tree's root.</summary>
    internal DirectoryNode? Root
    {
        get => Volatile.Read(ref _root);
        set
        {
            value!.Hold();
            Interlocked.Exchange(ref _root, value)?.Release();
        }
    }

    /// <summary>Permission bits that creation clears.</summary>
    public int Umask { get; set; } = 0x12;

    /// <summary>Descriptors.</summary>
    public DescriptorTable Descriptors { get; private set; }

    /// <summary>Those of a child.</summary>
    /// <param name="sharesDescriptors">The table is the same, rather than a copy of it (CLONE_FILES).</param>
    public ProcessFiles Fork(bool sharesDescriptors)
        => new(FileSystem, Root, WorkingDirectory, sharesDescriptors ? Descriptors.Hold() : Descriptors.Copy()) { Umask = Umask };

    /// <summary>execve: the table is the process's own from now on, without what is to be closed.</summary>
    public void Execute()
    {
        if (Descriptors.IsShared)
        {
            var shared = Descriptors;
            Descriptors = shared.Copy();
            shared.Release();
        }

        Descriptors.CloseForExecute();
    }

    /// <summary>The process ends.</summary>
    public void Close()
    {
        Descriptors.Release();
        WorkingDirectory.Release();
        Root?.Release();
    }

    /// <summary>The directory that a path relative to <paramref name="descriptor"/> starts at; null with a negated errno.</summary>
    public DirectoryNode? StartOf(long descriptor, out int error)
    {
        error = 0;
        if ((int)descriptor == FileAbi.AT_FDCWD)
            return WorkingDirectory;
        if (Descriptors[(int)descriptor] is not { } file)
            error = -Errno.EBADF;
        else if (file.Inode is DirectoryNode directory)
            return directory;
        else
            error = -Errno.ENOTDIR;
        return null;
    }

    /// <summary>Opens a path (openat, openat2) for a process. Returns the description or a negated errno.</summary>
    internal OpenFile? Open(in FileCaller caller, DirectoryNode start, string path, int flags, int mode, out int error, int resolve = 0)
    {
        const int temporary = FileAbi.O_TMPFILE;
        lock (FileSystem.Gate)
        {
            var makes = (flags & (FileAbi.O_CREAT | temporary)) == FileAbi.O_CREAT;
            var noFollow = (flags & FileAbi.O_NOFOLLOW) != 0 || (makes && (flags & FileAbi.O_EXCL) != 0);
            error = FileSystem.Walk(caller, start, path, !noFollow, out var at, resolve);
            if (error == -Errno.ENOENT && at.Parent is not null && makes)
                return Create(caller.Credentials, at, flags, mode, out error);
            if (error != 0)
                return null;
            var inode = at.Inode!;
            if (makes && (flags & FileAbi.O_EXCL) != 0)
                error = -Errno.EEXIST;
            else if (makes && inode is DirectoryNode)
                error = -Errno.EISDIR;
            else if ((flags & (FileAbi.O_DIRECTORY | temporary)) != 0 && inode is not DirectoryNode)
                error = -Errno.ENOTDIR;
            if (error != 0)
                return null;
            if ((flags & temporary) != 0)
                return CreateTemporary(caller.Credentials, (DirectoryNode)inode, flags, mode, out error);
            if ((flags & FileAbi.O_PATH) == 0)
                error = CheckOpen(caller, inode, flags);
            if (error != 0)
                return null;
            var file = (flags & FileAbi.O_PATH) != 0 ? new PathFile(inode, flags) : inode.OpenFor(caller, flags, out error);
            if (file is not null and not PathFile)
            {
                file.Entry = inode is DirectoryNode ? null : new(at.Parent!, at.Name);
                FileSystem.Notice(file, Inotify.IN_OPEN);
                if ((flags & FileAbi.O_TRUNC) != 0 && inode is RegularFile regular)
                {
                    // Also of one that is opened to be read.
                    error = FileSystem.Upper?.Opening(regular) == false ? -Errno.ENOSPC : regular.RemovePrivileges(caller.Credentials);
                    if (error == 0)
                        error = (int)file.Truncate(0);
                    // With its new time, as one that is open to be written when that is closed.
                    if (error == 0 && !file.CanWrite && FileSystem.Upper?.Changed(regular) == false)
                        error = -Errno.ENOSPC;
                }
            }

            if (error != 0)
            {
                file?.AddReference();
                file?.Release();
                return null;
            }

            if (file is not null)
                file.Path = PathOf(at);
            return file;
        }
    }

    /// <summary>Whether an existing file may be opened so (fs/namei.c, may_open): 0 or a negated errno.</summary>
    private static int CheckOpen(in FileCaller caller, Inode inode, int flags)
    {
        var access = (flags & FileAbi.O_ACCMODE) switch
        {
            FileAbi.O_RDONLY => 4,
            FileAbi.O_WRONLY => 2,
            _ => 6,
        };
        if ((flags & FileAbi.O_TRUNC) != 0)
            access |= 2;
        if (inode is SymbolicLink)
            return -Errno.ELOOP;
        if (inode is DirectoryNode && (access & 2) != 0)
            return -Errno.EISDIR;
        var error = inode.Check(caller, access);
        return error == 0 && (flags & FileAbi.O_NOATIME) != 0 && !caller.Credentials.Owns(inode) ? -Errno.EPERM : error;
    }

    /// <summary>O_TMPFILE: a file without name, which linkat may give one unless O_EXCL forbids it.</summary>
    private OpenFile? CreateTemporary(ProcessCredentials credentials, DirectoryNode directory, int flags, int mode, out int error)
    {
        error = directory.Mount.IsFixed ? -Errno.EOPNOTSUPP : credentials.CheckCreate(directory);
        if (error != 0)
            return null;
        var created = new RegularFile(FileSystem, mode & 0xfff & ~Umask) { Links = 0, MadeIn = directory, MayBeLinked = (flags & FileAbi.O_EXCL) == 0 };
        credentials.Own(created, directory);
        var file = created.Open(flags & ~(FileAbi.O_TMPFILE | FileAbi.O_DIRECTORY), out error);
        if (file is not null)
            file.Path = PathOf(new PathResult(directory, $"#{created.Number} (deleted)", null, false));
        return file;
    }

    private OpenFile? Create(ProcessCredentials credentials, in PathResult at, int flags, int mode, out int error)
    {
        error = at.HasTrailingSlash ? -Errno.EISDIR
            : (flags & FileAbi.O_DIRECTORY) != 0 ? -Errno.EINVAL
            : credentials.CheckCreate(at.Parent, opens: true);
        if (error != 0)
            return null;
        var created = new RegularFile(FileSystem, mode & 0xfff & ~Umask);
        credentials.Own(created, at.Parent);
        if (!at.Parent.TryLink(at.Name, () => created))
        {
            error = -Errno.ENOSPC;
            return null;
        }

        FileSystem.NoticeEntry(at.Parent, at.Name, created, Inotify.IN_CREATE);
        var file = created.Open(flags, out error);
        if (file is not null)
        {
            (file.Path, file.Entry) = (PathOf(at), new(at.Parent, at.Name));
            FileSystem.Notice(file, Inotify.IN_OPEN);
        }

        return file;
    }

    /// <summary>Path of a file, or nothing where that is longer than paths are: open files have it, and nobody pays for it.</summary>
    internal string PathOf(in PathResult at)
    {
        if (at.Inode is DirectoryNode directory)
            return FileSystem.PathOf(directory, Root) ?? "";
        if (at.OpenPath is { } path)
            return path;
        if (FileSystem.PathOf(at.Parent, Root) is not { } parent)
            return "";
        var whole = parent == "/" ? "/" + at.Name : $"{parent}/{at.Name}";
        return whole.Length < FileAbi.PATH_MAX ? whole : "";
    }
}

/// <summary>A descriptor that only names a file (O_PATH).</summary>
public sealed class PathFile(Inode inode, int flags) : OpenFile(inode, flags)
{
    /// <inheritdoc/>
    internal override long Read(ref IoVector to) => -Errno.EBADF;

    /// <inheritdoc/>
    internal override long Write(ref IoVector from) => -Errno.EBADF;
}
