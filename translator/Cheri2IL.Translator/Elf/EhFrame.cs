namespace Cheri2IL.Translator.Elf;

/// <summary>Function extents from .eh_frame (Linux Standard Base, 10.6): the initial location and range of every FDE.</summary>
internal static class EhFrame
{
    private const byte Omit = 0xff;

    /// <summary>Address of .eh_frame from an .eh_frame_hdr section at <paramref name="address"/>, or null.</summary>
    public static long? LocateFromHeader(long address, ReadOnlySpan<byte> content)
    {
        var reader = new ElfReader(content);
        if (reader.U8() != 1)
            return null;
        var encoding = reader.U8();
        reader.U8();
        reader.U8();
        var frame = Pointer(ref reader, encoding, address);
        return reader.Failed ? null : frame;
    }

    /// <summary>Extents, ascending, without duplicates.</summary>
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
            if (length > reader.Remaining)
            {
                warning = $".eh_frame is cut off at 0x{address + start:x}";
                break;
            }

            var id = reader.U32();
            if (id == 0)
            {
                encodings[start] = CieEncoding(content.Slice(body, (int)length));
            }
            else if (encodings.TryGetValue(body - (int)Math.Min(id, int.MaxValue), out var encoding) && encoding != Omit)
            {
                var location = Pointer(ref reader, encoding, address);
                // The range has the format of the location, without its base.
                var range = Pointer(ref reader, (byte)(encoding & 0x0f), address);
                if (!reader.Failed && range > 0)
                    ranges.Add((location, range));
            }

            reader.Position = body + (int)length;
        }

        ranges.Sort();
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
                    Pointer(ref reader, (byte)(reader.U8() & 0x0f), 0);
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

    /// <summary>DW_EH_PE: the low four bits are the format, bits 4 to 6 the base (absolute or pc-relative).</summary>
    private static long Pointer(ref ElfReader reader, byte encoding, long sectionAddress)
    {
        const int PcRelative = 0x10;
        var at = sectionAddress + reader.Position;
        var value = (encoding & 0x0f) switch
        {
            0x00 or 0x04 or 0x0c => reader.I64(),
            0x01 => (long)reader.ULeb(),
            0x02 => reader.U16(),
            0x03 => reader.U32(),
            0x09 => reader.SLeb(),
            0x0a => (short)reader.U16(),
            0x0b => (int)reader.U32(),
            _ => 0,
        };
        return (encoding & 0x70) == PcRelative ? value + at : value;
    }
}
