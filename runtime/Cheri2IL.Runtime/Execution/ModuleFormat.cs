using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>Metadata rows (from 1) of a function that is split, as they are in a file: the project runs on little-endian machines alone.</summary>
/// <param name="Function">Its own row: that of its first part.</param>
/// <param name="NextPart">Row of its second part; the others follow.</param>
/// <param name="NextParts">Parts from there on.</param>
/// <param name="Whole">Row of the function in one method.</param>
[StructLayout(LayoutKind.Sequential, Pack = sizeof(int))]
public readonly record struct SplitRows(int Function, int NextPart, int NextParts, int Whole)
{
    /// <summary>Bytes.</summary>
    public const int Length = 4 * sizeof(int);
}

/// <summary>A range of guest memory, as it is in a file.</summary>
/// <param name="Start">Guest address of the first byte.</param>
/// <param name="End">First guest address behind.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct AddressRange(long Start, long End);

/// <summary>
/// The resources of a translated assembly, little-endian: the translator writes them, the loader reads them.
/// </summary>
public static class ModuleFormat
{
    /// <summary>What the translation of a region is called, in the mode that its file starts in.</summary>
    /// <param name="key">Name of the file's translation.</param>
    /// <param name="pc">Guest address.</param>
    public static string RegionName(string key, long pc) => string.Concat(key, "_", pc.ToString("x", System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>
    /// Guest code, in bytes, that is one part of a file that is translated in parts: a power of two. A function belongs to the part that it starts in.
    /// </summary>
    public const long PartBytes = 128 << 10;

    private const string PartSuffix = "_part";

    /// <summary>What the translation of the part with an address is called.</summary>
    /// <param name="key">Name of the file's translation.</param>
    /// <param name="pc">Guest address.</param>
    public static string PartName(string key, long pc) => RegionName(key, pc & -PartBytes) + PartSuffix;

    /// <summary>Whether that is the name of a part.</summary>
    public static bool IsPartName(string name) => name.EndsWith(PartSuffix, StringComparison.Ordinal);

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

    /// <summary>Resource of code that relies on constants: ascending pairs of int64 (<see cref="AddressRange"/>).</summary>
    public const string ConstantResource = "constants";

    /// <summary>
    /// Resource with the IL-to-guest map: int32 method count m, then for each method two int32, where its part starts and ends behind
    /// these, then the parts (<see cref="EncodeMap"/>).
    /// </summary>
    public const string MapResource = "pcmap";

    /// <summary>
    /// Resource of an assembly in which functions are split because RyuJIT would not optimise them as one method, although it does for crossgen2: int32
    /// count n, then n times four int32 (<see cref="SplitRows"/>). The rows of whole functions are the last n.
    /// </summary>
    public const string WholeResource = "whole";

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
        var header = new byte[BoundsOfMap(maps.Count).Start.Value];
        BinaryPrimitives.WriteInt32LittleEndian(header, maps.Count);
        for (var m = 0; m < maps.Count; m++)
        {
            var bounds = header.AsSpan(BoundsOfMap(m));
            BinaryPrimitives.WriteInt32LittleEndian(bounds, body.Count);
            AppendMap(body, maps[m]);
            BinaryPrimitives.WriteInt32LittleEndian(bounds[sizeof(int)..], body.Count);
        }

        return [.. header, .. body];
    }

    /// <summary>Where in a resource of maps the start and the end of a method's part are.</summary>
    /// <param name="method">Zero-based method row.</param>
    public static Range BoundsOfMap(int method) => (sizeof(int) + (2 * sizeof(int) * method))..(sizeof(int) + (2 * sizeof(int) * (method + 1)));

    /// <summary>Encodes constants: ranges, in any order, that may overlap.</summary>
    public static byte[] EncodeConstants(IEnumerable<AddressRange> ranges)
    {
        var joined = new List<AddressRange>();
        foreach (var range in ranges.OrderBy(r => r.Start))
        {
            if (joined.Count > 0 && range.Start <= joined[^1].End)
                joined[^1] = new AddressRange(joined[^1].Start, Math.Max(joined[^1].End, range.End));
            else
                joined.Add(range);
        }

        return MemoryMarshal.AsBytes<AddressRange>([.. joined]).ToArray();
    }

    /// <summary>Encodes which functions are split, and there whole, too.</summary>
    public static byte[] EncodeWhole(IReadOnlyList<SplitRows> functions)
    {
        var bytes = new byte[sizeof(int) + (functions.Count * SplitRows.Length)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, functions.Count);
        MemoryMarshal.AsBytes<SplitRows>([.. functions]).CopyTo(bytes.AsSpan(sizeof(int)));
        return bytes;
    }

    /// <summary>The functions of a <see cref="WholeResource"/>.</summary>
    /// <exception cref="BadImageFormatException">Its length is not what its count says.</exception>
    public static SplitRows[] DecodeWhole(ReadOnlySpan<byte> resource)
        => resource.Length >= sizeof(int) && resource.Length == sizeof(int) + (BinaryPrimitives.ReadInt32LittleEndian(resource) * (long)SplitRows.Length)
            ? MemoryMarshal.Cast<byte, SplitRows>(resource[sizeof(int)..]).ToArray()
            : throw new BadImageFormatException("the table of whole functions is malformed");

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
        var bounds = map[BoundsOfMap(method)];
        var part = map[BoundsOfMap(count).Start..][BinaryPrimitives.ReadInt32LittleEndian(bounds)..BinaryPrimitives.ReadInt32LittleEndian(bounds[sizeof(int)..])];
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
