using System.Buffers.Binary;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// The resources of a translated assembly, little-endian: the translator writes them, the loader reads them.
/// </summary>
public static class ModuleFormat
{
    /// <summary>What the translation of a region is called, in the mode that its file starts in.</summary>
    /// <param name="key">Name of the file's translation.</param>
    /// <param name="pc">Guest address.</param>
    public static string RegionName(string key, long pc) => string.Concat(key, "_", pc.ToString("x", System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Resource with the unchanged ELF file; empty in regions that were translated at run time.</summary>
    public const string ImageResource = "image.elf";

    /// <summary>
    /// Resource with the entry table: int64 load bias, int32 count n, then n ascending int64 guest pcs, then n int32
    /// method rows.
    /// </summary>
    public const string EntryResource = "entries";

    /// <summary>
    /// Resource of code with precise faults: where, before every access that the hardware may trap, the state block holds the
    /// registers, and the access's pc. Encoded as <see cref="MapResource"/>.
    /// </summary>
    public const string CommitResource = "commits";

    /// <summary>
    /// Resource of a program that has capabilities, whether or not the ELF file says so: a byte, 1 if the code is that of capability mode, else 0.
    /// </summary>
    public const string CapabilityResource = "capabilities";

    /// <summary>
    /// Resource with the IL-to-guest map: int32 method count m, m + 1 int32 offsets of the methods' parts, then the part of
    /// each method (<see cref="EncodeMap"/>).
    /// </summary>
    public const string MapResource = "pcmap";

    /// <summary>
    /// Kind of the custom debug information that repeats a method's part of the map in the PDB, for tools that have no use for
    /// resources.
    /// </summary>
    public static readonly Guid GuestAddresses = new("5b0a3c6e-8f0d-4a52-9c37-2f1c6d0e7a94");

    /// <summary>Encodes the entry table.</summary>
    public static byte[] EncodeEntries(long loadBias, IReadOnlyList<(long Pc, int Row)> entries)
    {
        var bytes = new byte[12 + (12 * entries.Count)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, loadBias);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), entries.Count);
        for (var k = 0; k < entries.Count; k++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(12 + (8 * k)), entries[k].Pc);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12 + (8 * entries.Count) + (4 * k)), entries[k].Row);
        }

        return bytes;
    }

    /// <summary>Encodes the maps of all methods, in row order.</summary>
    public static byte[] EncodeMaps(IReadOnlyList<(int Offset, long Pc)[]> maps)
    {
        var body = new List<byte>();
        var offsets = new int[maps.Count + 1];
        for (var m = 0; m < maps.Count; m++)
        {
            offsets[m] = body.Count;
            AppendMap(body, maps[m]);
        }

        offsets[maps.Count] = body.Count;
        var bytes = new byte[4 + (4 * offsets.Length) + body.Count];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, maps.Count);
        for (var m = 0; m < offsets.Length; m++)
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4 + (4 * m)), offsets[m]);
        body.CopyTo(bytes, 4 + (4 * offsets.Length));
        return bytes;
    }

    /// <summary>
    /// Encodes the map of one method: pairs of LEB128 numbers, IL offset delta (unsigned) and guest pc delta (zig-zag), from
    /// (0, 0). Each pair begins the IL of a guest instruction; of several at one offset the last counts.
    /// </summary>
    public static byte[] EncodeMap((int Offset, long Pc)[] map)
    {
        var body = new List<byte>();
        AppendMap(body, map);
        return [.. body];
    }

    /// <summary>Guest pc of the instruction whose IL contains <paramref name="offset"/>, from an encoded map.</summary>
    /// <param name="map">The resource.</param>
    /// <param name="method">Zero-based method row.</param>
    /// <param name="offset">IL offset.</param>
    public static long FindPc(ReadOnlySpan<byte> map, int method, int offset)
    {
        var count = BinaryPrimitives.ReadInt32LittleEndian(map);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)method, (uint)count);
        var body = map[(4 + (4 * (count + 1)))..];
        var part = body[BinaryPrimitives.ReadInt32LittleEndian(map[(4 + (4 * method))..])..BinaryPrimitives.ReadInt32LittleEndian(map[(8 + (4 * method))..])];
        var (at, pc, found) = (0UL, 0L, 0L);
        while (part.Length > 0)
        {
            at += ReadUnsigned(ref part);
            var zigzag = ReadUnsigned(ref part);
            pc += (long)(zigzag >> 1) ^ -(long)(zigzag & 1);
            if (at > (ulong)offset)
                break;
            found = pc;
        }

        return found;
    }

    private static void AppendMap(List<byte> body, (int Offset, long Pc)[] map)
    {
        var (offset, pc) = (0, 0L);
        foreach (var entry in map)
        {
            AppendUnsigned(body, (ulong)(entry.Offset - offset));
            var delta = entry.Pc - pc;
            AppendUnsigned(body, (ulong)((delta << 1) ^ (delta >> 63)));
            (offset, pc) = entry;
        }
    }

    private static void AppendUnsigned(List<byte> bytes, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
    }

    private static ulong ReadUnsigned(ref ReadOnlySpan<byte> bytes)
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            var next = bytes[0];
            bytes = bytes[1..];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
                return value;
        }
    }
}
