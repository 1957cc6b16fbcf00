using System.Buffers.Binary;
using System.Numerics;

namespace Cheri2IL.Deployment.Archives.Ext4;

/// <summary>The superblock of an ext4 file system (Documentation/filesystems/ext4/super.rst), validated.</summary>
internal sealed class Ext4Superblock
{
    /// <summary>Offset in the file.</summary>
    public const int Offset = 1024;

    /// <summary>Bytes.</summary>
    public const int Size = 1024;

    private const int Magic = 0xef53;
    private const uint CompatSparseSuper2 = 0x200;
    private const uint IncompatRecover = 4;
    private const uint IncompatMetaGroups = 0x10;
    private const uint Incompat64Bit = 0x80;
    private const uint IncompatChecksumSeed = 0x2000;
    private const uint ReadOnlySparseSuper = 1;
    private const uint ReadOnlyChecksums = 0x400;
    private const uint ReadOnlySharedBlocks = 0x4000;
    private const int StateClean = 1;
    private const int StateErrors = 2;
    private const int ChecksumCrc32C = 1;
    private const int ChecksumOffset = 0x3fc;

    /// <summary>Features that forbid to read a file system that has them, unless one knows them, by name: those that this reader does not know.</summary>
    private static readonly (uint Bit, string Name)[] _unsupported =
        [(1, "compression"), (8, "a journal alone (journal_dev)"), (0x1000, "dirdata"), (0x10000, "encryption"), (0x20000, "casefold")];

    /// <summary>filetype, recover, meta_bg, extents, 64bit, mmp, flex_bg, ea_inode, csum_seed, largedir, inline_data.</summary>
    private const uint Known = 2 | IncompatRecover | IncompatMetaGroups | 0x40 | Incompat64Bit | 0x100 | 0x200 | 0x400 | IncompatChecksumSeed | 0x4000 | 0x8000;

    private readonly uint _incompatible;
    private readonly uint _readOnlyCompatible;
    private readonly uint _firstMetaGroup;
    private readonly bool _hasSparseSuper2;
    private readonly long _backupGroups;

    /// <summary>Reads it.</summary>
    /// <exception cref="RootFormatException">It is damaged, or the file system has what is not supported.</exception>
    public Ext4Superblock(ImageFile file)
    {
        Span<byte> block = stackalloc byte[Size];
        file.ReadExactly(Offset, block);
        RootFormatException Problem(string what) => file.Problem($"offset {Offset}: {what}");

        _incompatible = Word(block, 0x60);
        _readOnlyCompatible = Word(block, 0x64);
        HasChecksums = (_readOnlyCompatible & ReadOnlyChecksums) != 0;
        if (HasChecksums && (block[0x175] != ChecksumCrc32C || Crc(uint.MaxValue, block[..ChecksumOffset]) != Word(block, ChecksumOffset)))
            throw Problem("ext4: damaged superblock: its checksum is wrong");
        if (Array.Find(_unsupported, f => (_incompatible & f.Bit) != 0) is { Name: { } name })
            throw Problem($"ext4: {name} is not supported");
        if ((_incompatible & ~Known) is var unknown and not 0)
            throw Problem($"ext4: features 0x{unknown:x} are not supported");
        var state = Half(block, 0x3a);
        if ((_incompatible & IncompatRecover) != 0)
            throw Problem("ext4: it was not unmounted: its journal has to be replayed first (e2fsck)");
        if ((state & StateClean) == 0 || (state & StateErrors) != 0)
            throw Problem("ext4: it was not unmounted, or has errors: it has to be checked first (e2fsck)");

        var logBlock = Word(block, 0x18);
        if (logBlock > 6)
            throw Problem($"ext4: malformed superblock: blocks of 2^{10 + logBlock} bytes");
        BlockSize = 1024 << (int)logBlock;
        InodeCount = Word(block, 0);
        Blocks = Word(block, 4) | ((_incompatible & Incompat64Bit) != 0 ? (long)Word(block, 0x150) << 32 : 0);
        FirstDataBlock = Word(block, 0x14);
        BlocksPerGroup = Word(block, 0x20);
        InodesPerGroup = Word(block, 0x28);
        // Revision 0 had fixed sizes.
        InodeSize = Word(block, 0x4c) == 0 ? 128 : Half(block, 0x58);
        DescriptorSize = (_incompatible & Incompat64Bit) != 0 ? Half(block, 0xfe) : 32;
        _firstMetaGroup = Word(block, 0x104);
        _hasSparseSuper2 = (Word(block, 0x5c) & CompatSparseSuper2) != 0;
        _backupGroups = BinaryPrimitives.ReadInt64LittleEndian(block[0x24c..]);
        if (Blocks <= FirstDataBlock || Blocks > long.MaxValue / BlockSize || FirstDataBlock != (BlockSize == 1024 ? 1 : 0)
            || BlocksPerGroup == 0 || InodesPerGroup == 0 || InodeCount == 0 || InodesPerGroup > (uint)BlockSize * 8
            || InodeSize < 128 || InodeSize > BlockSize || !BitOperations.IsPow2(InodeSize)
            || DescriptorSize < 32 || DescriptorSize > BlockSize || !BitOperations.IsPow2(DescriptorSize))
            throw Problem("ext4: malformed superblock");
        Groups = (Blocks - FirstDataBlock + BlocksPerGroup - 1) / BlocksPerGroup;
        if (InodeCount > Groups * InodesPerGroup)
            throw Problem("ext4: malformed superblock: more inodes than fit in");
        if (file.Length / BlockSize < Blocks)
            throw file.Problem($"ext4: cut off: {file.Length} bytes, and not {Blocks} blocks of {BlockSize}");
        ChecksumSeed = (_incompatible & IncompatChecksumSeed) != 0 ? Word(block, 0x270) : Crc(uint.MaxValue, block.Slice(0x68, 16));
    }

    /// <summary>Bytes of a block.</summary>
    public int BlockSize { get; }

    /// <summary>Blocks of the file system.</summary>
    public long Blocks { get; }

    /// <summary>Number of the block that has the superblock, or that behind it.</summary>
    public uint FirstDataBlock { get; }

    /// <summary>Blocks of a group.</summary>
    public uint BlocksPerGroup { get; }

    /// <summary>Inodes of a group.</summary>
    public uint InodesPerGroup { get; }

    /// <summary>Inodes of the file system.</summary>
    public uint InodeCount { get; }

    /// <summary>Bytes of an inode.</summary>
    public int InodeSize { get; }

    /// <summary>Bytes of the descriptor of a group.</summary>
    public int DescriptorSize { get; }

    /// <summary>Groups.</summary>
    public long Groups { get; }

    /// <summary>Whether metadata has checksums.</summary>
    public bool HasChecksums { get; }

    /// <summary>What checksums begin with.</summary>
    public uint ChecksumSeed { get; }

    /// <summary>Whether several files may have the same block.</summary>
    public bool HasSharedBlocks => (_readOnlyCompatible & ReadOnlySharedBlocks) != 0;

    /// <summary>Whether a file has a superblock of this kind, or of an earlier kind.</summary>
    public static bool IsPresent(ImageFile file)
    {
        Span<byte> magic = stackalloc byte[2];
        return file.Read(Offset + 0x38, magic) == magic.Length && Half(magic, 0) == Magic;
    }

    /// <summary>CRC-32C as ext4 continues it, without inversions.</summary>
    public static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var value in bytes)
            crc = BitOperations.Crc32C(crc, value);
        return crc;
    }

    /// <summary>The same over a number.</summary>
    public static uint Crc(uint crc, uint number) => BitOperations.Crc32C(crc, number);

    /// <summary>Offset in the file of the descriptor of a group.</summary>
    public long DescriptorOffset(long group)
    {
        var perBlock = BlockSize / DescriptorSize;
        var (index, within) = (group / perBlock, group % perBlock * DescriptorSize);
        var block = FirstDataBlock + 1 + index;
        if ((_incompatible & IncompatMetaGroups) != 0 && index >= _firstMetaGroup)
        {
            // Each group of groups has its own, in the first of them.
            var first = index * perBlock;
            block = FirstDataBlock + (first * BlocksPerGroup) + (HasSuperblock(first) ? 1 : 0);
        }

        return (block * BlockSize) + within;
    }

    /// <summary>Whether a group begins with a copy of the superblock.</summary>
    private bool HasSuperblock(long group)
    {
        if (group == 0)
            return true;
        if (_hasSparseSuper2)
            return group == (uint)_backupGroups || group == (uint)(_backupGroups >> 32);
        return (_readOnlyCompatible & ReadOnlySparseSuper) == 0 || group == 1 || IsPower(3) || IsPower(5) || IsPower(7);

        bool IsPower(long of)
        {
            var power = of;
            while (power < group)
                power *= of;
            return power == group;
        }
    }

    private static uint Word(ReadOnlySpan<byte> block, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(block[offset..]);

    private static int Half(ReadOnlySpan<byte> block, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(block[offset..]);
}
