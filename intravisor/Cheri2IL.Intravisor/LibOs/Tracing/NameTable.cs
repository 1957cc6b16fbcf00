using System.Globalization;

namespace Cheri2IL.Intravisor.LibOs.Tracing;

/// <summary>Names of the values of an argument: a part that is one of several values, and bits that combine.</summary>
/// <param name="mask">Bits that hold the part that is one of several values.</param>
/// <param name="values">Its values; zero may be among them.</param>
/// <param name="bits">Other bits, those that consist of several before their parts.</param>
internal sealed class NameTable(long mask, (long Value, string Name)[] values, (long Value, string Name)[] bits)
{
    /// <summary>Names joined by "|"; what has none in hexadecimal.</summary>
    public string Format(long value)
    {
        var parts = new List<string>();
        var part = value & mask;
        var name = Array.Find(values, v => v.Value == part).Name;
        if (name is not null)
            parts.Add(name);
        var rest = name is null ? value : value & ~mask;
        foreach (var (bit, bitName) in bits)
        {
            if ((rest & bit) != bit)
                continue;
            parts.Add(bitName);
            rest &= ~bit;
        }

        if (rest != 0)
            parts.Add("0x" + rest.ToString("x", CultureInfo.InvariantCulture));
        return parts.Count == 0 ? "0" : string.Join('|', parts);
    }

    /// <summary>A table whose every value has a name of its own.</summary>
    public static NameTable Of(params (long Value, string Name)[] values) => new(-1, values, []);

    /// <summary>A table of bits only.</summary>
    public static NameTable OfBits(params (long Value, string Name)[] bits) => new(0, [], bits);
}
