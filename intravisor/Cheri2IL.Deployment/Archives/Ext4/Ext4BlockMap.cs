using System.Buffers.Binary;

namespace Cheri2IL.Deployment.Archives.Ext4;

/// <summary>Where the blocks of a file are: runs, in the order of the file (Documentation/filesystems/ext4/ifork.rst).</summary>
/// <remarks>Immutable.</remarks>
internal sealed class Ext4BlockMap
{
    private const int ExtentMagic = 0xf30a;
    private const int EntrySize = 12;
    private const int DeepestTree = 5;

    /// <summary>Longer extents have blocks, but no content yet: zeros are read.</summary>
    private const int LongestWritten = 32768;

    private const int DirectBlocks = 12;

    private readonly Ext4Image _image;
    private readonly Ext4Inode _inode;
    private readonly List<Run> _runs = [];

    /// <summary>Reads the map of an inode.</summary>
    /// <exception cref="RootFormatException">It is malformed.</exception>
    public Ext4BlockMap(Ext4Image image, Ext4Inode inode)
    {
        (_image, _inode) = (image, inode);
        if (inode.HasExtents)
            AddTree(inode.Map, -1, 0, 1L << 32, isRoot: true);
        else
            AddPointers();
    }

    /// <summary>Blocks that it has.</summary>
    public long Blocks { get; private set; }

    /// <summary>Block of the image that is a block of the file; 0: a hole.</summary>
    public long this[long block]
    {
        get
        {
            var (low, high) = (0, _runs.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (_runs[middle].First + _runs[middle].Count <= block)
                    low = middle + 1;
                else
                    high = middle;
            }

            return low < _runs.Count && _runs[low].First <= block ? _runs[low].Place + (block - _runs[low].First) : 0;
        }
    }

    /// <summary>Adds the extents of a node, which are for blocks of the file in a range; that no node is empty bounds how many there are.</summary>
    private void AddTree(ReadOnlySpan<byte> node, int expectedDepth, long first, long end, bool isRoot)
    {
        var (count, most, depth) = (Half(node, 2), Half(node, 4), Half(node, 6));
        if (Half(node, 0) != ExtentMagic || most > (node.Length - EntrySize) / EntrySize || count > most || (count == 0 && !isRoot)
            || depth > DeepestTree || (expectedDepth >= 0 && depth != expectedDepth))
            throw _inode.Problem("malformed extents");
        for (var k = 0; k < count; k++)
        {
            var entry = node.Slice((k + 1) * EntrySize, EntrySize);
            var block = (long)Word(entry, 0);
            if (block < first)
                throw _inode.Problem("malformed extents: they are not in order");
            if (depth == 0)
            {
                var length = Half(entry, 4);
                var isWritten = length <= LongestWritten;
                var blocks = isWritten ? length : length - LongestWritten;
                var place = Word(entry, 8) | ((long)Half(entry, 6) << 32);
                first = block + blocks;
                if (blocks == 0 || first > end || !_image.IsBlock(place) || !_image.IsBlock(place + blocks - 1))
                    throw _inode.Problem("malformed extents: one is out of range");
                Add(new Run(block, blocks, place), isWritten);
                continue;
            }

            var next = k + 1 < count ? Word(node, (k + 2) * EntrySize) : end;
            if (next <= block || next > end)
                throw _inode.Problem("malformed extents: they are not in order");
            var child = _image.ReadBlock(Word(entry, 4) | ((long)Half(entry, 8) << 32));
            if (_image.Superblock.HasChecksums && !IsSound(child))
                throw _inode.Problem("damaged extents: a checksum is wrong");
            AddTree(child, depth - 1, block, next, isRoot: false);
            Claim(1);
            first = next;
        }
    }

    private bool IsSound(ReadOnlySpan<byte> node)
    {
        var tail = EntrySize + (EntrySize * Half(node, 4));
        return tail <= node.Length - sizeof(uint) && Ext4Superblock.Crc(_inode.ChecksumSeed, node[..tail]) == Word(node, tail);
    }

    /// <summary>The map of ext2 and ext3: pointers, then a block of pointers, one of blocks of pointers, and so on.</summary>
    private void AddPointers()
    {
        var map = _inode.Map;
        for (var k = 0; k < DirectBlocks; k++)
            AddPointer(k, Word(map, k * sizeof(uint)));
        long first = DirectBlocks, each = 1;
        for (var depth = 1; depth <= 3; depth++)
        {
            each *= _image.Superblock.BlockSize / sizeof(uint);
            AddPointers(Word(map, (DirectBlocks + depth - 1) * sizeof(uint)), depth, first, each);
            first += each;
        }
    }

    private void AddPointers(uint node, int depth, long first, long covered)
    {
        if (node == 0)
            return;
        if (depth == 0)
        {
            AddPointer(first, node);
            return;
        }

        var pointers = _image.ReadBlock(node);
        Claim(1);
        var each = covered / (pointers.Length / sizeof(uint));
        for (var k = 0; k < pointers.Length / sizeof(uint); k++)
            AddPointers(Word(pointers, k * sizeof(uint)), depth - 1, first + (k * each), each);
    }

    private void AddPointer(long block, uint place)
    {
        if (place == 0)
            return;
        if (!_image.IsBlock(place))
            throw _inode.Problem($"block {place} is used, and does not exist");
        Add(new Run(block, 1, place), isWritten: true);
    }

    private void Add(Run run, bool isWritten)
    {
        Claim(run.Count);
        if (!isWritten)
            return;
        if (_runs.Count > 0 && _runs[^1] is var last && last.First + last.Count == run.First && last.Place + last.Count == run.Place)
            _runs[^1] = last with { Count = last.Count + run.Count };
        else
            _runs.Add(run);
    }

    /// <summary>Pointers may lead to one block again and again; a file has no more blocks than there are.</summary>
    private void Claim(long blocks)
    {
        Blocks += blocks;
        if (Blocks > _image.Superblock.Blocks)
            throw _inode.Problem("it has more blocks than there are");
    }

    private static uint Word(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static int Half(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    private readonly record struct Run(long First, long Count, long Place);
}
