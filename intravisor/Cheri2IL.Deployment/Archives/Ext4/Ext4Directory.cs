using System.Buffers.Binary;
using System.Text;

namespace Cheri2IL.Deployment.Archives.Ext4;

/// <summary>Entries of a directory (Documentation/filesystems/ext4/directory.rst). Those of an index look unused to who reads them in order.</summary>
internal static class Ext4Directory
{
    private const int EntrySize = 8;
    private const int TailSize = 12;
    private const byte TailType = 0xde;
    private const int IndexEntrySize = 8;

    /// <summary>Reads all but "." and "..", and passes each on with the number of its inode.</summary>
    /// <returns>Blocks that the directory takes.</returns>
    /// <exception cref="RootFormatException">The directory is malformed.</exception>
    public static long Read(Ext4Image image, Ext4Inode inode, byte[] inlineRest, Action<string, uint> entry)
    {
        if (inode.IsInline)
        {
            // In front is the number of the parent.
            ReadEntries(inode, inode.Map[sizeof(uint)..], entry);
            ReadEntries(inode, inlineRest, entry);
            return 0;
        }

        var size = image.Superblock.BlockSize;
        if (inode.Length % size != 0)
            throw inode.Problem("malformed directory: it ends inside a block");
        var map = new Ext4BlockMap(image, inode);
        for (var k = 0L; k < inode.Length / size; k++)
        {
            if (map[k] == 0)
                throw inode.Problem("malformed directory: it has a hole");
            var block = image.ReadBlock(map[k]);
            if (image.Superblock.HasChecksums && !IsSound(inode, block))
                throw inode.Problem("damaged directory: a checksum is wrong");
            ReadEntries(inode, block, entry);
        }

        return map.Blocks;
    }

    private static void ReadEntries(Ext4Inode inode, ReadOnlySpan<byte> bytes, Action<string, uint> entry)
    {
        while (!bytes.IsEmpty)
        {
            if (bytes.Length < EntrySize)
                throw inode.Problem("malformed directory");
            var number = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            var length = LengthOf(bytes);
            var nameLength = bytes[6];
            if (length < EntrySize || (length & 3) != 0 || length > bytes.Length || nameLength > length - EntrySize)
                throw inode.Problem("malformed directory");
            if (number != 0)
            {
                var name = bytes.Slice(EntrySize, nameLength);
                if (name.IsEmpty || name.IndexOfAny((byte)'/', (byte)0) >= 0)
                    throw inode.Problem("malformed directory: no file can be called that");
                if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                    entry(Encoding.Latin1.GetString(name), number);
            }

            bytes = bytes[length..];
        }
    }

    /// <summary>Length of an entry; that of one which takes a block of 64 KiB does not fit its field.</summary>
    private static int LengthOf(ReadOnlySpan<byte> entry)
    {
        var length = BinaryPrimitives.ReadUInt16LittleEndian(entry[4..]);
        return length is 0 or 65535 && entry.Length == 65536 ? 65536 : length;
    }

    /// <summary>The checksum is in what looks like an unused entry at the end, or behind the room for entries of an index.</summary>
    private static bool IsSound(Ext4Inode inode, ReadOnlySpan<byte> block)
    {
        var tail = block[^TailSize..];
        if (BinaryPrimitives.ReadUInt32LittleEndian(tail) == 0 && BinaryPrimitives.ReadUInt16LittleEndian(tail[4..]) == TailSize && tail[6] == 0 && tail[7] == TailType)
            return Ext4Superblock.Crc(inode.ChecksumSeed, block[..^TailSize]) == BinaryPrimitives.ReadUInt32LittleEndian(tail[EntrySize..]);
        if (!inode.HasIndex)
            return false;

        // The root of an index looks like "." and "..", which takes the rest; other nodes like one unused entry.
        var first = LengthOf(block);
        var header = first == block.Length ? EntrySize : first == 12 && BinaryPrimitives.ReadUInt16LittleEndian(block[16..]) == block.Length - 12 ? 32 : 0;
        if (header == 0)
            return false;
        var (limit, count) = (BinaryPrimitives.ReadUInt16LittleEndian(block[header..]), BinaryPrimitives.ReadUInt16LittleEndian(block[(header + 2)..]));
        var end = header + (limit * IndexEntrySize);
        if (count > limit || end > block.Length - EntrySize)
            return false;
        var checksum = Ext4Superblock.Crc(inode.ChecksumSeed, block[..(header + (count * IndexEntrySize))]);
        checksum = Ext4Superblock.Crc(Ext4Superblock.Crc(checksum, block.Slice(end, sizeof(uint))), 0);
        return checksum == BinaryPrimitives.ReadUInt32LittleEndian(block[(end + sizeof(uint))..]);
    }
}
