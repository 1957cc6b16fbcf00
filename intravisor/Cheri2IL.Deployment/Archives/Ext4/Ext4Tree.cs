using System.Text;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;

namespace Cheri2IL.Deployment.Archives.Ext4;

/// <summary>The file tree of an ext4 file system (or ext2, ext3) in a file, read in place and never written.</summary>
/// <remarks>
/// Thread-safe. All of its metadata is read, and compared with its checksums, once for a file that stays the same. After that, what cannot be read is empty to
/// the guest. The file must not change while it is used.
/// </remarks>
internal sealed class Ext4Tree : IHostTree
{
    /// <summary>Most files that a tree may have.</summary>
    private const int MostFiles = 1_000_000;

    /// <summary>How many files at most may share a block on the average, where they may: what bounds the time that reading takes.</summary>
    private const int MostShared = 64;

    private readonly Lock _gate = new();
    private readonly Ext4Image _image;
    private readonly Node _root;
    private readonly HashSet<uint> _directories = [Ext4Image.RootInode];

    /// <summary>Files with several names, as under the first of them.</summary>
    private readonly Dictionary<uint, HostEntry> _links = [];
    private int _count;
    private long _blocks;

    private Ext4Tree(ImageFile file)
    {
        _image = new Ext4Image(file);
        _root = NodeOf("", Ext4Image.RootInode);
        if (_root.Entry.Kind != HostEntryKind.Directory)
            throw _image.Problem("its root is no directory");
    }

    /// <inheritdoc/>
    public HostEntry Root => _root.Entry;

    /// <summary>Whether a file looks like a file system of this kind.</summary>
    public static bool IsImage(ImageFile file) => Ext4Superblock.IsPresent(file);

    /// <summary>Opens a file system.</summary>
    /// <exception cref="RootFormatException">It is damaged, was not unmounted, or has what is not supported.</exception>
    public static Ext4Tree Open(ImageFile file, RootStore store)
    {
        var tree = new Ext4Tree(file);
        if (store.IsChecked(file))
            return tree;
        tree.Check();
        store.SetChecked(file);
        return tree;
    }

    /// <inheritdoc/>
    public IReadOnlyList<HostEntry> List(IReadOnlyList<string> path)
    {
        lock (_gate)
        {
            try
            {
                return Find(path) is { Entry.Kind: HostEntryKind.Directory } directory ? [.. Children(directory).Values.Select(c => c.Entry)] : [];
            }
            catch (RootFormatException)
            {
                return [];
            }
        }
    }

    /// <inheritdoc/>
    public IHostFile? Open(IReadOnlyList<string> path)
    {
        lock (_gate)
        {
            try
            {
                return Find(path) is { Entry.Kind: HostEntryKind.File } file ? ContentOf(_image.ReadInode(file.Number)) : null;
            }
            catch (RootFormatException)
            {
                return null;
            }
        }
    }

    /// <summary>Reads all metadata once.</summary>
    private void Check()
    {
        var files = new HashSet<uint>();
        var waiting = new Stack<Node>([_root]);
        while (waiting.TryPop(out var directory))
        {
            foreach (var (_, child) in Children(directory))
            {
                if (child.Entry.Kind == HostEntryKind.Directory)
                    waiting.Push(child);
                else if (child.Entry.Kind == HostEntryKind.File && files.Add(child.Number))
                    Claim(ContentOf(_image.ReadInode(child.Number)).Blocks);
            }
        }
    }

    /// <summary>Counts the blocks of a file, a directory or a link, each of which is read once.</summary>
    private void Claim(long blocks)
    {
        _blocks += blocks;
        if (_blocks / (_image.Superblock.HasSharedBlocks ? MostShared : 1) > _image.Superblock.Blocks)
            throw _image.Problem("its files have more blocks than there are");
    }

    private Node? Find(IReadOnlyList<string> path)
    {
        var at = _root;
        foreach (var name in path)
        {
            if (at.Entry.Kind != HostEntryKind.Directory || !Children(at).TryGetValue(name, out at!))
                return null;
        }

        return at;
    }

    private Dictionary<string, Node> Children(Node directory)
    {
        if (directory.Children is { } known)
            return known;
        var children = new Dictionary<string, Node>(StringComparer.Ordinal);
        var inode = _image.ReadInode(directory.Number);
        _ = Ext4Attributes.Read(_image, inode, out var rest);
        Claim(Ext4Directory.Read(_image, inode, rest, (name, number) =>
        {
            if (++_count > MostFiles)
                throw _image.Problem($"more than {MostFiles} files");
            var node = NodeOf(name, number);
            if (node.Entry.Kind == HostEntryKind.Directory && !_directories.Add(number))
                throw _image.Problem($"inode {number}: a directory with two names");
            if (!children.TryAdd(name, node))
                throw inode.Problem("malformed directory: a name occurs twice");
        }));
        return directory.Children = children;
    }

    private Node NodeOf(string name, uint number)
    {
        if (_links.TryGetValue(number, out var known))
            return new Node(number, known with { Name = name });
        var inode = _image.ReadInode(number);
        HostEntryKind kind = (inode.Mode & FileAbi.S_IFMT) switch
        {
            FileAbi.S_IFREG => HostEntryKind.File,
            FileAbi.S_IFDIR => HostEntryKind.Directory,
            FileAbi.S_IFLNK => HostEntryKind.SymbolicLink,
            FileAbi.S_IFCHR => HostEntryKind.CharacterDevice,
            FileAbi.S_IFBLK => HostEntryKind.BlockDevice,
            FileAbi.S_IFIFO => HostEntryKind.Fifo,
            FileAbi.S_IFSOCK => HostEntryKind.Socket,
            _ => throw inode.Problem("a file of no kind that there is"),
        };
        var attributes = Ext4Attributes.Read(_image, inode, out var rest);
        var isShared = kind != HostEntryKind.Directory && inode.Links > 1;
        var target = kind == HostEntryKind.SymbolicLink ? TargetOf(inode, rest) : null;
        var entry = new HostEntry(name, kind, inode.Mode & 0xfff, inode.ModifyTime, target)
        {
            UserId = inode.UserId,
            GroupId = inode.GroupId,
            Device = kind is HostEntryKind.CharacterDevice or HostEntryKind.BlockDevice ? inode.Device : 0,
            Links = isShared ? inode.Links : 1,
            Identity = isShared ? new object() : null,
            Attributes = attributes,
        };
        if (isShared)
            _links.Add(number, entry);
        return new Node(number, entry);
    }

    private string TargetOf(Ext4Inode inode, byte[] rest)
    {
        if (inode.Length is 0 or >= FileAbi.PATH_MAX)
            throw inode.Problem("malformed symbolic link");
        var target = new byte[inode.Length];
        if (inode.IsFastLink)
            inode.Map[..target.Length].CopyTo(target);
        else if (SlowLink(inode, rest).Read(0, target) != target.Length)
            throw inode.Problem("malformed symbolic link");
        return !target.Contains((byte)0) ? Encoding.Latin1.GetString(target) : throw inode.Problem("malformed symbolic link");
    }

    private Content SlowLink(Ext4Inode inode, byte[] rest)
    {
        var content = new Content(_image, inode, rest);
        Claim(content.Blocks);
        return content;
    }

    private Content ContentOf(Ext4Inode inode)
    {
        _ = Ext4Attributes.Read(_image, inode, out var rest);
        return new Content(_image, inode, rest);
    }

    private sealed class Node(uint number, HostEntry entry)
    {
        public uint Number => number;

        public HostEntry Entry => entry;

        public Dictionary<string, Node>? Children { get; set; }
    }

    /// <summary>The bytes of a file.</summary>
    private sealed class Content : IHostFile
    {
        private readonly Ext4Image _image;
        private readonly Ext4BlockMap? _map;
        private readonly byte[] _inline = [];
        private readonly uint _number;

        public Content(Ext4Image image, Ext4Inode inode, byte[] rest)
        {
            (_image, _number, Length) = (image, inode.Number, inode.Length);
            if (!inode.IsInline)
                _map = new Ext4BlockMap(image, inode);
            else if (Length <= Ext4Inode.MapSize + rest.Length)
                _inline = [.. inode.Map, .. rest];
            else
                throw inode.Problem("malformed: its content does not fit in it");
        }

        public long Length { get; }

        /// <summary>Blocks that it takes.</summary>
        public long Blocks => _map?.Blocks ?? 0;

        public FileIdentity? Identity => _image.File.IdentityOf(_number, Length);

        public int Read(long offset, Span<byte> destination)
        {
            var wanted = destination[..(int)Math.Clamp(Length - offset, 0, destination.Length)];
            if (_map is null)
            {
                _inline.AsSpan(0, (int)Length)[(int)Math.Min(offset, Length)..][..wanted.Length].CopyTo(wanted);
                return wanted.Length;
            }

            var size = _image.Superblock.BlockSize;
            for (var done = 0; done < wanted.Length;)
            {
                var (block, within) = ((offset + done) / size, (int)((offset + done) % size));
                var part = wanted.Slice(done, Math.Min(size - within, wanted.Length - done));
                var place = _map[block];
                if (place == 0)
                    part.Clear();
                else if (_image.File.Read((place * size) + within, part) != part.Length)
                    return done;
                done += part.Length;
            }

            return wanted.Length;
        }
    }
}
