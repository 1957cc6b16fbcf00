using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>What a record of the journal says.</summary>
internal enum UpperOperation : byte
{
    /// <summary>A node is what is entered under a name in a directory of the lower layer.</summary>
    Import = 1,

    /// <summary>A node, new or not, has these attributes; where the second number is not 0, so many names, too.</summary>
    Node,

    /// <summary>A directory has an entry.</summary>
    Link,

    /// <summary>A directory has an entry no more.</summary>
    Unlink,

    /// <summary>An entry has moved, in place of what was there.</summary>
    Rename,

    /// <summary>Two entries have changed places.</summary>
    Exchange,

    /// <summary>The content of a node is in the upper layer.</summary>
    Content,

    /// <summary>A node has an extended attribute: the second name is the value.</summary>
    Attribute,

    /// <summary>A node has an extended attribute no more; without name: it has none.</summary>
    NoAttribute,
}

/// <summary>A record of the journal.</summary>
/// <param name="Operation">What it says.</param>
/// <param name="Node">Node, or the directory of the first entry.</param>
/// <param name="Other">Directory of the second entry, or the node that is entered, or how many names a node has.</param>
/// <param name="Name">Name of the first entry, or where a symbolic link leads.</param>
/// <param name="OtherName">Name of the second entry.</param>
/// <param name="Attributes">Attributes of a node.</param>
internal readonly record struct UpperRecord(UpperOperation Operation, long Node, long Other, string Name, string OtherName, UpperAttributes Attributes)
{
    /// <summary>Bytes in front of each: length and checksum of what follows.</summary>
    private const int HeaderBytes = 8;

    private const int FixedBytes = 1 + (2 * sizeof(long)) + (3 * sizeof(int)) + (3 * sizeof(long)) + (2 * sizeof(int));

    /// <summary>Longest record that is read: a name, a value of 64 KiB, and what goes with them.</summary>
    private const int LongestRecord = 1 << 17;

    /// <summary>That a node has its attributes, and how it is made where it is new: where a link leads, the number of a device.</summary>
    public static UpperRecord Of(long id, Inode inode, int links = 0)
        => new(UpperOperation.Node, id, links, inode switch
        {
            SymbolicLink link => link.TargetFor(0, 0),
            DeviceNode device => device.Device.ToString(CultureInfo.InvariantCulture),
            _ => "",
        }, "", UpperAttributes.Of(inode));

    /// <summary>That a node has an extended attribute; null: it has it no more.</summary>
    public static UpperRecord Of(long id, string attribute, byte[]? value)
        => new(value is null ? UpperOperation.NoAttribute : UpperOperation.Attribute, id, 0, attribute, value is null ? "" : FileSystem.FromBytes(value), default);

    /// <summary>The record as bytes.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[HeaderBytes + FixedBytes + Name.Length + OtherName.Length];
        var at = bytes.AsSpan(HeaderBytes);
        at[0] = (byte)Operation;
        BinaryPrimitives.WriteInt64LittleEndian(at[1..], Node);
        BinaryPrimitives.WriteInt64LittleEndian(at[9..], Other);
        BinaryPrimitives.WriteInt32LittleEndian(at[17..], Attributes.Mode);
        BinaryPrimitives.WriteInt32LittleEndian(at[21..], Attributes.User);
        BinaryPrimitives.WriteInt32LittleEndian(at[25..], Attributes.Group);
        BinaryPrimitives.WriteInt64LittleEndian(at[29..], Attributes.AccessTime);
        BinaryPrimitives.WriteInt64LittleEndian(at[37..], Attributes.ModifyTime);
        BinaryPrimitives.WriteInt64LittleEndian(at[45..], Attributes.ChangeTime);
        BinaryPrimitives.WriteInt32LittleEndian(at[53..], Name.Length);
        BinaryPrimitives.WriteInt32LittleEndian(at[57..], OtherName.Length);
        Encoding.Latin1.GetBytes(Name, at[FixedBytes..]);
        Encoding.Latin1.GetBytes(OtherName, at[(FixedBytes + Name.Length)..]);
        BinaryPrimitives.WriteInt32LittleEndian(bytes, at.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(sizeof(int)), Checksum(at));
        return bytes;
    }

    /// <summary>Reads the first record of a journal; its length, or 0 where none is whole.</summary>
    public static int Read(ReadOnlySpan<byte> journal, out UpperRecord record)
    {
        record = default;
        if (journal.Length < HeaderBytes)
            return 0;
        var length = BinaryPrimitives.ReadInt32LittleEndian(journal);
        if (length is < FixedBytes or > LongestRecord || length > journal.Length - HeaderBytes)
            return 0;
        var at = journal.Slice(HeaderBytes, length);
        var (name, other) = (BinaryPrimitives.ReadInt32LittleEndian(at[53..]), BinaryPrimitives.ReadInt32LittleEndian(at[57..]));
        if (Checksum(at) != BinaryPrimitives.ReadUInt32LittleEndian(journal[sizeof(int)..]) || name < 0 || other < 0 || (long)name + other != length - FixedBytes)
            return 0;
        record = new UpperRecord(
            (UpperOperation)at[0],
            BinaryPrimitives.ReadInt64LittleEndian(at[1..]),
            BinaryPrimitives.ReadInt64LittleEndian(at[9..]),
            FileSystem.FromBytes(at.Slice(FixedBytes, name)),
            FileSystem.FromBytes(at[(FixedBytes + name)..]),
            new UpperAttributes(
                BinaryPrimitives.ReadInt32LittleEndian(at[17..]), BinaryPrimitives.ReadInt32LittleEndian(at[21..]), BinaryPrimitives.ReadInt32LittleEndian(at[25..]),
                BinaryPrimitives.ReadInt64LittleEndian(at[29..]), BinaryPrimitives.ReadInt64LittleEndian(at[37..]), BinaryPrimitives.ReadInt64LittleEndian(at[45..])));
        return HeaderBytes + length;
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var sum = uint.MaxValue;
        foreach (var b in bytes)
            sum = BitOperations.Crc32C(sum, b);
        return ~sum;
    }
}

/// <summary>Attributes of a node; times in nanoseconds since 1970.</summary>
internal readonly record struct UpperAttributes(int Mode, int User, int Group, long AccessTime, long ModifyTime, long ChangeTime)
{
    /// <summary>Those of an inode.</summary>
    public static UpperAttributes Of(Inode inode) => new(inode.Mode, inode.UserId, inode.GroupId, inode.AccessTime, inode.ModifyTime, inode.ChangeTime);

    /// <summary>Gives them to an inode.</summary>
    public void ApplyTo(Inode inode)
    {
        (inode.Mode, inode.UserId, inode.GroupId) = (Mode, User, Group);
        (inode.AccessTime, inode.ModifyTime, inode.ChangeTime) = (AccessTime, ModifyTime, ChangeTime);
    }
}
