using System.Globalization;

namespace Cheri2IL.FileTests;

/// <summary>
/// Floating-point register images as text that loses nothing: <c>1.5d</c> is binary64, <c>1.5s</c> a NaN-boxed binary32, with
/// <c>inf</c> and <c>nan</c> (the canonical one); other NaNs, and doubles that are mere bit patterns, are hexadecimal.
/// </summary>
internal static class FloatText
{
    private const long CanonicalDouble = 0x7ff8000000000000;
    private const int CanonicalSingle = 0x7fc00000;

    public static double Parse(string text)
    {
        if (text.StartsWith("0x", StringComparison.Ordinal))
            return BitConverter.UInt64BitsToDouble(ulong.Parse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
        var digits = text[..^1] switch
        {
            "inf" => "Infinity",
            "-inf" => "-Infinity",
            var other => other,
        };
        return text[^1] switch
        {
            'd' when digits == "nan" => BitConverter.Int64BitsToDouble(CanonicalDouble),
            's' when digits == "nan" => Box(CanonicalSingle),
            'd' => double.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture),
            's' => Box(BitConverter.SingleToInt32Bits(float.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture))),
            _ => throw new FormatException($"'{text}' ends neither in d nor in s"),
        };
    }

    public static string Format(double image)
    {
        var bits = BitConverter.DoubleToInt64Bits(image);
        if (bits == CanonicalDouble)
            return "nand";
        if (!double.IsNaN(image))
            return Name(image.ToString("R", CultureInfo.InvariantCulture)) + "d";
        var single = BitConverter.Int32BitsToSingle((int)bits);
        if (bits >>> 32 == 0xffffffff && (!float.IsNaN(single) || (int)bits == CanonicalSingle))
            return (float.IsNaN(single) ? "nan" : Name(single.ToString("R", CultureInfo.InvariantCulture))) + "s";
        return "0x" + bits.ToString("x", CultureInfo.InvariantCulture);
    }

    private static string Name(string number) => number.Replace("Infinity", "inf", StringComparison.Ordinal);

    private static double Box(int bits) => BitConverter.Int64BitsToDouble(unchecked((long)0xffffffff00000000) | (uint)bits);
}
