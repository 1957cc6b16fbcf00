using System.Buffers.Binary;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Control messages for a guest, as far as there is room for them (net/core/scm.c, put_cmsg).</summary>
/// <param name="bytes">Where they are put together.</param>
/// <param name="room">Bytes that the guest has for them.</param>
internal ref struct ControlWriter(Span<byte> bytes, long room)
{
    /// <summary>Bytes of struct cmsghdr.</summary>
    public const int Header = 16;

    private readonly Span<byte> _bytes = bytes;

    /// <summary>Bytes so far.</summary>
    public int Length { get; private set; }

    /// <summary>MSG_CTRUNC if one did not fit.</summary>
    public int Flags { get; set; }

    /// <summary>Bytes of data for which there is room in the next one; negative: not even for its header.</summary>
    public readonly long Room => room - Length - Header;

    /// <summary>Adds one, cut off where there is no room for all of it.</summary>
    public void Put(int level, int type, scoped ReadOnlySpan<byte> data)
    {
        if (Room < data.Length)
            Flags |= SocketAbi.MSG_CTRUNC;
        if (Room < 0)
            return;
        data = data[..(int)Math.Min(data.Length, Room)];
        var at = _bytes[Length..];
        BinaryPrimitives.WriteInt64LittleEndian(at, Header + data.Length);
        BinaryPrimitives.WriteInt32LittleEndian(at[8..], level);
        BinaryPrimitives.WriteInt32LittleEndian(at[12..], type);
        data.CopyTo(at[Header..]);
        var aligned = (Header + data.Length + 7) & ~7;
        at[(Header + data.Length)..aligned].Clear();
        Length = (int)Math.Min(Length + aligned, room);
    }
}
