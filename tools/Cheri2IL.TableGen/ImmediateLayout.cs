using System.Globalization;

namespace Cheri2IL.TableGen;

/// <summary>How the immediate's bits lie in the pattern: the manual's <c>imm[12|10:5|4:1|11]</c>, most significant 'i' first.</summary>
public sealed class ImmediateLayout
{
    private ImmediateLayout(bool signed, int[] bits)
    {
        IsSigned = signed;
        Bits = bits;
    }

    /// <summary>Whether the highest listed bit is the sign.</summary>
    public bool IsSigned { get; }

    /// <summary>Immediate bit of each 'i' character of the pattern, from the left.</summary>
    public IReadOnlyList<int> Bits { get; }

    /// <summary>Parses <c>simm[...]</c> or <c>uimm[...]</c>; null if the text is not of that form.</summary>
    public static ImmediateLayout? Parse(string text)
    {
        if (text.Length < 7 || text[0] is not ('s' or 'u') || !text.AsSpan(1).StartsWith("imm[") || text[^1] != ']')
            return null;
        var bits = new List<int>();
        foreach (var part in text[5..^1].Split('|'))
        {
            var ends = part.Split(':');
            if (ends.Length > 2 || !TryBit(ends[0], out var high) || !TryBit(ends[^1], out var low) || high < low)
                return null;
            for (var bit = high; bit >= low; bit--)
                bits.Add(bit);
        }

        return bits.Distinct().Count() == bits.Count ? new ImmediateLayout(text[0] == 's', [.. bits]) : null;
    }

    private static bool TryBit(string text, out int bit) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out bit) && bit < 32;
}
