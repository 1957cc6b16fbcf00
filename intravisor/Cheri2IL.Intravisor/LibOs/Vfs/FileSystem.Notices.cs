using Cheri2IL.Intravisor.LibOs.Events;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <content>Tells inotify instances what happens (include/linux/fsnotify.h). While nothing is watched that is a load and a branch.</content>
public sealed partial class FileSystem
{
    private int _watchCount;
    private int _lastCookie;

    /// <summary>Guards watches, and the queues of inotify instances; taken after <see cref="Gate"/>.</summary>
    internal Lock NoticeGate { get; } = new();

    /// <summary>Watches that there are. Changed under <see cref="NoticeGate"/>.</summary>
    internal int WatchCount
    {
        get => Volatile.Read(ref _watchCount);
        set => Volatile.Write(ref _watchCount, value);
    }

    /// <summary>What happened to an entry of a directory.</summary>
    internal void NoticeEntry(DirectoryNode directory, string name, Inode child, int happened, int cookie = 0)
    {
        if (WatchCount == 0)
            return;
        lock (NoticeGate)
            Tell(directory, happened | KindOf(child), cookie, name);
    }

    /// <summary>What happened to a file, told to those alone that watch it itself.</summary>
    internal void NoticeSelf(Inode inode, int happened)
    {
        if (WatchCount == 0)
            return;
        lock (NoticeGate)
            Tell(inode, happened, 0, "");
    }

    /// <summary>What happened to a file, told to those also that watch its directory.</summary>
    internal void Notice(Inode inode, int happened)
    {
        if (WatchCount != 0)
            Notice(inode, inode.Home, happened, isUnlinked: false);
    }

    /// <summary>What happened to a file through a description: its directory is that by which it was opened.</summary>
    internal void Notice(OpenFile file, int happened)
    {
        if (WatchCount == 0 || !IsWatched(file))
            return;
        lock (Gate)
        {
            var entry = file.Entry ?? file.Inode.Home;
            var isUnlinked = false;
            var latest = file.Inode.LastHome ?? file.Inode.Home;
            if (entry is var (directory, name) && !(directory.Watches is null && latest?.Parent.Watches is null) && directory.Lookup(name) != file.Inode)
            {
                // It has moved, or its name has gone.
                isUnlinked = file.Inode.LastHome is not null;
                entry = latest ?? entry;
            }

            Notice(file.Inode, entry, happened, isUnlinked);
        }
    }

    /// <summary>Whether anybody could be told of what happens to a file, as far as can be seen without the gate, which every read and write would take.</summary>
    private static bool IsWatched(OpenFile file)
    {
        var inode = file.Inode;
        return (inode.Watches ?? file.Entry?.Parent.Watches ?? inode.Home?.Parent.Watches ?? inode.LastHome?.Parent.Watches) is not null;
    }

    /// <summary>A file has moved from one entry to another, in place of a third.</summary>
    internal void NoticeMove(in PathResult from, in PathResult to, Inode moved, Inode? replaced)
    {
        if (WatchCount == 0)
            return;
        var cookie = Interlocked.Increment(ref _lastCookie);
        NoticeEntry(from.Parent, from.Name, moved, Inotify.IN_MOVED_FROM, cookie);
        NoticeEntry(to.Parent, to.Name, moved, Inotify.IN_MOVED_TO, cookie);
        if (replaced is not null)
            NoticeSelf(replaced, Inotify.IN_ATTRIB | KindOf(replaced));
        NoticeSelf(moved, Inotify.IN_MOVE_SELF);
    }

    /// <summary>A file is gone: nobody watches it any more.</summary>
    internal void NoticeGone(Inode inode)
    {
        if (WatchCount == 0)
            return;
        lock (NoticeGate)
        {
            Tell(inode, Inotify.IN_DELETE_SELF, 0, "");
            foreach (var watch in inode.Watches?.ToArray() ?? [])
                watch.Owner.Drop(watch);
        }
    }

    private void Notice(Inode inode, FileEntry? entry, int happened, bool isUnlinked)
    {
        happened |= KindOf(inode);
        lock (NoticeGate)
        {
            if (entry is var (directory, name))
                Tell(directory, happened, 0, name, isUnlinked ? Inotify.IN_EXCL_UNLINK : 0);
            Tell(inode, happened, 0, "");
        }
    }

    private static int KindOf(Inode inode) => inode is DirectoryNode ? Inotify.IN_ISDIR : 0;

    private static void Tell(Inode inode, int happened, int cookie, string name, int unless = 0)
    {
        foreach (var watch in inode.Watches?.ToArray() ?? [])
        {
            if ((watch.Mask & unless) == 0)
                watch.Owner.Tell(watch, happened, cookie, name);
        }
    }
}
