using System.Text;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Net;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>The file tree of one cVM: a root (empty, or over a read-only host tree), /dev, /proc and /tmp.</summary>
/// <remarks>Nothing is shared between cVMs. The tree is guarded by <see cref="Gate"/>.</remarks>
public sealed partial class FileSystem
{
    private const int MaxSymbolicLinks = 40;

    /// <summary>Most files at a time whose pages mappings share.</summary>
    private const int MostBackingFiles = 512;

    /// <summary>Nanoseconds between collections that the guest brings about.</summary>
    private const ulong CollectionInterval = 1_000_000_000;

    /// <summary>Files of the host tree that have several names.</summary>
    private Dictionary<object, Inode> NodesOfLinks => field ??= new(ReferenceEqualityComparer.Instance);
    private readonly Func<long> _clock;
    private readonly long _memoryLimit;
    private long _memory;
    private long _inodes;
    private long _collectedAt;
    private int _unlinked;
    private int _backingFiles;

    /// <summary>Makes the tree.</summary>
    /// <param name="clock">Nanoseconds since 1970.</param>
    /// <param name="lower">Read-only host tree below the root; null for an empty root.</param>
    /// <param name="memoryLimit">Bytes that file contents may take.</param>
    public FileSystem(Func<long> clock, IHostTree? lower, long memoryLimit)
    {
        _clock = clock;
        _memoryLimit = memoryLimit;
        Lower = lower;
        Root = new DirectoryNode(this, null, 0x1ed, lower is null ? null : []);
        if (lower?.Root is { } root)
            Describe(Root, root);
    }

    /// <summary>Guards the tree's shape.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Taken while an epoll instance begins or stops to watch a file.</summary>
    internal Lock EpollGate { get; } = new();

    /// <summary>Guards the locks of all files.</summary>
    internal Lock LockGate { get; } = new();

    /// <summary>Locks that are waited for. Hold <see cref="LockGate"/>.</summary>
    internal List<LockWait> LockWaits => field ??= [];

    /// <summary>What keeps changes of the tree; null: nothing does.</summary>
    internal UpperLayer? Upper { get; private set; }

    /// <summary>The root directory.</summary>
    public DirectoryNode Root { get; }

    /// <summary>Host tree below the root.</summary>
    public IHostTree? Lower { get; }

    /// <summary>Opens the device that a node has the number of; null: there is no such device.</summary>
    internal Func<DeviceNode, int, OpenFile?>? OpenDevice { get; set; }

    /// <summary>Nanoseconds since 1970.</summary>
    public long Now => _clock();

    /// <summary>Bytes that file contents take.</summary>
    public long MemoryUsed => Volatile.Read(ref _memory);

    /// <summary>Bytes that they may take.</summary>
    public long MemoryLimit => _memoryLimit;

    /// <summary>Applies what was kept to the tree, which has all its other layers, and keeps its changes from now on.</summary>
    internal void KeepIn(IHostUpper store)
    {
        KeepsChanges = true;
        Upper = new UpperLayer(store, this);
    }

    /// <summary>Whether entries that are made are changes to be kept, and no part of the layers below.</summary>
    internal bool KeepsChanges { get; private set; }

    /// <summary>Files of the host tree that have several names, of which one has been seen. Call under <see cref="Gate"/>.</summary>
    internal IEnumerable<Inode> LowerLinks => NodesOfLinks.Values;

    /// <summary>A file of the host tree. One that has several names is one file. Call under <see cref="Gate"/>.</summary>
    internal Inode NodeOf(HostEntry entry, DirectoryNode parent, string[] path)
    {
        if (entry.Identity is { } identity && NodesOfLinks.TryGetValue(identity, out var known))
            return known;
        Inode node = entry.Kind switch
        {
            HostEntryKind.Directory => new DirectoryNode(this, parent, entry.Mode, path),
            HostEntryKind.SymbolicLink => new SymbolicLink(this, entry.LinkTarget!),
            HostEntryKind.CharacterDevice => new DeviceNode(this, FileAbi.S_IFCHR | entry.Mode, entry.Device),
            HostEntryKind.BlockDevice => new DeviceNode(this, FileAbi.S_IFBLK | entry.Mode, entry.Device),
            HostEntryKind.Fifo => new FifoNode(this, entry.Mode),
            HostEntryKind.Socket => new SocketNode(this, entry.Mode, null),
            _ => new RegularFile(this, entry.Mode, () => Lower!.Open(path)),
        };
        Describe(node, entry);
        if (entry.Identity is not null && node is not DirectoryNode)
        {
            node.Links = entry.Links;
            NodesOfLinks.Add(entry.Identity, node);
        }

        return node;
    }

    private static void Describe(Inode node, HostEntry entry)
    {
        node.Mode = node.Type | entry.Mode;
        (node.UserId, node.GroupId) = (entry.UserId, entry.GroupId);
        node.ModifyTime = node.ChangeTime = node.AccessTime = entry.ModifyTime;
        node.Attributes = entry.Attributes;
    }

    /// <summary>A new inode number.</summary>
    public long NextInode() => Interlocked.Increment(ref _inodes);

    /// <summary>Takes memory from the budget; false if it is used up.</summary>
    public bool Charge(long bytes)
    {
        if (TryCharge(bytes))
            return true;

        // What mappings share of files without name is given back when the collector has found out that nobody has them (BackingFile).
        return Interlocked.Exchange(ref _unlinked, 0) != 0 && TryCollect() && TryCharge(bytes);
    }

    /// <summary>A file has lost a name, or is given up without one: there may be something to collect.</summary>
    public void Unlinked() => Interlocked.Exchange(ref _unlinked, 1);

    /// <summary>Collects what nobody has any more, unless that was done a moment ago: it stops every cVM, and guests bring it about.</summary>
    private bool TryCollect()
    {
        var (now, last) = (Now, Volatile.Read(ref _collectedAt));
        if ((ulong)(now - last) < CollectionInterval || Interlocked.CompareExchange(ref _collectedAt, now, last) != last)
            return false;
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return true;
    }

    private bool TryCharge(long bytes)
    {
        // What a guest asks for may be anything; the sum must not overflow.
        if (bytes > _memoryLimit)
            return false;
        if (Interlocked.Add(ref _memory, bytes) <= _memoryLimit)
            return true;
        Release(bytes);
        return false;
    }

    /// <summary>
    /// A host file for content that mappings share; null where the host, or what one cVM may have of it, has no more. Each takes a descriptor of the host.
    /// </summary>
    internal BackingFile? NewBackingFile(Action closed)
    {
        // Those that nothing maps any more are found out by the collector alone.
        if (Volatile.Read(ref _backingFiles) >= MostBackingFiles)
            TryCollect();

        if (Interlocked.Increment(ref _backingFiles) <= MostBackingFiles)
        {
            try
            {
                return new BackingFile(() =>
                {
                    Interlocked.Decrement(ref _backingFiles);
                    closed();
                });
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // The host has no descriptors left.
            }
        }

        Interlocked.Decrement(ref _backingFiles);
        return null;
    }

    /// <summary>Gives memory back.</summary>
    public void Release(long bytes) => Interlocked.Add(ref _memory, -bytes);

    /// <summary>The directory at an absolute path, made where it is missing; replaces what is no directory.</summary>
    public DirectoryNode MakeDirectory(string path, int permissions = 0x1ed) => MakeDirectory(Root, path, permissions);

    /// <summary>The directory at a path from another one, with those that are missing on the way.</summary>
    internal DirectoryNode MakeDirectory(DirectoryNode from, string path, int permissions = 0x1ed)
    {
        lock (Gate)
        {
            var at = from;
            foreach (var name in NamesOf(path))
            {
                if (at.Lookup(name) is not DirectoryNode next)
                {
                    next = new DirectoryNode(this, at, permissions);
                    at.Link(name, next);
                }

                at = next;
            }

            return at;
        }
    }

    /// <summary>
    /// Absolute path of a directory below a root (null: the tree's), "(unreachable)" for a removed one, or null where it is longer than paths are. Call under
    /// <see cref="Gate"/>.
    /// </summary>
    public string? PathOf(DirectoryNode directory, DirectoryNode? root = null)
    {
        var names = new List<string>();
        var length = 0;
        var start = "/";
        for (var at = directory; at != (root ?? Root); at = at.Parent)
        {
            // It is not below that root: fs/d_path.c, prepend_unreachable.
            if (at == Root)
            {
                start = "(unreachable)/";
                break;
            }

            var name = at.Home is { } home && home.Parent == at.Parent ? home.Name : NameIn(at.Parent, at);
            if (at.IsRemoved || name is null)
                return "(unreachable)";
            length += 1 + name.Length;
            if (length >= FileAbi.PATH_MAX)
                return null;
            names.Add(name);
        }

        names.Reverse();
        return start + string.Join('/', names);

        static string? NameIn(DirectoryNode parent, DirectoryNode child)
        {
            foreach (var entry in parent.Children)
            {
                if (entry.Inode == child)
                    return entry.Name;
            }

            return null;
        }
    }

    /// <summary>Text of the host as such a name: a character for each byte of its UTF-8.</summary>
    public static string FromText(string text) => FromBytes(PlainText.ToBytes(text));

    /// <summary>The names in a path, without what is empty between slashes.</summary>
    public static string[] NamesOf(string path)
    {
        // Without searches (see PlainText).
        var count = 0;
        for (var k = 0; k < path.Length; k++)
        {
            if (path[k] != '/' && (k == 0 || path[k - 1] == '/'))
                count++;
        }

        var names = new string[count];
        for (var (at, k) = (0, 0); k < count; k++)
        {
            while (path[at] == '/')
                at++;
            var start = at;
            while (at < path.Length && path[at] != '/')
                at++;
            names[k] = path[start..at];
        }

        return names;
    }

    /// <summary>What stands behind the last slash of a path.</summary>
    public static string LastPart(string path)
    {
        // Without searches (see PlainText).
        var start = path.Length;
        while (start > 0 && path[start - 1] != '/')
            start--;
        return path[start..];
    }

    /// <summary>Bytes of a name as the guest passes them, to text with a character for each.</summary>
    public static string FromBytes(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);

    /// <summary>The bytes of such text.</summary>
    public static byte[] ToBytes(string text)
    {
        var bytes = new byte[text.Length];
        for (var k = 0; k < bytes.Length; k++)
            bytes[k] = (byte)text[k];
        return bytes;
    }
}

/// <summary>Where a path leads.</summary>
/// <param name="Parent">Directory of the last name.</param>
/// <param name="Name">Last name; "." or ".." possibly.</param>
/// <param name="Inode">The file, or null if it is missing.</param>
/// <param name="HasTrailingSlash">The path ends with a slash: only a directory will do.</param>
public readonly record struct PathResult(DirectoryNode Parent, string Name, Inode? Inode, bool HasTrailingSlash)
{
    /// <summary>The path by which the file was opened that a descriptor's link in /proc led to; null: it was found by its names.</summary>
    public string? OpenPath { get; init; }
}
