using System.Buffers.Binary;
using System.Text;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Puts messages of netlink together, one behind the other (linux/netlink.h).</summary>
/// <param name="bytes">Where.</param>
/// <param name="sequence">Number of the request that they answer.</param>
/// <param name="port">Of whom asked.</param>
/// <param name="flags">NLM_F_ flags.</param>
internal ref struct NetlinkWriter(Span<byte> bytes, uint sequence, uint port, int flags)
{
    private readonly Span<byte> _bytes = bytes;
    private int _start;
    private int _length;

    /// <summary>The messages that are complete.</summary>
    public readonly Span<byte> Bytes => _bytes[.._length];

    /// <summary>Begins a message.</summary>
    public void Begin(ushort type)
    {
        _start = _length;
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes[(_start + 4)..], type);
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes[(_start + 6)..], (ushort)flags);
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes[(_start + 8)..], sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes[(_start + 12)..], port);
        _length += 16;
    }

    /// <summary>A word of its fixed part.</summary>
    public void Put(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_bytes[_length..], value);
        _length += sizeof(int);
    }

    /// <summary>Bytes, and what is missing to a word.</summary>
    public void Put(scoped ReadOnlySpan<byte> data)
    {
        data.CopyTo(_bytes[_length..]);
        _length += (data.Length + 3) & ~3;
    }

    /// <summary>An attribute.</summary>
    public void PutAttribute(ushort type, scoped ReadOnlySpan<byte> data)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes[_length..], (ushort)(4 + data.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes[(_length + 2)..], type);
        _length += 4;
        Put(data);
    }

    /// <summary>An attribute of text, with the zero behind it.</summary>
    public void PutAttribute(ushort type, string text) => PutAttribute(type, Encoding.Latin1.GetBytes(text + "\0"));

    /// <summary>An attribute of a word.</summary>
    public void PutAttribute(ushort type, int value)
    {
        Span<byte> data = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(data, value);
        PutAttribute(type, data);
    }

    /// <summary>Ends the message.</summary>
    public readonly void End() => BinaryPrimitives.WriteInt32LittleEndian(_bytes[_start..], _length - _start);
}
