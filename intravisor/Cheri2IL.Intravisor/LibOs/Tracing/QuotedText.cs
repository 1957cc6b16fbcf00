using System.Text;

namespace Cheri2IL.Intravisor.LibOs.Tracing;

/// <summary>Bytes of a guest as a C string literal.</summary>
internal static class QuotedText
{
    /// <summary>Most bytes shown of a buffer; paths are shown whole.</summary>
    public const int MaxBytes = 32;

    /// <summary>The literal; all that is not printable ASCII is escaped, octal where C has no letter for it.</summary>
    /// <param name="bytes">What to show.</param>
    /// <param name="isCut">Whether "..." shows that there is more.</param>
    public static string Quote(ReadOnlySpan<byte> bytes, bool isCut)
    {
        var text = new StringBuilder("\"");
        for (var k = 0; k < bytes.Length; k++)
        {
            var isDigitNext = k + 1 < bytes.Length && bytes[k + 1] is >= (byte)'0' and <= (byte)'9';
            _ = bytes[k] switch
            {
                (byte)'"' => text.Append("\\\""),
                (byte)'\\' => text.Append(@"\\"),
                (byte)'\n' => text.Append(@"\n"),
                (byte)'\r' => text.Append(@"\r"),
                (byte)'\t' => text.Append(@"\t"),
                (byte)'\v' => text.Append(@"\v"),
                (byte)'\f' => text.Append(@"\f"),
                >= 0x20 and < 0x7f => text.Append((char)bytes[k]),
                _ => text.Append('\\').Append(Convert.ToString(bytes[k], 8).PadLeft(isDigitNext ? 3 : 1, '0')),
            };
        }

        return text.Append(isCut ? "\"..." : "\"").ToString();
    }
}
