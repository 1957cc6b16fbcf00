using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A process's view of files: tree, working directory, umask, descriptors.</summary>
public sealed class ProcessFiles
{
    /// <summary>Those of a first process.</summary>
    public ProcessFiles(FileSystem fileSystem)
        : this(fileSystem, fileSystem.Root, new DescriptorTable())
    {
    }

    private ProcessFiles(FileSystem fileSystem, DirectoryNode workingDirectory, DescriptorTable descriptors)
    {
        FileSystem = fileSystem;
        WorkingDirectory = workingDirectory;
        Descriptors = descriptors;
    }

    /// <summary>The tree.</summary>
    public FileSystem FileSystem { get; }

    /// <summary>Working directory.</summary>
    public DirectoryNode WorkingDirectory { get; set; }

    /// <summary>Permission bits that creation clears.</summary>
    public int Umask { get; set; } = 0x12;

    /// <summary>Descriptors.</summary>
    public DescriptorTable Descriptors { get; private set; }

    /// <summary>Those of a child.</summary>
    /// <param name="sharesDescriptors">The table is the same, rather than a copy of it (CLONE_FILES).</param>
    public ProcessFiles Fork(bool sharesDescriptors)
        => new(FileSystem, WorkingDirectory, sharesDescriptors ? Descriptors.Hold() : Descriptors.Copy()) { Umask = Umask };

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
    public void Close() => Descriptors.Release();

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

    /// <summary>Opens a path (openat) for a process. Returns the description or a negated errno.</summary>
    public OpenFile? Open(int caller, DirectoryNode start, string path, int flags, int mode, out int error)
    {
        lock (FileSystem.Gate)
        {
            var noFollow = (flags & FileAbi.O_NOFOLLOW) != 0 || (flags & (FileAbi.O_CREAT | FileAbi.O_EXCL)) == (FileAbi.O_CREAT | FileAbi.O_EXCL);
            error = FileSystem.Walk(caller, start, path, !noFollow, out var at);
            if (error == -Errno.ENOENT && at.Parent is not null && (flags & FileAbi.O_CREAT) != 0)
                return Create(at, flags, mode, out error);
            if (error != 0)
                return null;
            if ((flags & (FileAbi.O_CREAT | FileAbi.O_EXCL)) == (FileAbi.O_CREAT | FileAbi.O_EXCL))
                error = -Errno.EEXIST;
            else if ((flags & FileAbi.O_DIRECTORY) != 0 && at.Inode is not DirectoryNode)
                error = -Errno.ENOTDIR;
            else if ((flags & FileAbi.O_CREAT) != 0 && at.Inode is DirectoryNode)
                error = -Errno.EISDIR;
            if (error != 0)
                return null;
            var file = (flags & FileAbi.O_PATH) != 0 ? new PathFile(at.Inode!, flags) : at.Inode!.OpenFor(caller, flags, out error);
            if (file is not null && (flags & FileAbi.O_TRUNC) != 0 && at.Inode is RegularFile && file.CanWrite)
                file.Truncate(0);
            if (file is not null)
                file.Path = PathOf(at);
            return file;
        }
    }

    private OpenFile? Create(in PathResult at, int flags, int mode, out int error)
    {
        error = at.HasTrailingSlash ? -Errno.EISDIR
            : (flags & FileAbi.O_DIRECTORY) != 0 ? -Errno.EINVAL
            : !at.Parent.IsWritable ? (at.Parent.IsRemoved ? -Errno.ENOENT : -Errno.EACCES) : 0;
        if (error != 0)
            return null;
        var created = new RegularFile(FileSystem, mode & 0xfff & ~Umask);
        if (!at.Parent.TryLink(at.Name, () => created))
        {
            error = -Errno.ENOSPC;
            return null;
        }

        var file = created.Open(flags, out error);
        if (file is not null)
            file.Path = PathOf(at);
        return file;
    }

    internal string PathOf(in PathResult at)
    {
        if (at.Inode is DirectoryNode directory)
            return FileSystem.PathOf(directory);
        if (at.OpenPath is { } path)
            return path;
        var parent = FileSystem.PathOf(at.Parent);
        return parent == "/" ? "/" + at.Name : $"{parent}/{at.Name}";
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
