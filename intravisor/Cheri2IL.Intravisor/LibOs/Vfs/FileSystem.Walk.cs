using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <content>Paths (path_resolution(7); fs/namei.c).</content>
public sealed partial class FileSystem
{
    /// <summary>Walks a path as the Intravisor, which may everything, in the place of a process. Call under <see cref="Gate"/>.</summary>
    public int Walk(int process, DirectoryNode start, string path, bool followLast, out PathResult result)
        => Walk(FileCaller.Host(process), start, path, followLast, out result);

    /// <summary>Walks a path as the kernel does. Call under <see cref="Gate"/>.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="start">Directory that relative paths start at.</param>
    /// <param name="path">Latin-1 characters, without the terminating zero.</param>
    /// <param name="followLast">Whether a symbolic link at the end is followed; a trailing slash always follows.</param>
    /// <param name="result">Where it leads.</param>
    /// <param name="resolve">RESOLVE_ flags of openat2.</param>
    /// <returns>0 or a negated errno. ENOENT with <see cref="PathResult.Parent"/> set when only the last name is missing.</returns>
    internal int Walk(in FileCaller caller, DirectoryNode start, string path, bool followLast, out PathResult result, int resolve = 0)
    {
        var walk = new PathWalk(caller, resolve, (resolve & (FileAbi.RESOLVE_BENEATH | FileAbi.RESOLVE_IN_ROOT)) != 0 ? start : caller.Root ?? Root);
        return Walk(ref walk, start, path, followLast, out result);
    }

    private static int Walk(ref PathWalk walk, DirectoryNode start, string path, bool followLast, out PathResult result)
    {
        result = default;
        if (path.Length == 0)
            return -Errno.ENOENT;
        if (path.Length >= FileAbi.PATH_MAX)
            return -Errno.ENAMETOOLONG;
        if (path[0] == '/' && walk.CheckJump(start) is var jump and not 0)
            return jump;
        var at = path[0] == '/' ? walk.Root : start;
        var names = NamesOf(path);
        var trailing = path[^1] == '/';
        if (names.Length == 0)
        {
            result = new PathResult(at, ".", at, trailing);
            return 0;
        }

        for (var k = 0; k < names.Length; k++)
        {
            var name = names[k];
            var isLast = k == names.Length - 1;
            var error = at.Check(walk.Caller, 1);
            if (error != 0)
                return error;
            if (name.Length > FileAbi.NAME_MAX)
                return -Errno.ENAMETOOLONG;
            if (name == ".." && at == walk.Root && (walk.Resolve & FileAbi.RESOLVE_BENEATH) != 0)
                return -Errno.EXDEV;
            Inode? child = name switch
            {
                "." => at,
                ".." => at == walk.Root ? at : at.Parent,
                _ => at.Lookup(name),
            };
            if (child is SymbolicLink link && (!isLast || followLast || trailing))
            {
                if ((walk.Resolve & FileAbi.RESOLVE_NO_SYMLINKS) != 0 || ++walk.Links > MaxSymbolicLinks)
                    return -Errno.ELOOP;
                error = link.CheckFollow(walk.Caller);
                if (error != 0)
                    return error;
                if (link.Referent is { } file)
                {
                    if ((walk.Resolve & FileAbi.RESOLVE_NO_MAGICLINKS) != 0)
                        return -Errno.ELOOP;
                    if ((walk.Resolve & (FileAbi.RESOLVE_BENEATH | FileAbi.RESOLVE_IN_ROOT)) != 0)
                        return -Errno.EXDEV;
                    child = file.Inode;
                    if (!isLast)
                    {
                        if (child is not DirectoryNode)
                            return -Errno.ENOTDIR;
                        at = (DirectoryNode)child;
                        continue;
                    }

                    result = new PathResult(at, name, child, trailing) { OpenPath = file.Path };
                    return trailing && child is not DirectoryNode ? -Errno.ENOTDIR : 0;
                }

                error = Walk(ref walk, at, link.TargetFor(walk.Caller.Process, walk.Caller.Thread), followLast: true, out var target);
                if (isLast)
                {
                    result = target with { HasTrailingSlash = trailing || target.HasTrailingSlash };
                    return error == 0 && trailing && target.Inode is not DirectoryNode ? -Errno.ENOTDIR : error;
                }

                if (error != 0)
                {
                    result = default;
                    return error;
                }

                child = target.Inode;
            }
            else if (child is DirectoryNode next && walk.CheckMount(at, next) is var mount and not 0)
            {
                return mount;
            }

            if (isLast)
            {
                result = new PathResult(at, name, child, trailing);
                if (child is null)
                    return -Errno.ENOENT;
                return trailing && child is not DirectoryNode ? -Errno.ENOTDIR : 0;
            }

            if (child is null)
                return -Errno.ENOENT;
            if (child is not DirectoryNode directory)
                return -Errno.ENOTDIR;
            at = directory;
        }

        return -Errno.ENOENT;
    }

    /// <summary>One walk, with the links in it.</summary>
    private struct PathWalk(FileCaller caller, int resolve, DirectoryNode root)
    {
        /// <summary>Who asks.</summary>
        public FileCaller Caller { get; } = caller;

        /// <summary>RESOLVE_ flags.</summary>
        public int Resolve { get; } = resolve;

        /// <summary>What it cannot leave.</summary>
        public DirectoryNode Root { get; } = root;

        /// <summary>Symbolic links so far.</summary>
        public int Links { get; set; }

        /// <summary>Whether an absolute path, or link, may be followed: 0 or a negated errno.</summary>
        public readonly int CheckJump(DirectoryNode from)
            => (Resolve & FileAbi.RESOLVE_BENEATH) != 0 ? -Errno.EXDEV : CheckMount(from, Root);

        /// <summary>Whether one may go from one directory to another, which may be another file system.</summary>
        public readonly int CheckMount(DirectoryNode from, DirectoryNode to)
            => (Resolve & FileAbi.RESOLVE_NO_XDEV) != 0 && from.Mount != to.Mount ? -Errno.EXDEV : 0;
    }
}
