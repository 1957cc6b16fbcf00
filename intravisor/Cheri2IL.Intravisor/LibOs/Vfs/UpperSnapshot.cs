using System.Buffers;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A journal that says how a tree stands, in as few records as that takes.</summary>
/// <remarks>
/// First it gives a number to what it speaks of in the layers below, by the names that it has there before anything is changed, then it makes what is new.
/// Then all entries go that are gone, or lead elsewhere, and all come that are new or lead elsewhere; so no order of renames is to be found. Attributes
/// are last, for entries change the times of directories.
/// </remarks>
internal sealed class UpperSnapshot
{
    private readonly FileSystem _files;
    private readonly ArrayBufferWriter<byte> _journal = new();

    /// <summary>Numbers of what had none.</summary>
    private readonly Dictionary<Inode, long> _newIds = [];

    /// <summary>What has been imported or made.</summary>
    private readonly HashSet<Inode> _known = [];
    private long _lastId;

    /// <summary>Takes it. Call under the gate.</summary>
    /// <param name="files">The tree.</param>
    /// <param name="lastId">Last number that was given.</param>
    /// <param name="isRootChanged">Whether the root has attributes of its own.</param>
    public UpperSnapshot(FileSystem files, long lastId, bool isRootChanged)
    {
        (_files, _lastId) = (files, lastId);
        var nodes = new HashSet<Inode>();
        var gone = new List<FileEntry>();
        var come = new List<(FileEntry Entry, Inode Child)>();
        Collect(nodes, gone, come);
        foreach (var (directory, _) in gone)
            Import(directory);
        foreach (var ((directory, _), child) in come)
        {
            Import(directory);
            Import(child);
        }

        foreach (var node in nodes)
            Import(node);
        foreach (var node in come.Select(c => c.Child).Concat(nodes).Where(n => n.BaseHome is null && _known.Add(n)))
            Add(UpperRecord.Of(IdOf(node), node));
        foreach (var (directory, name) in gone)
            Add(new UpperRecord(UpperOperation.Unlink, IdOf(directory), 0, name, "", default));
        foreach (var ((directory, name), child) in come)
            Add(new UpperRecord(UpperOperation.Link, IdOf(directory), IdOf(child), name, "", default));
        if (isRootChanged)
            nodes.Add(files.Root);
        foreach (var node in nodes)
            Describe(node);
    }

    /// <summary>The journal.</summary>
    public ReadOnlySpan<byte> Journal => _journal.WrittenSpan;

    /// <summary>The content of a node is in the upper layer, too.</summary>
    public void AddContent(long id) => Add(new UpperRecord(UpperOperation.Content, id, 0, "", "", default));

    /// <summary>This is the journal from now on: gives nodes the numbers that it has for them. Returns the last one.</summary>
    public long Adopt()
    {
        foreach (var (node, id) in _newIds)
            node.UpperId = id;
        return _lastId;
    }

    /// <summary>Looks for all that can be reached and is not as in the layers below. What nobody has looked into is.</summary>
    /// <param name="nodes">Gets the nodes that have numbers.</param>
    /// <param name="gone">Gets entries of the layers below that are gone, or lead elsewhere.</param>
    /// <param name="come">Gets entries that the layers below do not have.</param>
    private void Collect(HashSet<Inode> nodes, List<FileEntry> gone, List<(FileEntry Entry, Inode Child)> come)
    {
        // No recursion: a guest chooses how deep its directories are.
        var pending = new Stack<DirectoryNode>([_files.Root]);
        while (pending.TryPop(out var directory))
        {
            gone.AddRange(directory.HiddenNames.Select(n => new FileEntry(directory, n)));
            foreach (var (name, child, _, isBase, _) in directory.KnownEntries)
            {
                if (child is DirectoryNode { MountedHere: not null })
                    continue;
                if (!isBase)
                    come.Add((new FileEntry(directory, name), child));
                if (child.UpperId != 0)
                    nodes.Add(child);
                if (child is DirectoryNode next)
                    pending.Push(next);
            }
        }

        // Of these, a name may be left where nobody has looked.
        foreach (var file in _files.LowerLinks)
        {
            if (file is { UpperId: not 0, Links: > 0 })
                nodes.Add(file);
        }
    }

    private long IdOf(Inode inode)
    {
        if (inode.UpperId != 0 || inode == _files.Root)
            return inode.UpperId;
        if (!_newIds.TryGetValue(inode, out var id))
            _newIds.Add(inode, id = ++_lastId);
        return id;
    }

    /// <summary>Numbers a node of the layers below, after the directories that it is in there.</summary>
    private void Import(Inode inode)
    {
        var path = new Stack<Inode>();
        for (var at = inode; at != _files.Root && at.BaseHome is { } home && _known.Add(at); at = home.Parent)
            path.Push(at);
        while (path.TryPop(out var node))
            Add(new UpperRecord(UpperOperation.Import, IdOf(node), IdOf(node.BaseHome!.Parent), node.BaseHome.Name, "", default));
    }

    private void Describe(Inode node)
    {
        var id = IdOf(node);
        var isBase = node.BaseHome is not null || node == _files.Root;
        // Other names of a file of the layers below may have gone with their directories.
        if (isBase || node is DirectoryNode)
            Add(UpperRecord.Of(id, node, isBase && node is not DirectoryNode ? node.Links : 0));
        if (node.HasOwnAttributes)
        {
            if (isBase)
                Add(UpperRecord.Of(id, "", value: null));
            foreach (var (name, value) in node.Attributes ?? new Dictionary<string, byte[]>())
                Add(UpperRecord.Of(id, name, value));
        }

        if (node is RegularFile { IsKept: true })
            AddContent(id);
    }

    private void Add(in UpperRecord record) => _journal.Write(record.ToBytes());
}
