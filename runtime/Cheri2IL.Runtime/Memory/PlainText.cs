using System.Text;

namespace Cheri2IL.Runtime;

/// <summary>
/// Text as UTF-8 and back, and searches in it, by loops: .NET's own, which are faster by far in long texts, load some sixty types of vectors at their first use,
/// four milliseconds of a start. For names, paths and small files that every start has to do with.
/// </summary>
public static class PlainText
{
    /// <summary>The bytes of <paramref name="text"/>; of a surrogate by itself, those of U+FFFD.</summary>
    public static byte[] ToBytes(string text)
    {
        var bytes = new byte[text.Length];
        for (var k = 0; k < bytes.Length; k++)
        {
            if (text[k] >= 0x80)
                return Encoding.UTF8.GetBytes(text);
            bytes[k] = (byte)text[k];
        }

        return bytes;
    }

    /// <summary>The same with a zero behind them, as C's functions take names.</summary>
    public static byte[] ToTerminatedBytes(string text)
    {
        var bytes = new byte[text.Length + 1];
        for (var k = 0; k < text.Length; k++)
        {
            if (text[k] >= 0x80)
                return Encoding.UTF8.GetBytes(text + "\0");
            bytes[k] = (byte)text[k];
        }

        return bytes;
    }

    /// <summary>The text of <paramref name="bytes"/>; U+FFFD for what is not UTF-8.</summary>
    public static string FromBytes(ReadOnlySpan<byte> bytes)
    {
        var text = new char[bytes.Length];
        for (var k = 0; k < text.Length; k++)
        {
            if (bytes[k] >= 0x80)
                return Encoding.UTF8.GetString(bytes);
            text[k] = (char)bytes[k];
        }

        return new string(text);
    }

    /// <summary>Where <paramref name="character"/> first is; negative: nowhere.</summary>
    public static int IndexOf(string text, char character)
    {
        for (var k = 0; k < text.Length; k++)
        {
            if (text[k] == character)
                return k;
        }

        return -1;
    }

    /// <summary>What is between the separators, as <see cref="string.Split(char, StringSplitOptions)"/> has it.</summary>
    public static List<string> Split(string text, char separator)
    {
        List<string> parts = [];
        var start = 0;
        for (var k = 0; k <= text.Length; k++)
        {
            if (k < text.Length && text[k] != separator)
                continue;
            parts.Add(text[start..k]);
            start = k + 1;
        }

        return parts;
    }
}
