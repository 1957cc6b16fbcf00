using System.Buffers.Binary;

namespace Cheri2IL.Runtime.Elf;

/// <summary>
/// A cursor over bytes that never reads outside them: past the end, or after malformed input, it yields zeros and
/// <see cref="Failed"/> is set.
/// </summary>
public ref struct ElfReader(ReadOnlySpan<byte> data)
{
    private readonly ReadOnlySpan<byte> _data = data;

    /// <summary>Position of the next byte.</summary>
    public int Position { get; set; }

    /// <summary>Whether something was read that is not there.</summary>
    public bool Failed { get; private set; }

    /// <summary>Whether nothing is left.</summary>
    public readonly bool AtEnd => Failed || Position >= _data.Length;

    /// <summary>Bytes left.</summary>
    public readonly int Remaining => Failed ? 0 : _data.Length - Position;

    /// <summary>Takes <paramref name="count"/> bytes.</summary>
    public ReadOnlySpan<byte> Bytes(long count)
    {
        if (Failed || count < 0 || Position < 0 || Position > _data.Length || count > _data.Length - Position)
        {
            Failed = true;
            return default;
        }

        var bytes = _data.Slice(Position, (int)count);
        Position += (int)count;
        return bytes;
    }

    /// <summary>8 bits.</summary>
    public byte U8() => Bytes(1) is [var b] ? b : (byte)0;

    /// <summary>16 bits.</summary>
    public ushort U16() => Bytes(2) is { Length: 2 } b ? BinaryPrimitives.ReadUInt16LittleEndian(b) : (ushort)0;

    /// <summary>32 bits.</summary>
    public uint U32() => Bytes(4) is { Length: 4 } b ? BinaryPrimitives.ReadUInt32LittleEndian(b) : 0;

    /// <summary>64 bits.</summary>
    public long I64() => Bytes(8) is { Length: 8 } b ? BinaryPrimitives.ReadInt64LittleEndian(b) : 0;

    /// <summary>Unsigned LEB128, at most 64 bits.</summary>
    public ulong ULeb()
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var b = U8();
            value |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80)
                return value;
        }

        Failed = true;
        return 0;
    }

    /// <summary>Signed LEB128, at most 64 bits.</summary>
    public long SLeb()
    {
        var value = 0L;
        for (var shift = 0; shift < 64;)
        {
            var b = U8();
            value |= (long)(b & 0x7f) << shift;
            shift += 7;
            if (b < 0x80)
                return shift < 64 && (b & 0x40) != 0 ? value | (-1L << shift) : value;
        }

        Failed = true;
        return 0;
    }

    /// <summary>A zero-terminated string, as bytes.</summary>
    public ReadOnlySpan<byte> CString()
    {
        if (Failed || Position < 0 || Position > _data.Length)
        {
            Failed = true;
            return default;
        }

        // Not IndexOf (see PlainText).
        for (var end = Position; end < _data.Length; end++)
        {
            if (_data[end] != 0)
                continue;
            var text = _data[Position..end];
            Position = end + 1;
            return text;
        }

        Failed = true;
        return default;
    }
}
