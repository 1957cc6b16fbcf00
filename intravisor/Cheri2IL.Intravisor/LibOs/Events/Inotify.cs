using System.Buffers.Binary;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Events;

/// <summary>An inotify instance: watches of files, and what has happened to these, in order (fs/notify/inotify).</summary>
/// <remarks>Thread-safe. What is in the queue is charged to the files of the cVM; what finds no room there, or in the queue, is told of as lost.</remarks>
internal sealed class Inotify(Inode inode, int flags) : OpenFile(inode, flags)
{
    /// <summary>Most events in the queue (fs.inotify.max_queued_events).</summary>
    public const int MostEvents = 16384;

    /// <summary>Most watches of a cVM (fs.inotify.max_user_watches).</summary>
    public const int MostWatches = 65536;

    public const int IN_ACCESS = 1;
    public const int IN_MODIFY = 2;
    public const int IN_ATTRIB = 4;
    public const int IN_CLOSE_WRITE = 8;
    public const int IN_CLOSE_NOWRITE = 0x10;
    public const int IN_OPEN = 0x20;
    public const int IN_MOVED_FROM = 0x40;
    public const int IN_MOVED_TO = 0x80;
    public const int IN_CREATE = 0x100;
    public const int IN_DELETE = 0x200;
    public const int IN_DELETE_SELF = 0x400;
    public const int IN_MOVE_SELF = 0x800;
    public const int IN_Q_OVERFLOW = 0x4000;
    public const int IN_IGNORED = 0x8000;
    public const int IN_ONLYDIR = 0x1000000;
    public const int IN_DONT_FOLLOW = 0x2000000;
    public const int IN_EXCL_UNLINK = 0x4000000;
    public const int IN_MASK_CREATE = 0x10000000;
    public const int IN_MASK_ADD = 0x20000000;
    public const int IN_ISDIR = 0x40000000;
    public const int IN_ONESHOT = unchecked((int)0x80000000);

    /// <summary>Events that can be asked for.</summary>
    public const int AllEvents = 0xfff;

    /// <summary>Bits that a mask may have, one of which it must.</summary>
    public const int AllBits = AllEvents | 0x2000 | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT;

    private const int HeaderBytes = 16;

    /// <summary>Bytes of host memory that an event takes, apart from its name, and those of a watch.</summary>
    private const int EventBytes = 96, WatchBytes = 256;

    private readonly Queue<Event> _queue = [];
    private readonly Dictionary<int, InotifyWatch> _watches = [];
    private FileSystem Files => Inode.FileSystem;
    private Event _last;
    private long _bytes;
    private int _lastWatch;
    private bool _isOverflown;
    private bool _isClosed;

    /// <inheritdoc/>
    internal override WaitQueue Waiters { get; } = new();

    /// <inheritdoc/>
    public override long Available
    {
        get
        {
            lock (Files.NoticeGate)
                return _queue.Sum(e => (long)e.Length);
        }
    }

    /// <summary>Watches a file, or changes the mask of its watch; the descriptor of the watch, or a negated errno. Call under the gate of the files.</summary>
    public int Watch(Inode target, int mask)
    {
        lock (Files.NoticeGate)
        {
            if (target.Watches?.Find(w => w.Owner == this) is { } known)
            {
                if ((mask & IN_MASK_CREATE) != 0)
                    return -Errno.EEXIST;
                known.Mask = (mask & IN_MASK_ADD) != 0 ? known.Mask | mask : mask;
                return known.Descriptor;
            }

            if (Files.WatchCount >= MostWatches || _lastWatch == int.MaxValue || !Files.Charge(WatchBytes))
                return -Errno.ENOSPC;
            Files.WatchCount++;
            var watch = new InotifyWatch(this, target, ++_lastWatch) { Mask = mask };
            _watches.Add(watch.Descriptor, watch);
            (target.Watches ??= []).Add(watch);
            return watch.Descriptor;
        }
    }

    /// <summary>Removes a watch; false if there is none.</summary>
    public bool Remove(int descriptor)
    {
        lock (Files.NoticeGate)
        {
            if (!_watches.TryGetValue(descriptor, out var watch))
                return false;
            Drop(watch);
            return true;
        }
    }

    /// <summary>Something has happened to what a watch watches. Call under the notice gate.</summary>
    public void Tell(InotifyWatch watch, int happened, int cookie, string name)
    {
        if ((watch.Mask & happened & AllEvents) == 0)
            return;
        Enter(new Event(watch.Descriptor, happened, cookie, name));
        if ((watch.Mask & IN_ONESHOT) != 0)
            Drop(watch);
    }

    /// <summary>Forgets a watch, and says so. Call under the notice gate.</summary>
    public void Drop(InotifyWatch watch)
    {
        if (!_watches.Remove(watch.Descriptor))
            return;
        watch.Target.Watches!.Remove(watch);
        if (watch.Target.Watches.Count == 0)
            watch.Target.Watches = null;
        Files.WatchCount--;
        Files.Release(WatchBytes);
        Enter(new Event(watch.Descriptor, IN_IGNORED, 0, ""));
    }

    /// <inheritdoc/>
    internal override long Read(ref IoVector to)
    {
        var done = 0L;
        Span<byte> bytes = stackalloc byte[HeaderBytes + FileAbi.NAME_MAX + 1];
        lock (Files.NoticeGate)
        {
            if (_queue.Count == 0)
                return -Errno.EAGAIN;
            while (_queue.TryPeek(out var next) && next.Length <= to.Left)
            {
                var record = bytes[..next.Length];
                next.Write(record);
                if (!to.TryPut(record))
                    return -Errno.EFAULT;
                done += record.Length;
                _queue.Dequeue();
                Release(next);
            }
        }

        return done > 0 ? done : -Errno.EINVAL;
    }

    /// <inheritdoc/>
    internal override long Write(ref IoVector from) => -Errno.EBADF;

    /// <inheritdoc/>
    public override int Poll()
    {
        lock (Files.NoticeGate)
            return _queue.Count > 0 ? FileAbi.POLLIN : 0;
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        lock (Files.NoticeGate)
        {
            _isClosed = true;
            foreach (var watch in _watches.Values.ToArray())
                Drop(watch);
            _queue.Clear();
            Files.Release(_bytes);
            _bytes = 0;
        }
    }

    private void Enter(in Event next)
    {
        // The same once more is told of once.
        if (_isClosed || (_queue.Count > 0 && _last.IsSameAs(next)))
            return;
        var bytes = EventBytes + (2 * next.Name.Length);
        if (_queue.Count >= MostEvents || !Files.Charge(bytes))
        {
            if (_isOverflown)
                return;
            _isOverflown = true;
            _last = new Event(-1, IN_Q_OVERFLOW, 0, "");
        }
        else
        {
            _bytes += bytes;
            _last = next;
        }

        _queue.Enqueue(_last);
        Waiters.Wake(FileAbi.POLLIN);
    }

    private void Release(in Event gone)
    {
        if (gone.Mask == IN_Q_OVERFLOW)
        {
            _isOverflown = false;
            return;
        }

        var bytes = EventBytes + (2 * gone.Name.Length);
        _bytes -= bytes;
        Files.Release(bytes);
    }

    /// <summary>struct inotify_event.</summary>
    private readonly record struct Event(int Watch, int Mask, int Cookie, string Name)
    {
        /// <summary>Bytes, with the name, its zero, and zeros up to a multiple of 16.</summary>
        public int Length => HeaderBytes + NameLength;

        private int NameLength => Name.Length == 0 ? 0 : (Name.Length + 1 + HeaderBytes - 1) & -HeaderBytes;

        public bool IsSameAs(in Event other) => Watch == other.Watch && Mask == other.Mask && Name == other.Name;

        public void Write(Span<byte> to)
        {
            to.Clear();
            BinaryPrimitives.WriteInt32LittleEndian(to, Watch);
            BinaryPrimitives.WriteInt32LittleEndian(to[4..], Mask);
            BinaryPrimitives.WriteInt32LittleEndian(to[8..], Cookie);
            BinaryPrimitives.WriteInt32LittleEndian(to[12..], NameLength);
            FileSystem.ToBytes(Name).CopyTo(to[HeaderBytes..]);
        }
    }
}

/// <summary>A watch of a file by an inotify instance.</summary>
internal sealed class InotifyWatch(Inotify owner, Inode target, int descriptor)
{
    /// <summary>The instance.</summary>
    public Inotify Owner => owner;

    /// <summary>The file.</summary>
    public Inode Target => target;

    /// <summary>Number in the instance.</summary>
    public int Descriptor => descriptor;

    /// <summary>Events, and flags.</summary>
    public int Mask { get; set; }
}
