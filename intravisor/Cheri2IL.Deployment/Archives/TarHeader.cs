using System.Text;

namespace Cheri2IL.Deployment.Archives;

/// <summary>A header block of a tar archive: that of POSIX (ustar), of GNU tar, or of version 7.</summary>
internal readonly ref struct TarHeader
{
    /// <summary>Bytes of a header; contents are padded to a multiple.</summary>
    public const int Size = 512;

    private const int ChecksumOffset = 148;
    private const int ChecksumLength = 8;

    private readonly ReadOnlySpan<byte> _block;

    /// <summary>The header in a block.</summary>
    public TarHeader(ReadOnlySpan<byte> block) => _block = block[..Size];

    /// <summary>Whether it is no header but the end of the archive.</summary>
    public bool IsEnd => !_block.ContainsAnyExcept((byte)0);

    /// <summary>Whether its checksum is right.</summary>
    public bool IsSound
    {
        get
        {
            // Old programs added signed bytes.
            var (unsigned, signed) = (0L, 0L);
            for (var k = 0; k < Size; k++)
            {
                var value = k is >= ChecksumOffset and < ChecksumOffset + ChecksumLength ? (byte)' ' : _block[k];
                unsigned += value;
                signed += (sbyte)value;
            }

            return Number(ChecksumOffset, ChecksumLength) is { } sum && (sum == unsigned || sum == signed);
        }
    }

    /// <summary>Kind of the entry.</summary>
    public char Type => (char)_block[156];

    /// <summary>Name, a character for each byte.</summary>
    public string Name
    {
        get
        {
            var name = Text(0, 100);
            var prefix = _block.Slice(257, 6).SequenceEqual("ustar\0"u8) ? Text(345, 155) : "";
            return prefix.Length == 0 ? name : $"{prefix}/{name}";
        }
    }

    /// <summary>Where a link leads.</summary>
    public string LinkName => Text(157, 100);

    /// <summary>Permission bits.</summary>
    public long? Mode => Number(100, 8);

    /// <summary>Owner.</summary>
    public long? UserId => Number(108, 8);

    /// <summary>Group.</summary>
    public long? GroupId => Number(116, 8);

    /// <summary>Bytes of content.</summary>
    public long? Length => Number(124, 12);

    /// <summary>Seconds since 1970.</summary>
    public long? ModifyTime => Number(136, 12);

    /// <summary>Major number of a device.</summary>
    public long? DeviceMajor => Number(329, 8);

    /// <summary>Minor number of a device.</summary>
    public long? DeviceMinor => Number(337, 8);

    private string Text(int offset, int length)
    {
        var field = _block.Slice(offset, length);
        var end = field.IndexOf((byte)0);
        return Encoding.Latin1.GetString(end < 0 ? field : field[..end]);
    }

    /// <summary>A number: octal digits, or GNU's two's complement behind a byte 0x80 or 0xff. Null: neither.</summary>
    private long? Number(int offset, int length)
    {
        var field = _block.Slice(offset, length);
        if (field[0] is 0x80 or 0xff)
        {
            var sign = field[0] == 0xff ? -1L : 0L;
            var rest = field[1..];
            for (; rest.Length > sizeof(long); rest = rest[1..])
            {
                if (rest[0] != (byte)sign)
                    return null;
            }

            var value = sign;
            foreach (var part in rest)
                value = (value << 8) | part;
            return (value < 0) == (sign < 0) ? value : null;
        }

        var digits = field.Trim(" \0"u8);
        var result = 0L;
        foreach (var digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'7')
                return null;
            result = (result << 3) | (uint)(digit - '0');
        }

        return result;
    }
}
