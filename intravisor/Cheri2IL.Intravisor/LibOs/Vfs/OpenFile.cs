using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Terminals;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>
/// An open file description: what descriptors that were duplicated share. Results are byte counts or negated errno values.
/// </summary>
public abstract class OpenFile(Inode inode, int flags)
{
    private const string Deleted = " (deleted)";

    private int _references;
    private List<EpollItem>? _watchers;
    private FileOwner? _owner;

    /// <summary>The file.</summary>
    public Inode Inode { get; } = inode.Hold();

    /// <summary>Access mode and status flags (O_APPEND, O_NONBLOCK...).</summary>
    public int Flags { get; set; } = flags & ~(FileAbi.O_CREAT | FileAbi.O_EXCL | FileAbi.O_TRUNC | FileAbi.O_CLOEXEC | FileAbi.O_NOCTTY);

    /// <summary>Absolute path by which it was opened, for /proc/self/fd; empty: it is longer than paths are.</summary>
    public string Path { get; set; } = "";

    /// <summary>The entry by which it was opened; null: that of its file.</summary>
    internal FileEntry? Entry { get; set; }

    /// <summary>What /proc/PID/fd shows: the path, and whether it is gone.</summary>
    internal string Name => Inode is RegularFile or TerminalNode && Inode.Links == 0 && Path.Length > 0 && !Path.EndsWith(Deleted, StringComparison.Ordinal) ? Path + Deleted : Path;

    /// <summary>Whether reads are allowed.</summary>
    public bool CanRead => (Flags & FileAbi.O_PATH) == 0 && (Flags & FileAbi.O_ACCMODE) != FileAbi.O_WRONLY;

    /// <summary>Whether writes are allowed.</summary>
    public bool CanWrite => (Flags & FileAbi.O_PATH) == 0 && (Flags & FileAbi.O_ACCMODE) != FileAbi.O_RDONLY;

    /// <summary>Whether calls return EAGAIN rather than wait.</summary>
    public bool IsNonBlocking => (Flags & FileAbi.O_NONBLOCK) != 0;

    /// <summary>Whether it has a position (lseek, pread).</summary>
    public virtual bool IsSeekable => false;

    /// <summary>Reads at the position and moves it; never waits: -EAGAIN then.</summary>
    internal virtual long Read(ref IoVector to) => -Errno.EINVAL;

    /// <summary>
    /// Writes at the position (or the end, O_APPEND) and moves it; never waits. A stream takes what there is room for, -EAGAIN if that is nothing.
    /// </summary>
    internal virtual long Write(ref IoVector from) => -Errno.EINVAL;

    /// <summary>Reads at an offset.</summary>
    internal virtual long ReadAt(long offset, ref IoVector to) => -Errno.ESPIPE;

    /// <summary>Writes at an offset.</summary>
    internal virtual long WriteAt(long offset, ref IoVector from) => -Errno.ESPIPE;

    /// <summary>lseek.</summary>
    public virtual long Seek(long offset, int whence) => -Errno.ESPIPE;

    /// <summary>ftruncate.</summary>
    public virtual long Truncate(long length) => -Errno.EINVAL;

    /// <summary>
    /// POLL* events that hold now. Where a read or write would say -EAGAIN, POLLIN or POLLOUT is missing, so that who waits for it sleeps.
    /// </summary>
    public virtual int Poll() => FileAbi.POLLIN | FileAbi.POLLOUT;

    /// <summary>Bytes that a write would take now.</summary>
    internal virtual int Room => int.MaxValue;

    /// <summary>Nanoseconds that a read waits at most (SO_RCVTIMEO); 0: no limit.</summary>
    internal virtual long ReadTimeout => 0;

    /// <summary>Nanoseconds that a write waits at most (SO_SNDTIMEO); 0: no limit.</summary>
    internal virtual long WriteTimeout => 0;

    /// <summary>Where one waits for <see cref="Poll"/> to change; null: it never does, and epoll does not take the file.</summary>
    internal virtual WaitQueue? Waiters => null;

    /// <summary>As <see cref="Read"/>, where what there is to read depends on who does.</summary>
    internal virtual long ReadFor(CvmThread thread, ref IoVector to) => Read(ref to);

    /// <summary>As <see cref="Poll"/>, likewise.</summary>
    internal virtual int PollFor(CvmThread thread) => Poll();

    /// <summary>As <see cref="Waiters"/>, likewise.</summary>
    internal virtual WaitQueue? WaitersFor(CvmThread thread) => Waiters;

    /// <summary>Events of which a signal tells (O_ASYNC); 0: it sends none.</summary>
    internal virtual int SignalEvents => 0;

    /// <summary>Whom such signals go to.</summary>
    internal FileOwner Owner => _owner ?? Interlocked.CompareExchange(ref _owner, new FileOwner(this), null) ?? _owner;

    /// <summary>Urgent data has come: its owner is told, if it has one.</summary>
    internal void TellUrgent() => _owner?.TellUrgent();

    /// <summary>When <see cref="Poll"/> changes by itself next, in monotonic nanoseconds; <see cref="long.MaxValue"/>: never.</summary>
    internal virtual long ChangesAt => long.MaxValue;

    /// <summary>Whether <see cref="ChangesAt"/> can be anything else than never.</summary>
    internal virtual bool IsTimed => false;

    /// <summary>Terminal size if it is one.</summary>
    public virtual bool IsTerminal(out int columns, out int rows)
    {
        columns = rows = 0;
        return false;
    }

    /// <summary>Bytes that can be read at once (FIONREAD), or a negated errno.</summary>
    public virtual long Available => -Errno.ENOTTY;

    /// <summary>Counts a descriptor more.</summary>
    public void AddReference() => Interlocked.Increment(ref _references);

    /// <summary>Counts a descriptor less; the last one closes.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) != 0)
            return;
        foreach (var item in TakeWatchers())
            item.Epoll.Drop(item);
        _owner?.Stop();
        if (this is not PathFile)
            Inode.FileSystem.Notice(this, CanWrite ? Inotify.IN_CLOSE_WRITE : Inotify.IN_CLOSE_NOWRITE);
        Inode.ReleaseLocks(this);
        Close();
        Inode.Release();
    }

    /// <summary>An epoll instance watches it, until it is closed.</summary>
    internal void Watch(EpollItem item)
    {
        var watchers = _watchers ?? Interlocked.CompareExchange(ref _watchers, [], null) ?? _watchers;
        lock (watchers)
            watchers.Add(item);
    }

    /// <summary>It does not any more.</summary>
    internal void Unwatch(EpollItem item)
    {
        if (_watchers is not { } watchers)
            return;
        lock (watchers)
            watchers.Remove(item);
    }

    private EpollItem[] TakeWatchers()
    {
        if (_watchers is not { } watchers)
            return [];
        lock (watchers)
        {
            EpollItem[] taken = [.. watchers];
            watchers.Clear();
            return taken;
        }
    }

    /// <summary>The last descriptor went.</summary>
    protected virtual void Close()
    {
    }
}
