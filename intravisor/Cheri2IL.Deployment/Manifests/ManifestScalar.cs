using System.Globalization;
using System.Text.Json;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;

namespace Cheri2IL.Deployment.Manifests;

/// <summary>How single values are written: one reader for each type, and what it accepts in words.</summary>
internal static class ManifestScalar
{
    /// <summary>Reads a value of <paramref name="type"/>; null if the text is none, or not in the key's range.</summary>
    public static object? Read(Type type, string text, ManifestKeyAttribute key)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        object? value = plain == typeof(string) ? text
            : plain == typeof(bool) ? Flag(text)
            : plain == typeof(int) ? Number(text) is >= int.MinValue and <= int.MaxValue and var number ? (int)number : null
            : plain == typeof(ulong) ? Bytes(text)
            : plain == typeof(TimeSpan) ? Duration(text)
            : plain == typeof(CpRights) ? Rights(text)
            : plain == typeof(PublishedPort) ? PublishedPort.Parse(text, "->")
            : plain == typeof(ReachableHost) ? ReachableHost.Parse(text)
            : plain.IsEnum ? Word(plain, text)
            : throw new InvalidOperationException($"manifests have no values of type {plain.Name}");
        var size = value switch
        {
            int v => v,
            ulong v => v,
            TimeSpan v => v.TotalSeconds,
            _ => key.Minimum,
        };
        return size >= key.Minimum && size <= key.Maximum ? value : null;
    }

    /// <summary>What <see cref="Read"/> accepts.</summary>
    public static string Accepts(Type type, ManifestKeyAttribute key)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        return plain == typeof(bool) ? "0, 1, true or false"
            : plain == typeof(int) ? $"a number, {key.Minimum:F0} to {key.Maximum:F0}"
            : plain == typeof(ulong) ? $"a number, decimal or hexadecimal (0x...), with an optional suffix K, M, G or T{Range(key)}"
            : plain == typeof(TimeSpan) ? string.Create(CultureInfo.InvariantCulture, $"seconds, or a number with ms, s, m or h; {key.Minimum} to {key.Maximum} s")
            : plain == typeof(CpRights) ? $"one or more of {string.Join(", ", Names(plain))}, separated by commas"
            : plain == typeof(PublishedPort) ? "[ADDRESS:]PORT->PORT[/udp], as in 127.0.0.1:8080->80"
            : plain == typeof(ReachableHost) ? "HOST:PORT[/udp], as in example.org:443"
            : plain.IsEnum ? string.Join(", ", Names(plain))
            : "text";
    }

    /// <summary>Names of an enumeration's members as manifests have them: OnFailure is on-failure. None is never written.</summary>
    public static IEnumerable<string> Names(Type type)
        => Enum.GetNames(type).Where(n => n != "None").Select(n => JsonNamingPolicy.KebabCaseLower.ConvertName(n));

    private static string Range(ManifestKeyAttribute key)
        => key.Maximum < ulong.MaxValue ? $"; {Bytes(key.Minimum)} to {Bytes(key.Maximum)}" : "";

    private static string Bytes(double number)
    {
        var value = (ulong)number;
        var unit = 0;
        while (value >= 1024 && value % 1024 == 0 && unit < 4)
        {
            value /= 1024;
            unit++;
        }

        return value + (unit == 0 ? "" : "KMGT"[unit - 1].ToString());
    }

    private static bool? Flag(string text) => text.ToLowerInvariant() switch
    {
        "1" or "true" or "yes" => true,
        "0" or "false" or "no" => false,
        _ => null,
    };

    private static long? Number(string text)
        => text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hex) ? hex : null
            : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static ulong? Bytes(string text)
    {
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hex) ? hex : null;
        var shift = text.Length == 0 ? 0 : char.ToUpperInvariant(text[^1]) switch
        {
            'K' => 10,
            'M' => 20,
            'G' => 30,
            'T' => 40,
            _ => 0,
        };
        return ulong.TryParse(shift == 0 ? text : text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= ulong.MaxValue >> shift
            ? number << shift : null;
    }

    private static TimeSpan? Duration(string text)
    {
        var (digits, unit) = text switch
        {
            [.. var d, 'm', 's'] => (d, 0.001),
            [.. var d, 's'] => (d, 1.0),
            [.. var d, 'm'] => (d, 60.0),
            [.. var d, 'h'] => (d, 3600.0),
            _ => (text, 1.0),
        };
        return double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number * unit <= 1e9
            ? TimeSpan.FromSeconds(number * unit) : null;
    }

    private static object? Word(Type type, string text)
    {
        var index = Names(type).ToList().IndexOf(text);
        return index < 0 ? null : Enum.Parse(type, Enum.GetNames(type).Where(n => n != "None").ElementAt(index));
    }

    private static CpRights? Rights(string text)
    {
        var rights = CpRights.None;
        foreach (var word in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (Word(typeof(CpRights), word) is not CpRights right)
                return null;
            rights |= right;
        }

        return rights;
    }
}
