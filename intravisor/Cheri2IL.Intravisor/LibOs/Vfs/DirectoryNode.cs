using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>
/// A directory: a map in memory, filled from the host tree by the name, and as a whole when it is listed, loses an entry or is often looked into.
/// Later changes stay in memory, which is the writable overlay over a read-only root.
/// </summary>
public class DirectoryNode : Inode
{
    /// <summary>Bytes of host memory that a file and its name take, apart from content.</summary>
    private const int EntryBytes = 2048;

    /// <summary>Names that are looked up in the host tree one by one: a program needs a few of a large directory, or it looks for many.</summary>
    private const int MostFound = 16;

    private readonly Dictionary<string, DirectoryEntry> _byName = new(StringComparer.Ordinal);
    private long _lastPlace;
    private HashSet<string>? _hidden;
    private Mount? _mount;
    private IReadOnlyList<string>? _pendingHostPath;
    private Action<DirectoryNode>? _fill;
    private int _found;

    /// <summary>Directories that were linked, and counted, before the host's entries are known.</summary>
    private int _counted;

    /// <summary>Makes an empty directory.</summary>
    /// <param name="fileSystem">Its file system.</param>
    /// <param name="parent">Where ".." leads; null for the root, whose ".." is itself.</param>
    /// <param name="permissions">Permission bits.</param>
    /// <param name="hostPath">Names from the root of the host tree, or null if it has no lower layer.</param>
    public DirectoryNode(FileSystem fileSystem, DirectoryNode? parent, int permissions, IReadOnlyList<string>? hostPath = null)
        : base(fileSystem, FileAbi.S_IFDIR | permissions)
    {
        Parent = parent ?? this;
        Links = 2;
        _pendingHostPath = hostPath;
    }

    /// <summary>Where ".." leads.</summary>
    public DirectoryNode Parent { get; set; }

    /// <summary>The file system that begins here; null: none does. What is in any but the root's is made anew at every start.</summary>
    public Mount? MountedHere { get; set; }

    /// <summary>The file system that it is in. Call under the gate, and when those are known.</summary>
    public Mount Mount
    {
        get
        {
            if (_mount is { } known)
                return known;
            // A loop, for a guest chooses how deep its directories are; and once, for nothing is ever moved from one file system to another.
            var at = this;
            while (at.MountedHere is null && at.Parent != at && at._mount is null)
                at = at.Parent;
            return _mount = at._mount ?? at.MountedHere ?? Mount.Root;
        }
    }

    /// <summary>Whether it is in another file system than the root's. Call as <see cref="Mount"/>.</summary>
    public bool IsVolatile => Mount != Mount.Root;

    /// <inheritdoc/>
    internal override Mount? FindMount() => Mount;

    /// <summary>Has its first entries made when one is looked for, under the gate: most programs never look into all of /proc and /sys.</summary>
    internal void FillLater(Action<DirectoryNode> fill) => _fill = fill;

    /// <summary>Whether it was removed: nothing can be created in it any more.</summary>
    public bool IsRemoved { get; set; }

    /// <inheritdoc/>
    public override long Size => 4096;

    /// <inheritdoc/>
    internal override int LinkCount
    {
        get
        {
            lock (FileSystem.Gate)
            {
                // Directories in it count.
                Load();
                return Links;
            }
        }
    }

    /// <summary>
    /// Entries: those of the host directory in its order, which is what the same program sees outside, then others as they were
    /// created. Call under the gate.
    /// </summary>
    public virtual IEnumerable<NamedInode> Children
    {
        get
        {
            Load();
            return KnownEntries.Select(e => new NamedInode(e.Name, e.Child));
        }
    }

    /// <summary>Entries as far as they have been looked for. Call under the gate.</summary>
    internal IEnumerable<DirectoryEntry> KnownEntries
    {
        get
        {
            List<DirectoryEntry> entries = [.. _byName.Values];
            entries.Sort((a, b) => a.Place.CompareTo(b.Place));
            return entries;
        }
    }

    /// <summary>Names that entries of the layers below have, and whose entries are gone, or have others in their place. Call under the gate.</summary>
    internal IEnumerable<string> HiddenNames => _hidden ?? Enumerable.Empty<string>();

    /// <summary>Whether there are no entries. Not for directories whose entries are computed, which nobody can remove.</summary>
    public bool IsEmpty
    {
        get
        {
            Load();
            return _byName.Count == 0;
        }
    }

    /// <summary>The entry called <paramref name="name"/>, or null.</summary>
    public virtual Inode? Lookup(string name)
    {
        if (_fill is not null || (_pendingHostPath is not null && !_byName.ContainsKey(name) && _found++ == MostFound))
            Load();
        if (_byName.TryGetValue(name, out var known))
            return known.Child;
        if (_pendingHostPath is not { } path || FileSystem.Lower!.Find(path, name) is not { } entry)
            return null;
        var child = FileSystem.NodeOf(entry, this, [.. path, name]);
        Add(name, child, cost: 0, isBase: true);
        return child;
    }

    /// <summary>Adds an entry that the guest makes, and charges it; false when the memory budget is used up.</summary>
    /// <param name="name">Name, which no entry has.</param>
    /// <param name="make">Makes or finds the file.</param>
    /// <param name="bytes">What it takes besides an ordinary entry.</param>
    public bool TryLink(string name, Func<Inode> make, int bytes = 0)
    {
        if (!FileSystem.Charge(EntryBytes + bytes))
            return false;
        var child = make();
        if (FileSystem.Upper?.Linking(this, name, child) == false)
        {
            FileSystem.Release(EntryBytes + bytes);
            return false;
        }

        Link(name, child, EntryBytes + bytes);
        return true;
    }

    /// <summary>Adds an entry that the upper layer has kept.</summary>
    internal void Restore(string name, Inode child)
    {
        FileSystem.Charge(EntryBytes);
        Link(name, child, EntryBytes);
    }

    /// <summary>Adds or replaces an entry.</summary>
    /// <param name="name">Name.</param>
    /// <param name="child">The file.</param>
    /// <param name="cost">Bytes that were charged for it.</param>
    public void Link(string name, Inode child, int cost = 0)
    {
        // A change that is kept says whether it hides an entry of the layers below.
        if (FileSystem.KeepsChanges)
            Load();
        Add(name, child, cost, isBase: !FileSystem.KeepsChanges);
        if (child is DirectoryNode directory)
        {
            directory.Parent = this;
            Links++;
            _counted += _pendingHostPath is not null ? 1 : 0;
        }

        Touch();
    }

    /// <summary>Removes an entry that exists.</summary>
    public void Unlink(string name)
    {
        FileSystem.Upper?.Unlinking(this, name);
        Forget(name);
    }

    /// <summary>Removes an entry that is replaced, or that the upper layer has removed already.</summary>
    internal void Forget(string name)
    {
        FileSystem.Release(Detach(name));
        FileSystem.Unlinked();
    }

    /// <summary>Removes an entry that is to be linked elsewhere; what was charged for it.</summary>
    public int Detach(string name)
    {
        Load();
        var cost = 0;
        if (_byName.Remove(name, out var entry))
        {
            cost = entry.Cost;
            Hide(entry);
            entry.Child.RemoveHome(this, name);
            if (entry.Child is DirectoryNode)
                Links--;
        }

        Touch();
        return cost;
    }

    /// <inheritdoc/>
    private protected override bool IsNameless => IsRemoved;

    /// <summary>Whether entries can be added and removed.</summary>
    public bool IsWritable => !IsRemoved && !Mount.IsFixed;

    /// <inheritdoc/>
    public override OpenFile? Open(int flags, out int error)
    {
        error = 0;
        if ((flags & FileAbi.O_ACCMODE) != FileAbi.O_RDONLY)
        {
            error = -Errno.EISDIR;
            return null;
        }

        return new DirectoryFile(this, flags);
    }

    /// <summary>Adds an entry at the end, or replaces one where it is.</summary>
    private void Add(string name, Inode child, int cost, bool isBase)
    {
        if (_byName.TryGetValue(name, out var replaced))
        {
            Hide(replaced);
            replaced.Child.RemoveHome(this, name);
        }

        _byName[name] = new DirectoryEntry(name, child, (replaced?.Cost ?? 0) + cost, isBase, replaced?.Place ?? ++_lastPlace);

        child.AddHome(this, name);
        if (isBase)
            child.BaseHome ??= child.Home;
    }

    private void Hide(DirectoryEntry entry)
    {
        if (entry.IsBase && FileSystem.KeepsChanges)
            (_hidden ??= new(StringComparer.Ordinal)).Add(entry.Name);
    }

    private void Load()
    {
        if (_pendingHostPath is { } path)
            Load(path);
        if (_fill is not { } fill)
            return;
        _fill = null;
        fill(this);
    }

    private void Load(IReadOnlyList<string> path)
    {
        _pendingHostPath = null;
        Dictionary<string, DirectoryEntry> others = new(_byName, StringComparer.Ordinal);
        foreach (var entry in FileSystem.Lower!.List(path))
        {
            // To its place in the host's order.
            if (others.Remove(entry.Name, out var known))
                _byName[entry.Name] = known with { Place = ++_lastPlace };
            else if (!_byName.ContainsKey(entry.Name))
                Add(entry.Name, FileSystem.NodeOf(entry, this, [.. path, entry.Name]), cost: 0, isBase: true);
        }

        foreach (var entry in others.Values.OrderBy(e => e.Place))
            _byName[entry.Name] = entry with { Place = ++_lastPlace };
        Links += _byName.Values.Count(e => e.Child is DirectoryNode) - _counted;
    }
}

/// <summary>What an entry of a directory is to who lists it.</summary>
/// <remarks>No structure: of those, System.Linq's methods are compiled at run time only.</remarks>
/// <param name="Name">Name.</param>
/// <param name="Inode">The file.</param>
public sealed record NamedInode(string Name, Inode Inode);

/// <summary>An entry of a directory in memory.</summary>
/// <param name="Name">Name.</param>
/// <param name="Child">The file.</param>
/// <param name="Cost">Bytes that were charged for it.</param>
/// <param name="IsBase">Whether it is one of the layers below the changes that are kept.</param>
/// <param name="Place">Entries are listed as the host lists them, then as they were made: ascending.</param>
internal sealed record DirectoryEntry(string Name, Inode Child, int Cost, bool IsBase, long Place);

/// <summary>A directory whose entries are computed at each look: /proc and its like.</summary>
public class ComputedDirectory(FileSystem fileSystem, DirectoryNode parent, Func<DirectoryNode, IEnumerable<NamedInode>> entries)
    : DirectoryNode(fileSystem, parent, 0x16d)
{
    /// <inheritdoc/>
    public override IEnumerable<NamedInode> Children => entries(this);

    /// <inheritdoc/>
    public override Inode? Lookup(string name)
    {
        foreach (var (key, child) in Children)
        {
            if (key == name)
                return child;
        }

        return null;
    }
}

/// <summary>A read-only file whose content is computed when it is opened: /proc and /sys.</summary>
public class ComputedFile(FileSystem fileSystem, Func<byte[]> content) : Inode(fileSystem, FileAbi.S_IFREG | 0x124)
{
    /// <summary>One of text with a character for each byte.</summary>
    public static ComputedFile OfText(FileSystem fileSystem, Func<string> content) => new(fileSystem, () => FileSystem.ToBytes(content()));

    /// <summary>What a directory computes has no entry that is known, and all such directories that have files are in /proc.</summary>
    internal override Mount? FindMount() => base.FindMount() ?? Mount.Proc;

    /// <inheritdoc/>
    public override OpenFile? Open(int flags, out int error)
    {
        error = (flags & FileAbi.O_ACCMODE) == FileAbi.O_RDONLY ? 0 : -Errno.EACCES;
        return error == 0 ? new ComputedOpenFile(this, flags, content()) : null;
    }
}
