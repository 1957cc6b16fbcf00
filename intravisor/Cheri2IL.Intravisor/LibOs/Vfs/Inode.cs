using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Processes;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A file of any type. Names are strings of Latin-1 characters, one per byte, so that any byte sequence is a name.</summary>
/// <remarks>The tree is guarded by <see cref="FileSystem.Gate"/>; file content has locks of its own.</remarks>
public abstract class Inode
{
    /// <summary>Makes an inode with type and permission bits.</summary>
    protected Inode(FileSystem fileSystem, int mode)
    {
        FileSystem = fileSystem;
        Mode = mode;
        Number = fileSystem.NextInode();
        AccessTime = ModifyTime = ChangeTime = fileSystem.Now;
    }

    /// <summary>What attributes take that were set here.</summary>
    private FileCharge? _attributeCharge;

    /// <summary>Open files, those that only name it included, and working directories that it is: with its names, what keeps it.</summary>
    private int _holders;
    private int _fileSystemNumber;
    private FileLocks? _recordLocks;
    private FileLocks? _wholeLocks;

    /// <summary>Entries that lead here besides <see cref="Home"/>, the last one that was made at the end.</summary>
    private List<FileEntry>? _otherHomes;

    /// <summary>The file system it belongs to.</summary>
    public FileSystem FileSystem { get; }

    /// <summary>An entry that leads here; null: none is known, though one may be in a directory of the host tree that nobody has looked into.</summary>
    internal FileEntry? Home { get; private set; }

    /// <summary>The last <see cref="Home"/> that is gone; null: an entry was made since.</summary>
    internal FileEntry? LastHome { get; private set; }

    /// <summary>The first entry of the layers below that led here, even if it is gone; null: it is a change itself.</summary>
    internal FileEntry? BaseHome { get; set; }

    /// <summary>Number in the upper layer; 0: that does not know it.</summary>
    internal long UpperId { get; set; }

    /// <summary>st_ino.</summary>
    public long Number { get; }

    /// <summary>st_mode: type and permissions.</summary>
    public int Mode { get; set; }

    /// <summary>Owner.</summary>
    public virtual int UserId { get; set; }

    /// <summary>Group.</summary>
    public virtual int GroupId { get; set; }

    /// <summary>Names that it has, as far as they are known.</summary>
    public int Links { get; set; } = 1;

    /// <summary>st_nlink.</summary>
    internal virtual int LinkCount => Links;

    /// <summary>Nanoseconds since 1970.</summary>
    public long AccessTime { get; set; }

    /// <summary>Nanoseconds since 1970.</summary>
    public long ModifyTime { get; set; }

    /// <summary>Nanoseconds since 1970.</summary>
    public long ChangeTime { get; set; }

    /// <summary>Who watches it; null: nobody. Under the file system's notice gate.</summary>
    internal List<InotifyWatch>? Watches { get; set; }

    /// <summary>Extended attributes by name; null: none. Under the gate, and never changed in place.</summary>
    internal IReadOnlyDictionary<string, byte[]>? Attributes { get; set; }

    /// <summary>Whether the attributes are not those of the layers below.</summary>
    internal bool HasOwnAttributes { get; private set; }

    /// <summary>Sets an attribute, and charges it; false where there is no room.</summary>
    internal bool TrySetAttribute(string name, byte[] value)
    {
        const int most = 65536;
        var next = new Dictionary<string, byte[]>(Attributes ?? new Dictionary<string, byte[]>(), StringComparer.Ordinal) { [name] = value };
        var bytes = BytesOf(next);
        if (bytes > most || !(_attributeCharge ??= new FileCharge(FileSystem)).Set(bytes))
            return false;
        (Attributes, HasOwnAttributes) = (next, true);
        return true;
    }

    /// <summary>Removes an attribute; false if there is none.</summary>
    internal bool RemoveAttribute(string name)
    {
        if (Attributes?.ContainsKey(name) != true)
            return false;
        var next = Attributes.Where(a => a.Key != name).ToDictionary(StringComparer.Ordinal);
        _attributeCharge?.Set(BytesOf(next));
        (Attributes, HasOwnAttributes) = (next.Count == 0 ? null : next, true);
        return true;
    }

    private static long BytesOf(Dictionary<string, byte[]> attributes) => attributes.Sum(a => a.Key.Length + (long)a.Value.Length);

    /// <summary>An entry leads here from now on. That of a directory is always its only one. Call under the gate.</summary>
    internal void AddHome(DirectoryNode parent, string name)
    {
        if (Home is { } home && this is not DirectoryNode)
            KeepOther(home);
        (Home, LastHome) = (new(parent, name), null);
    }

    private void KeepOther(FileEntry home) => (_otherHomes ??= []).Add(home);

    /// <summary>An entry does not lead here any more. Call under the gate.</summary>
    internal void RemoveHome(DirectoryNode parent, string name)
    {
        var entry = new FileEntry(parent, name);
        if (Home != entry)
        {
            _otherHomes?.Remove(entry);
            return;
        }

        (Home, LastHome) = (null, Home);
        if (_otherHomes is [.., var other])
        {
            Home = other;
            _otherHomes.RemoveAt(_otherHomes.Count - 1);
        }
    }

    /// <summary>Locks of ranges (fcntl).</summary>
    internal FileLocks RecordLocks => _recordLocks ?? Interlocked.CompareExchange(ref _recordLocks, new FileLocks(FileSystem), null) ?? _recordLocks;

    /// <summary>Locks of the file as a whole (flock).</summary>
    internal FileLocks WholeLocks => _wholeLocks ?? Interlocked.CompareExchange(ref _wholeLocks, new FileLocks(FileSystem), null) ?? _wholeLocks;

    /// <summary>st_size.</summary>
    public virtual long Size => 0;

    /// <summary>st_rdev of devices.</summary>
    public virtual long Device => 0;

    /// <summary>Whether anybody may execute it: then root may, too.</summary>
    public bool IsExecutable => (Mode & FileAbi.S_IXUGO) != 0;

    /// <summary>Minor number of st_dev. Found once: nothing is ever moved from one file system to another.</summary>
    internal int FileSystemNumber
    {
        get
        {
            if (_fileSystemNumber == 0)
            {
                lock (FileSystem.Gate)
                    _fileSystemNumber = FindMount()?.Number ?? Mount.NumberWithout(Type);
            }

            return _fileSystemNumber;
        }
    }

    /// <summary>The file system of the tree that it is in; null: it is in no directory, such as a pipe. Call under the gate.</summary>
    internal virtual Mount? FindMount() => (Home ?? LastHome)?.Parent.Mount;

    /// <summary>S_IFMT part of the mode.</summary>
    public int Type => Mode & FileAbi.S_IFMT;

    /// <summary>Makes an open file description; the flags have been validated. Negative errno in <paramref name="error"/> if it cannot be opened.</summary>
    public abstract OpenFile? Open(int flags, out int error);

    /// <summary>Whether somebody may use it so: 0 or -EACCES. <paramref name="wanted"/>: 4: read, 2: write, 1: execute, or search a directory.</summary>
    internal virtual int Check(in FileCaller caller, int wanted) => caller.Credentials.Check(this, wanted);

    /// <summary>The same for a process, where what is opened depends on who does.</summary>
    internal virtual OpenFile? OpenFor(in FileCaller caller, int flags, out int error) => Open(flags, out error);

    /// <summary>A process closed one of its descriptors, or the last descriptor of an open file was closed: its locks go.</summary>
    internal void ReleaseLocks(object owner)
    {
        _recordLocks?.Release(owner);
        if (owner is OpenFile)
            _wholeLocks?.Release(owner);
    }

    /// <summary>One more open file, or working directory, is it.</summary>
    internal Inode Hold()
    {
        Interlocked.Increment(ref _holders);
        return this;
    }

    /// <summary>One less.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
            Unheld();
    }

    /// <summary>A name of it is gone, perhaps the last.</summary>
    internal void Unlinked() => Unheld();

    private void Unheld()
    {
        // In this order: what has no name, and nobody holds, nobody can get hold of again.
        var isNameless = IsNameless;
        if (Volatile.Read(ref _holders) != 0)
            return;
        if (isNameless)
            End();
        else
            Rest();
    }

    /// <summary>Whether its last name is gone.</summary>
    private protected virtual bool IsNameless => Links <= 0;

    /// <summary>Nobody holds it at the moment.</summary>
    private protected virtual void Rest()
    {
    }

    /// <summary>It can be reached no more: what it takes is given back. May be called again.</summary>
    private protected virtual void End()
    {
        _attributeCharge?.Release();
        FileSystem.NoticeGone(this);
    }

    /// <summary>Marks content as changed now.</summary>
    public void Touch() => ModifyTime = ChangeTime = FileSystem.Now;
}

/// <summary>A symbolic link.</summary>
public class SymbolicLink(FileSystem fileSystem, Func<int, int, string> target) : Inode(fileSystem, FileAbi.S_IFLNK | 0x1ff)
{
    /// <summary>A link whose target is computed: one of /proc.</summary>
    public SymbolicLink(FileSystem fileSystem, Func<string> target)
        : this(fileSystem, (_, _) => target())
    {
    }

    /// <summary>A link with a constant target.</summary>
    public SymbolicLink(FileSystem fileSystem, string target)
        : this(fileSystem, (_, _) => target)
    {
    }

    /// <summary>Where it leads.</summary>
    /// <param name="process">Id of the process that asks: /proc/self is another for each.</param>
    /// <param name="thread">Id of its thread that asks: so is /proc/thread-self.</param>
    public string TargetFor(int process, int thread) => target(process, thread);

    /// <summary>Whether somebody may follow it, and read where it leads: 0 or a negated errno.</summary>
    internal virtual int CheckFollow(in FileCaller caller) => 0;

    /// <summary>The open file whose file it leads to, whatever the path says; null: it leads where the path says.</summary>
    internal virtual OpenFile? Referent => null;

    /// <inheritdoc/>
    public override long Size => target(0, 0).Length;

    /// <inheritdoc/>
    public override OpenFile? Open(int flags, out int error)
    {
        error = -Errno.ELOOP;
        return null;
    }
}

/// <summary>A link of /proc/PID: where it leads is for those only who may look into the process (fs/proc/base.c, proc_pid_get_link).</summary>
internal class ProcessLink(FileSystem fileSystem, GuestProcess process, Func<string> target) : SymbolicLink(fileSystem, target)
{
    /// <inheritdoc/>
    public override int UserId => process.Attributes.ShownOwner.User;

    /// <inheritdoc/>
    public override int GroupId => process.Attributes.ShownOwner.Group;

    /// <inheritdoc/>
    internal override Mount? FindMount() => Mount.Proc;

    /// <inheritdoc/>
    internal override int CheckFollow(in FileCaller caller) => caller.MayInspect(process) ? 0 : -Errno.EACCES;
}

/// <summary>An entry of /proc/PID/fd: it leads to the very file of a descriptor, which may have no path (any more).</summary>
internal sealed class DescriptorLink : ProcessLink
{
    private readonly OpenFile _file;

    /// <summary>Makes one.</summary>
    public DescriptorLink(FileSystem fileSystem, GuestProcess process, OpenFile file)
        : base(fileSystem, process, () => file.Name)
    {
        _file = file;
        var isPath = (file.Flags & FileAbi.O_PATH) != 0;
        Mode = FileAbi.S_IFLNK | 0x40 | (isPath || file.CanRead ? 0x100 : 0) | (isPath || file.CanWrite ? 0x80 : 0);
    }

    /// <inheritdoc/>
    internal override OpenFile? Referent => _file;

    /// <inheritdoc/>
    public override long Size => 64;
}

/// <summary>A device, or another file whose behaviour is all in its open file description.</summary>
/// <param name="fileSystem">Its file system.</param>
/// <param name="mode">Type and permission bits.</param>
/// <param name="device">Number of the device.</param>
/// <param name="open">What opens it; null: what opens the devices of that number.</param>
public sealed class DeviceNode(FileSystem fileSystem, int mode, long device, Func<DeviceNode, int, OpenFile?>? open = null) : Inode(fileSystem, mode)
{
    /// <inheritdoc/>
    public override long Device => device;

    /// <inheritdoc/>
    public override OpenFile? Open(int flags, out int error)
    {
        var file = (open ?? FileSystem.OpenDevice)?.Invoke(this, flags);
        error = file is null ? -Errno.ENXIO : 0;
        return file;
    }
}

/// <summary>A named pipe.</summary>
public sealed class FifoNode(FileSystem fileSystem, int mode) : Inode(fileSystem, FileAbi.S_IFIFO | mode)
{
    private readonly Pipe _pipe = new(fileSystem, isNamed: true);

    /// <inheritdoc/>
    public override OpenFile? Open(int flags, out int error)
    {
        error = 0;
        var access = flags & FileAbi.O_ACCMODE;
        if (access == FileAbi.O_WRONLY && (flags & FileAbi.O_NONBLOCK) != 0 && !_pipe.HasReader)
        {
            error = -Errno.ENXIO;
            return null;
        }

        return new PipeEnd(this, flags, _pipe, access != FileAbi.O_WRONLY, access != FileAbi.O_RDONLY);
    }
}

/// <summary>A pipe without name; it can be opened again through /proc/PID/fd.</summary>
public sealed class PipeNode : Inode
{
    /// <summary>Makes a pipe; the caller has charged its capacity.</summary>
    public PipeNode(FileSystem fileSystem)
        : base(fileSystem, FileAbi.S_IFIFO | 0x180) => Pipe = new Pipe(fileSystem, isNamed: false);

    /// <summary>The pipe.</summary>
    public Pipe Pipe { get; }

    /// <inheritdoc/>
    public override OpenFile? Open(int flags, out int error)
    {
        var access = flags & FileAbi.O_ACCMODE;
        var end = new PipeEnd(this, flags, Pipe, access != FileAbi.O_WRONLY, access != FileAbi.O_RDONLY);

        // All its ends may have been closed since it was found.
        error = end.IsOpen ? 0 : -Errno.ENXIO;
        return end.IsOpen ? end : null;
    }
}

/// <summary>An entry of a directory: what a file is called there.</summary>
/// <param name="Parent">The directory.</param>
/// <param name="Name">The name.</param>
internal sealed record FileEntry(DirectoryNode Parent, string Name);
