using System.Buffers.Binary;

namespace Cheri2IL.Deployment.Archives.Ext4;

/// <summary>An inode (Documentation/filesystems/ext4/inodes.rst).</summary>
internal sealed class Ext4Inode
{
    /// <summary>Bytes of an inode that every file system has.</summary>
    public const int BaseSize = 128;

    /// <summary>Bytes of the block map in it, or of what is there instead.</summary>
    public const int MapSize = 60;

    private const int MapOffset = 0x28;
    private const int ChecksumLow = 0x7c;
    private const int ChecksumHigh = 0x82;
    private const uint FlagEncrypted = 0x800;
    private const uint FlagIndex = 0x1000;
    private const uint FlagExtents = 0x80000;
    private const uint FlagInline = 0x10000000;

    private readonly byte[] _bytes;
    private readonly Ext4Image _image;

    /// <summary>Validates one.</summary>
    /// <exception cref="RootFormatException">It is damaged, or is not in use.</exception>
    public Ext4Inode(Ext4Image image, uint number, byte[] bytes)
    {
        (_image, Number, _bytes) = (image, number, bytes);
        ChecksumSeed = Ext4Superblock.Crc(Ext4Superblock.Crc(image.Superblock.ChecksumSeed, number), Word(0x64));
        if (_bytes.Length > BaseSize && Half(0x80) is var extra && (extra > _bytes.Length - BaseSize || (extra & 3) != 0))
            throw Problem("malformed");
        if (image.Superblock.HasChecksums && !IsSound())
            throw Problem("damaged: its checksum is wrong");
        if (Links == 0 || Mode == 0)
            throw Problem("has a name, and is not in use");
        if ((Flags & FlagEncrypted) != 0)
            throw Problem("encryption is not supported");
        if (Length < 0)
            throw Problem("malformed: it is too long");
    }

    /// <summary>Number.</summary>
    public uint Number { get; }

    /// <summary>What checksums of its blocks begin with.</summary>
    public uint ChecksumSeed { get; }

    /// <summary>st_mode.</summary>
    public int Mode => Half(0);

    /// <summary>Owner.</summary>
    public int UserId => Half(2) | (Half(0x78) << 16);

    /// <summary>Group.</summary>
    public int GroupId => Half(0x18) | (Half(0x7a) << 16);

    /// <summary>Bytes of content.</summary>
    public long Length => Word(4) | ((long)Word(0x6c) << 32);

    /// <summary>Names.</summary>
    public int Links => Half(0x1a);

    /// <summary>Nanoseconds since 1970.</summary>
    public long ModifyTime
    {
        get
        {
            // Two bits of the seconds are with the nanoseconds, where there is room for these.
            const int extra = 0x88;
            var more = _bytes.Length > BaseSize && Half(0x80) + BaseSize >= extra + sizeof(uint) ? Word(extra) : 0;
            var seconds = (int)Word(0x10) + ((long)(more & 3) << 32);
            return PaxRecords.Nanoseconds((seconds * 1_000_000_000m) + (more >> 2));
        }
    }

    /// <summary>Whether its block map is a tree of extents.</summary>
    public bool HasExtents => (Flags & FlagExtents) != 0;

    /// <summary>Whether its content is in it.</summary>
    public bool IsInline => (Flags & FlagInline) != 0;

    /// <summary>Whether it is a directory with an index of hashes.</summary>
    public bool HasIndex => (Flags & FlagIndex) != 0;

    /// <summary>Block of extended attributes; 0: none.</summary>
    public long AttributeBlock => Word(0x68) | ((long)Half(0x76) << 32);

    /// <summary>The block map, or what is there instead.</summary>
    public ReadOnlySpan<byte> Map => _bytes.AsSpan(MapOffset, MapSize);

    /// <summary>Attributes in it; empty: there is no room for any.</summary>
    public ReadOnlySpan<byte> Attributes => _bytes.Length > BaseSize ? _bytes.AsSpan(BaseSize + Half(0x80)) : [];

    /// <summary>Whether where a symbolic link leads is in place of the block map.</summary>
    public bool IsFastLink
        => !IsInline && !HasExtents && Length < MapSize && Word(0x1c) == (AttributeBlock == 0 ? 0 : (uint)_image.Superblock.BlockSize / 512);

    /// <summary>Number of a device, as st_rdev has it: in the first word as old systems have it, or in the second.</summary>
    public long Device => Word(MapOffset) is var old and not 0 ? old & 0xffff : Word(MapOffset + 4);

    private uint Flags => Word(0x20);

    /// <summary>What is wrong with it.</summary>
    public RootFormatException Problem(string what) => _image.Problem($"inode {Number}: {what}");

    private bool IsSound()
    {
        Span<byte> copy = stackalloc byte[_bytes.Length];
        _bytes.CopyTo(copy);
        copy.Slice(ChecksumLow, 2).Clear();
        var hasHigh = _bytes.Length > BaseSize && Half(0x80) + BaseSize >= ChecksumHigh + 2;
        if (hasHigh)
            copy.Slice(ChecksumHigh, 2).Clear();
        var checksum = Ext4Superblock.Crc(ChecksumSeed, copy);
        return (ushort)checksum == Half(ChecksumLow) && (!hasHigh || checksum >> 16 == Half(ChecksumHigh));
    }

    private uint Word(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(offset));

    private ushort Half(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(offset));
}
