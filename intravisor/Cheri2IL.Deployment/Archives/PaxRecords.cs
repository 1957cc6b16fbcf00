using System.Globalization;
using System.Text;

namespace Cheri2IL.Deployment.Archives;

/// <summary>Records of a pax header (POSIX.1-2017, pax, "pax Extended Header"): keys and values as bytes.</summary>
internal sealed class PaxRecords
{
    private const string Attribute = "SCHILY.xattr.";
    private const string Sparse = "GNU.sparse.";

    /// <summary>Longest value of an extended attribute (XATTR_SIZE_MAX).</summary>
    private const int LongestAttribute = 65536;

    /// <summary>Longest name of an extended attribute (XATTR_NAME_MAX).</summary>
    private const int LongestAttributeName = 255;

    private readonly Dictionary<string, byte[]> _values = new(StringComparer.Ordinal);

    /// <summary>
    /// Keys that count in a header for all following entries. Others, as extended attributes, would be copied for each of them: a small archive could
    /// take all memory.
    /// </summary>
    private static readonly HashSet<string> _general = new(StringComparer.Ordinal) { "path", "linkpath", "size", "uid", "gid", "mtime" };

    /// <summary>Whether there are none.</summary>
    public bool IsEmpty => _values.Count == 0;

    /// <summary>Whether it describes a file with holes as GNU tar does.</summary>
    public bool IsSparse => _values.Keys.Any(k => k.StartsWith(Sparse, StringComparison.Ordinal));

    /// <summary>Adds records, which replace earlier ones of the same key; false if they are malformed.</summary>
    /// <param name="records">The records.</param>
    /// <param name="isGeneral">Whether they are of a header for all following entries.</param>
    public bool TryAdd(ReadOnlySpan<byte> records, bool isGeneral = false)
    {
        while (!records.IsEmpty)
        {
            // LENGTH SPACE KEY = VALUE NEWLINE, where LENGTH counts all of it.
            var space = records.IndexOf((byte)' ');
            if (space is < 1 or > 10 || !int.TryParse(Encoding.ASCII.GetString(records[..space]), NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                || length <= space + 1 || length > records.Length || records[length - 1] != (byte)'\n')
                return false;
            var record = records[(space + 1)..(length - 1)];
            var equals = record.IndexOf((byte)'=');
            if (equals < 1)
                return false;
            var key = Encoding.Latin1.GetString(record[..equals]);
            var value = record[(equals + 1)..];
            records = records[length..];
            if (isGeneral && !_general.Contains(key) && !key.StartsWith(Sparse, StringComparison.Ordinal))
                continue;
            // An empty value takes back what was said before; attributes may be empty.
            if (value.IsEmpty && !key.StartsWith(Attribute, StringComparison.Ordinal))
                _values.Remove(key);
            else
                _values[key] = value.ToArray();
        }

        return true;
    }

    /// <summary>Adds those of a header for all following entries in front of an entry's own.</summary>
    public PaxRecords Over(PaxRecords global)
    {
        if (global.IsEmpty)
            return this;
        var both = new PaxRecords();
        foreach (var (key, value) in global._values.Concat(_values))
            both._values[key] = value;
        return both;
    }

    /// <summary>A value as text with a character for each byte; null: there is none.</summary>
    public string? Text(string key) => _values.TryGetValue(key, out var value) ? Encoding.Latin1.GetString(value) : null;

    /// <summary>A number that is not negative; false if there is one that is malformed.</summary>
    public bool TryNumber(string key, ref long number)
        => Text(key) is not { } text || long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    /// <summary>A time in nanoseconds, from seconds with a fraction; false if there is one that is malformed.</summary>
    public bool TryTime(string key, ref long nanoseconds)
    {
        if (Text(key) is not { } text)
            return true;
        if (!decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds))
            return false;
        nanoseconds = Nanoseconds(decimal.Clamp(seconds, -10_000_000_000, 10_000_000_000) * 1_000_000_000);
        return true;
    }

    /// <summary>The nearest time that can be expressed.</summary>
    public static long Nanoseconds(decimal nanoseconds) => (long)Math.Floor(decimal.Clamp(nanoseconds, long.MinValue, long.MaxValue));

    /// <summary>Extended attributes; null: none. False if there is one that no file can have.</summary>
    public bool TryAttributes(out IReadOnlyDictionary<string, byte[]>? attributes)
    {
        Dictionary<string, byte[]>? found = null;
        foreach (var (key, value) in _values)
        {
            if (!key.StartsWith(Attribute, StringComparison.Ordinal))
                continue;
            found ??= new Dictionary<string, byte[]>(StringComparer.Ordinal);
            found[key[Attribute.Length..]] = value;
        }

        attributes = found;
        return found is null || found.All(a => a.Key.Length is > 0 and <= LongestAttributeName && a.Value.Length <= LongestAttribute && !a.Key.Contains('\0', StringComparison.Ordinal));
    }
}
