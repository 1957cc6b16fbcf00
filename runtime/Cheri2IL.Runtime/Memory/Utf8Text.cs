using System.Text;

namespace Cheri2IL.Runtime;

/// <summary>
/// Text as UTF-8 and back. What is ASCII, as nearly all names and paths are, takes a loop: .NET's own conversions, and its searches in spans, load some
/// sixty types of vectors at their first use, four milliseconds of a start.
/// </summary>
public static class Utf8Text
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
}
