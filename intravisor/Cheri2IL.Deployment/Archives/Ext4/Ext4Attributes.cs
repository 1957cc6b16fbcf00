using System.Buffers.Binary;
using System.Text;

namespace Cheri2IL.Deployment.Archives.Ext4;

/// <summary>Extended attributes of an inode (Documentation/filesystems/ext4/attributes.rst).</summary>
internal static class Ext4Attributes
{
    /// <summary>Name of the attribute that has the rest of the content of an inode that has it.</summary>
    private const string InlineData = "system.data";

    private const uint Magic = 0xea020000;
    private const int BlockHeader = 32;
    private const int BlockChecksum = 16;
    private const int EntrySize = 16;

    /// <summary>Beginnings of names by number; the others belong to access lists, which are not kept.</summary>
    private static string? PrefixOf(int index) => index switch
    {
        1 => "user.",
        4 => "trusted.",
        6 => "security.",
        7 => "system.",
        _ => null,
    };

    /// <summary>Reads all; null: there are none.</summary>
    /// <param name="image">The file system.</param>
    /// <param name="inode">The inode.</param>
    /// <param name="data">Rest of the content of an inode that has its content.</param>
    /// <exception cref="RootFormatException">They are malformed.</exception>
    public static IReadOnlyDictionary<string, byte[]>? Read(Ext4Image image, Ext4Inode inode, out byte[] data)
    {
        var found = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        var inside = inode.Attributes;
        if (inside.Length >= sizeof(uint) && BinaryPrimitives.ReadUInt32LittleEndian(inside) == Magic)
            Add(inode, inside[sizeof(uint)..], 0, found);
        if (inode.AttributeBlock is var number and not 0)
        {
            var block = image.ReadBlock(number);
            if (BinaryPrimitives.ReadUInt32LittleEndian(block) != Magic)
                throw inode.Problem("malformed extended attributes");
            if (image.Superblock.HasChecksums && !IsSound(image, number, block))
                throw inode.Problem("damaged extended attributes: their checksum is wrong");
            Add(inode, block, BlockHeader, found);
        }

        data = found.Remove(InlineData, out var rest) ? rest : [];
        return found.Count == 0 ? null : found;
    }

    private static bool IsSound(Ext4Image image, long number, byte[] block)
    {
        var expected = BinaryPrimitives.ReadUInt32LittleEndian(block.AsSpan(BlockChecksum));
        block.AsSpan(BlockChecksum, sizeof(uint)).Clear();
        Span<byte> place = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(place, number);
        return Ext4Superblock.Crc(Ext4Superblock.Crc(image.Superblock.ChecksumSeed, place), block) == expected;
    }

    /// <summary>Adds the attributes of entries from <paramref name="at"/> on; values are at offsets in <paramref name="area"/>.</summary>
    private static void Add(Ext4Inode inode, ReadOnlySpan<byte> area, int at, Dictionary<string, byte[]> found)
    {
        while (at <= area.Length - sizeof(uint) && BinaryPrimitives.ReadUInt32LittleEndian(area[at..]) != 0)
        {
            if (at > area.Length - EntrySize)
                throw inode.Problem("malformed extended attributes");
            var entry = area[at..];
            var (nameLength, index) = (entry[0], entry[1]);
            int offset = BinaryPrimitives.ReadUInt16LittleEndian(entry[2..]);
            var length = BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]);
            if (BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]) != 0)
                throw inode.Problem("extended attributes in inodes of their own (ea_inode) are not supported");
            if (nameLength > entry.Length - EntrySize || offset > area.Length || length > area.Length - offset)
                throw inode.Problem("malformed extended attributes");
            if (PrefixOf(index) is { } prefix && nameLength > 0 && !entry.Slice(EntrySize, nameLength).Contains((byte)0))
                found[prefix + Encoding.Latin1.GetString(entry.Slice(EntrySize, nameLength))] = area.Slice(offset, (int)length).ToArray();
            at += (EntrySize + nameLength + 3) & ~3;
        }
    }
}
