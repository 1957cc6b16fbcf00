using System.Globalization;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Net;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>
/// Keeps what a guest changes in its tree: each change is a record of a journal, which is read again at the next start, and contents are files of the host.
/// </summary>
/// <remarks>
/// Records name nodes by numbers. A node of the layers below gets one when a record first speaks of it: it is then whatever stands under its
/// present name in its present directory, which at the next start it is again when the journal has been read up to there. Each record is a whole
/// change, so that a rename has happened or has not. <see cref="FileSystem.Gate"/> is held where names change.
/// </remarks>
internal sealed class UpperLayer
{
    private readonly IHostUpper _store;
    private readonly FileSystem _files;

    /// <summary>Guards the journal's length, and what follows; taken last.</summary>
    private readonly Lock _journalGate = new();
    private long _journalBytes;

    /// <summary>Bytes of the journal when it was last seen to say no more than it has to.</summary>
    private long _neededBytes;

    /// <summary>Contents that came while a new journal is made; null: none is.</summary>
    private List<long>? _lateContents;
    private long _lastId;
    private bool _isRootChanged;

    /// <summary>Applies what the store has to a tree that has all its layers below.</summary>
    public UpperLayer(IHostUpper store, FileSystem files)
    {
        (_store, _files) = (store, files);
        lock (files.Gate)
        {
            Replay(store.ReadJournal());
            Tidy();
        }
    }

    /// <summary>A directory is about to get an entry; false where there is no room to keep that.</summary>
    public bool Linking(DirectoryNode directory, string name, Inode child)
    {
        if (directory.IsVolatile)
            return true;
        Tidy();
        var parent = IdOf(directory);
        if (child.Home is null)
        {
            // One that was refused for want of room has a number already, under which its content may be.
            if (child.UpperId == 0)
                child.UpperId = ++_lastId;
            if (!Keep(child) || !Describe(child))
                return false;
        }

        return parent >= 0 && IdOf(child) is var id and > 0 && Append(new UpperRecord(UpperOperation.Link, parent, id, name, "", default));
    }

    /// <summary>A directory is about to lose an entry.</summary>
    public void Unlinking(DirectoryNode directory, string name)
    {
        // Making room needs none: each entry is removed once.
        Tidy();
        if (directory.IsVolatile || IdOf(directory, overdraws: true) is not (>= 0 and var id))
            return;
        Remember(directory.Lookup(name));
        Append(new UpperRecord(UpperOperation.Unlink, id, 0, name, "", default), overdraws: true);
    }

    /// <summary>An entry is about to move, or to change places with another; false where there is no room to keep that.</summary>
    public bool Renaming(in PathResult from, in PathResult to, bool isExchange)
    {
        if (from.Parent.IsVolatile)
            return true;
        Tidy();
        return IdOf(from.Parent) is var first and >= 0 && IdOf(to.Parent) is var second and >= 0
            && (isExchange || Remember(to.Inode))
            && Append(new UpperRecord(isExchange ? UpperOperation.Exchange : UpperOperation.Rename, first, second, from.Name, to.Name, default));
    }

    /// <summary>Attributes of a node have changed; false where there is no room to keep that.</summary>
    public bool Changed(Inode inode)
    {
        var isKept = IsChanged(inode);
        Tidy();
        return isKept;
    }

    private bool IsChanged(Inode inode)
    {
        var id = IdOf(inode);
        _isRootChanged |= inode == _files.Root;
        return (id == 0 && inode != _files.Root) || (id >= 0 && Append(UpperRecord.Of(id, inode)));
    }

    /// <summary>Says all that is to be known of a node; false where there is no room for that.</summary>
    private bool Describe(Inode inode)
        => IsChanged(inode) && (inode.Attributes is null || inode.Attributes.All(a => Append(UpperRecord.Of(inode.UpperId, a.Key, a.Value))));

    /// <summary>An extended attribute of a node has changed; null: it is gone.</summary>
    public bool AttributeChanged(Inode inode, string name, byte[]? value)
    {
        var id = IdOf(inode);
        var isKept = (id == 0 && inode != _files.Root) || (id >= 0 && Append(UpperRecord.Of(id, name, value)) && IsChanged(inode));
        Tidy();
        return isKept;
    }

    /// <summary>A file is opened to be written: its content goes into the upper layer when it is. False where there is no room to keep that.</summary>
    public bool Opening(RegularFile file)
    {
        Tidy();
        return IdOf(file) is var id && (id == 0 || (id > 0 && Keep(file)));
    }

    /// <summary>Returns when what was written is on the disk; false where there is no room to keep that.</summary>
    public bool Sync(Inode inode)
    {
        (inode as RegularFile)?.Content.Sync();
        bool isKept;
        lock (_files.Gate)
            isKept = Changed(inode);
        _store.Sync(all: false);
        return isKept;
    }

    /// <summary>Returns when everything is on the disk.</summary>
    public void SyncAll() => _store.Sync(all: true);

    /// <summary>A file is deleted and open nowhere.</summary>
    public void Deleted(RegularFile file)
    {
        if (file.UpperId != 0)
            _store.DeleteContent(file.UpperId);
    }

    /// <summary>
    /// A file is about to lose one of several names. Others may not have been looked for yet, and it gets its number now, while there is a name to tell it
    /// by: it may be open, or be found later. False where there is no room for that.
    /// </summary>
    private bool Remember(Inode? inode) => inode is null or DirectoryNode or { Links: <= 1 } || IdOf(inode, overdraws: true) >= 0;

    /// <summary>Number of a node; 0 for the root, and for what is not kept: what has no name, or one in /proc and its like. -1: there is no room for one.</summary>
    private long IdOf(Inode inode, bool overdraws = false)
    {
        if (inode.UpperId != 0 || inode == _files.Root || inode.Home is not { Parent.IsVolatile: false } home)
            return inode.UpperId;
        var directory = IdOf(home.Parent, overdraws);
        if (directory < 0 || (directory == 0 && home.Parent != _files.Root))
            return directory;
        if (!Append(new UpperRecord(UpperOperation.Import, _lastId + 1, directory, home.Name, "", default), overdraws))
            return -1;
        return inode.UpperId = ++_lastId;
    }

    /// <summary>Opens the content of a file.</summary>
    public BackingFile? OpenContent(long id) => _store.OpenContent(id);

    /// <summary>All of the content of a file is there now; false where there is no room to keep that.</summary>
    public bool HasContent(long id) => Append(new UpperRecord(UpperOperation.Content, id, 0, "", "", default));

    private bool Keep(Inode inode) => inode is not RegularFile file || file.Content.KeepIn(this, inode.UpperId);

    /// <summary>Adds a record; false where the budget of the files, or the host, has no room.</summary>
    private bool Append(in UpperRecord record, bool overdraws = false)
    {
        var bytes = record.ToBytes();
        if (overdraws)
            _files.Release(-bytes.Length);
        else if (!_files.Charge(bytes.Length))
            return false;
        lock (_journalGate)
        {
            if (_store.AppendJournal(bytes))
            {
                _journalBytes += bytes.Length;
                if (record.Operation == UpperOperation.Content)
                    _lateContents?.Add(record.Node);
                return true;
            }
        }

        _files.Release(bytes.Length);
        return false;
    }

    /// <summary>
    /// Replaces a journal that has become long by one that says how things stand. Call under the gate, and where the tree is as the journal has it: not
    /// between a record and the change that it is of.
    /// </summary>
    private void Tidy()
    {
        // Where room is short, what is needed no more is in the way sooner.
        const int shortage = 1 << 16, fewBytes = 1 << 12;
        var most = _store.MostJournal(_neededBytes);
        if (_files.MemoryLimit - _files.MemoryUsed < shortage)
            most = Math.Min(most, Math.Max(fewBytes, 2 * _neededBytes));
        if (Volatile.Read(ref _journalBytes) <= most)
            return;
        lock (_journalGate)
            _lateContents = [];
        var snapshot = new UpperSnapshot(_files, _lastId, _isRootChanged);
        lock (_journalGate)
        {
            foreach (var id in _lateContents)
                snapshot.AddContent(id);
            _lateContents = null;
            var journal = snapshot.Journal;
            if (journal.Length < _journalBytes && _store.ReplaceJournal(journal))
            {
                _lastId = snapshot.Adopt();
                _files.Release(_journalBytes - journal.Length);
                _journalBytes = journal.Length;
            }

            _neededBytes = _journalBytes;
        }
    }

    private void Replay(ReadOnlySpan<byte> journal)
    {
        var nodes = new Dictionary<long, Inode> { [0] = _files.Root };
        var kept = new HashSet<long>();
        var whole = 0;
        while (UpperRecord.Read(journal[whole..], out var record) is > 0 and var length)
        {
            whole += length;
            _lastId = Math.Max(_lastId, Math.Max(record.Node, record.Operation == UpperOperation.Link ? record.Other : 0));
            if (record.Operation == UpperOperation.Content)
                kept.Add(record.Node);
            else
                Apply(record, nodes);
        }

        _files.Release(-whole);
        _journalBytes = whole;
        if (whole < journal.Length)
            _store.TruncateJournal(whole);
        foreach (var (id, inode) in nodes)
        {
            if (id != 0 && inode.Links > 0)
                Keep(inode);
        }

        foreach (var (id, length) in _store.Contents)
        {
            // Else of a file that was deleted while it was open, or whose content had not come whole.
            if (kept.Contains(id) && nodes.TryGetValue(id, out var inode) && inode is RegularFile { Links: > 0 } file)
                file.Content.Restore(length);
            else
                _store.DeleteContent(id);
        }
    }

    /// <summary>A record that speaks of what the layers below do not have any more has no effect.</summary>
    private void Apply(in UpperRecord record, Dictionary<long, Inode> nodes)
    {
        var first = nodes.GetValueOrDefault(record.Node);
        var second = nodes.GetValueOrDefault(record.Other);
        switch (record.Operation)
        {
            case UpperOperation.Import when second is DirectoryNode directory && directory.Lookup(record.Name) is { } found:
                found.UpperId = record.Node;
                nodes[record.Node] = found;
                break;
            case UpperOperation.Node:
                first ??= Make(record);
                record.Attributes.ApplyTo(first);
                _isRootChanged |= first == _files.Root;
                if (record.Other > 0 && first is not DirectoryNode)
                    first.Links = (int)Math.Min(record.Other, int.MaxValue);
                first.UpperId = record.Node;
                nodes[record.Node] = first;
                break;
            case UpperOperation.Attribute:
                first?.TrySetAttribute(record.Name, FileSystem.ToBytes(record.OtherName));
                break;
            case UpperOperation.NoAttribute:
                foreach (var name in record.Name.Length > 0 ? [record.Name] : first?.Attributes?.Keys ?? [])
                    first?.RemoveAttribute(name);
                break;
            case UpperOperation.Link when first is DirectoryNode directory && second is not null:
                if (second is DirectoryNode moved)
                    moved.IsRemoved = false;
                else
                    second.Links++;
                directory.Restore(record.Name, second);
                break;
            case UpperOperation.Unlink when first is DirectoryNode directory:
                Remove(directory, record.Name);
                break;
            case UpperOperation.Rename when first is DirectoryNode from && second is DirectoryNode to && from.Lookup(record.Name) is { } renamed:
                Remove(to, record.OtherName);
                var cost = from.Detach(record.Name);
                to.Link(record.OtherName, renamed, cost);
                break;
            case UpperOperation.Exchange when first is DirectoryNode one && second is DirectoryNode other && one.Lookup(record.Name) is { } a && other.Lookup(record.OtherName) is { } b:
                var (costOfOne, costOfOther) = (one.Detach(record.Name), other.Detach(record.OtherName));
                one.Link(record.Name, b, costOfOther);
                other.Link(record.OtherName, a, costOfOne);
                break;
        }
    }

    private static void Remove(DirectoryNode directory, string name)
    {
        if (directory.Lookup(name) is not { } removed)
            return;
        directory.Forget(name);
        if (removed is DirectoryNode gone)
            gone.IsRemoved = true;
        else
            removed.Links--;
        removed.Unlinked();
    }

    /// <summary>Makes a node, to which the entries follow that it has.</summary>
    private Inode Make(in UpperRecord record)
    {
        var permissions = record.Attributes.Mode & ~FileAbi.S_IFMT;
        Inode made = (record.Attributes.Mode & FileAbi.S_IFMT) switch
        {
            FileAbi.S_IFDIR => new DirectoryNode(_files, null, permissions),
            FileAbi.S_IFLNK => new SymbolicLink(_files, record.Name),
            FileAbi.S_IFIFO => new FifoNode(_files, permissions),
            FileAbi.S_IFCHR or FileAbi.S_IFBLK => new DeviceNode(_files, record.Attributes.Mode, long.TryParse(record.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var device) ? device : 0),
            FileAbi.S_IFSOCK => new SocketNode(_files, permissions, null),
            _ => new RegularFile(_files, permissions),
        };
        if (made is not DirectoryNode)
            made.Links = 0;
        return made;
    }
}
