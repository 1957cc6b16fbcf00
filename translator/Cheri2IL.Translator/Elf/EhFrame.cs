using Cheri2IL.Runtime.Elf;

namespace Cheri2IL.Translator.Elf;

/// <summary>Function extents from .eh_frame (Linux Standard Base, 10.6): the initial location and range of every FDE.</summary>
internal static class EhFrame
{
    // DW_EH_PE, Linux Standard Base 10.5: the low four bits are the format, bits 4 to 6 the base, bit 7 an indirection.
    private const byte Omit = 0xff;
    private const int FormatMask = 0x0f;
    private const int BaseMask = 0x70;
    private const int PcRelative = 0x10;
    private const int Indirect = 0x80;

    /// <summary>Address of .eh_frame from an .eh_frame_hdr section at <paramref name="address"/>, or null.</summary>
    public static long? LocateFromHeader(long address, ReadOnlySpan<byte> content)
    {
        var reader = new ElfReader(content);
        if (reader.U8() != 1)
            return null;
        var encoding = reader.U8();
        reader.U8();
        reader.U8();
        if (!IsUsable(encoding))
            return null;
        var frame = Pointer(ref reader, encoding, address);
        return reader.Failed ? null : frame;
    }

    /// <summary>Extents, ascending; of several with one start, the longest.</summary>
    /// <param name="address">Address of the section.</param>
    /// <param name="content">Its bytes (may run on past its end: a zero length ends it).</param>
    /// <param name="warning">What was malformed, or null.</param>
    public static List<(long Start, long Length)> Ranges(long address, ReadOnlySpan<byte> content, out string? warning)
    {
        warning = null;
        var ranges = new List<(long Start, long Length)>();
        var encodings = new Dictionary<int, byte>();
        var reader = new ElfReader(content);
        while (reader.Remaining >= 8)
        {
            var start = reader.Position;
            var length = reader.U32();
            if (length == 0)
                break;
            var body = reader.Position;
            if (length < 4 || length > reader.Remaining)
            {
                warning = $".eh_frame is cut off or malformed at 0x{address + start:x}";
                break;
            }

            var id = reader.U32();
            if (id == 0)
            {
                encodings[start] = CieEncoding(content.Slice(body, (int)length));
            }
            else if (encodings.TryGetValue(body - (int)Math.Min(id, int.MaxValue), out var encoding) && IsUsable(encoding))
            {
                var fields = new ElfReader(content.Slice(body, (int)length)) { Position = 4 };
                var location = Pointer(ref fields, encoding, address + body);
                // The range has the format of the location, without its base.
                var range = Pointer(ref fields, (byte)(encoding & FormatMask), 0);
                if (!fields.Failed && range > 0)
                    ranges.Add((location, range));
                else
                    warning ??= $".eh_frame: the entry at 0x{address + start:x} has no valid range";
            }
            else
            {
                warning ??= $".eh_frame: the entry at 0x{address + start:x} belongs to no usable common entry";
            }

            reader.Position = body + (int)length;
        }

        ranges.Sort(static (a, b) => a.Start != b.Start ? a.Start.CompareTo(b.Start) : b.Length.CompareTo(a.Length));
        return [.. ranges.DistinctBy(r => r.Start)];
    }

    /// <summary>Pointer encoding that a CIE's 'R' augmentation gives its FDEs; absolute 8 bytes by default.</summary>
    private static byte CieEncoding(ReadOnlySpan<byte> cie)
    {
        var reader = new ElfReader(cie);
        reader.U32();
        var version = reader.U8();
        var augmentation = reader.CString();
        if (version is not (1 or 3) || augmentation.Length > 16)
            return Omit;
        reader.ULeb();
        reader.SLeb();
        if (version == 1)
            reader.U8();
        else
            reader.ULeb();
        if (augmentation.IsEmpty)
            return 0;
        if (augmentation[0] != (byte)'z')
            return Omit;
        reader.ULeb();
        foreach (var letter in augmentation[1..])
        {
            switch ((char)letter)
            {
                case 'R':
                    var encoding = reader.U8();
                    return reader.Failed ? Omit : encoding;
                case 'P':
                    // Only its length matters.
                    Pointer(ref reader, (byte)(reader.U8() & FormatMask), 0);
                    break;
                case 'L':
                    reader.U8();
                    break;
                case 'S' or 'B':
                    break;
                default:
                    return Omit;
            }
        }

        return 0;
    }

    private static bool IsUsable(byte encoding)
        => (encoding & Indirect) == 0 && (encoding & BaseMask) is 0 or PcRelative && (encoding & FormatMask) is 0x00 or 0x01 or 0x02 or 0x03 or 0x04 or 0x09 or 0x0a or 0x0b or 0x0c;

    /// <summary>A pointer in a usable encoding; <paramref name="origin"/> is the address of the reader's first byte.</summary>
    private static long Pointer(ref ElfReader reader, byte encoding, long origin)
    {
        var at = origin + reader.Position;
        var value = (encoding & FormatMask) switch
        {
            0x01 => (long)reader.ULeb(),
            0x02 => reader.U16(),
            0x03 => reader.U32(),
            0x09 => reader.SLeb(),
            0x0a => (short)reader.U16(),
            0x0b => (int)reader.U32(),
            _ => reader.I64(),
        };
        return (encoding & BaseMask) == PcRelative ? value + at : value;
    }
}
