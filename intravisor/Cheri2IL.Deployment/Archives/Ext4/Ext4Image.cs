using System.Buffers.Binary;

namespace Cheri2IL.Deployment.Archives.Ext4;

/// <summary>The blocks and inodes of an ext4 file system.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class Ext4Image(ImageFile file)
{
    /// <summary>Number of the root directory.</summary>
    public const uint RootInode = 2;

    /// <summary>The file.</summary>
    public ImageFile File => file;

    /// <summary>The superblock.</summary>
    public Ext4Superblock Superblock { get; } = new(file);

    /// <summary>Reads a block.</summary>
    /// <exception cref="RootFormatException">There is no such block.</exception>
    public byte[] ReadBlock(long block)
    {
        var bytes = new byte[Superblock.BlockSize];
        ReadBytes(block, 0, bytes);
        return bytes;
    }

    /// <summary>Reads a part of a block.</summary>
    /// <exception cref="RootFormatException">There is no such block.</exception>
    public void ReadBytes(long block, int offset, Span<byte> destination)
    {
        if (!IsBlock(block))
            throw Problem($"block {block} is used, and does not exist");
        file.ReadExactly((block * Superblock.BlockSize) + offset, destination);
    }

    /// <summary>Whether there is a block of that number, that could be part of a file.</summary>
    public bool IsBlock(long block) => block > Superblock.FirstDataBlock && block < Superblock.Blocks;

    /// <summary>Reads an inode.</summary>
    /// <exception cref="RootFormatException">It does not exist, or is damaged.</exception>
    public Ext4Inode ReadInode(uint number)
    {
        if (number == 0 || number > Superblock.InodeCount)
            throw Problem($"inode {number} is used, and does not exist");
        var (group, index) = ((number - 1) / Superblock.InodesPerGroup, (number - 1) % Superblock.InodesPerGroup);
        var offset = (InodeTable(group) * Superblock.BlockSize) + ((long)index * Superblock.InodeSize);
        var bytes = new byte[Superblock.InodeSize];
        file.ReadExactly(offset, bytes);
        return new Ext4Inode(this, number, bytes);
    }

    /// <summary>What is wrong with it.</summary>
    public RootFormatException Problem(string what) => file.Problem($"ext4: {what}");

    /// <summary>First block of the inodes of a group.</summary>
    private long InodeTable(long group)
    {
        Span<byte> descriptor = stackalloc byte[Superblock.DescriptorSize];
        var offset = Superblock.DescriptorOffset(group);
        file.ReadExactly(offset, descriptor);
        if (Superblock.HasChecksums)
        {
            const int checksum = 0x1e;
            var expected = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[checksum..]);
            descriptor[checksum..(checksum + 2)].Clear();
            if ((ushort)Ext4Superblock.Crc(Ext4Superblock.Crc(Superblock.ChecksumSeed, (uint)group), descriptor) != expected)
                throw file.Problem($"offset {offset}: ext4: damaged descriptor of group {group}: its checksum is wrong");
        }

        var block = BinaryPrimitives.ReadUInt32LittleEndian(descriptor[8..])
            | (Superblock.DescriptorSize >= 64 ? (long)BinaryPrimitives.ReadUInt32LittleEndian(descriptor[0x28..]) << 32 : 0);
        return IsBlock(block) ? block : throw file.Problem($"offset {offset}: ext4: malformed descriptor of group {group}");
    }
}
