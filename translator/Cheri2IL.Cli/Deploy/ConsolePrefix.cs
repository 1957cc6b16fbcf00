using System.Text;

namespace Cheri2IL.Cli.Deploy;

/// <summary>Prints the lines of several consoles on the tool's own, each behind its cVM's name: aligned, and on terminals coloured.</summary>
/// <remarks>
/// Thread-safe; a line is one write. On a terminal, control characters of guests are shown as ^X: what a guest prints must not
/// move the cursor over what others have printed, or do worse.
/// </remarks>
internal sealed class ConsolePrefix
{
    private static readonly int[] Colours = [36, 33, 32, 35, 34, 31, 96, 93, 92, 95, 94, 91];

    private readonly Lock _gate = new();
    private readonly Dictionary<string, byte[][]> _prefixes = new(StringComparer.Ordinal);
    private readonly Stream[] _streams;
    private readonly bool[] _isTerminal;

    /// <summary>Prints on the streams of this process.</summary>
    /// <param name="names">Names, in order.</param>
    /// <param name="isErrorOnly">Whether stdout is for something else: then everything goes to stderr.</param>
    public ConsolePrefix(IReadOnlyList<string> names, bool isErrorOnly)
        : this(
            names,
            [isErrorOnly ? Console.OpenStandardError() : Console.OpenStandardOutput(), Console.OpenStandardError()],
            [isErrorOnly ? !Console.IsErrorRedirected : !Console.IsOutputRedirected, !Console.IsErrorRedirected])
    {
    }

    /// <summary>Prints on two streams.</summary>
    internal ConsolePrefix(IReadOnlyList<string> names, Stream[] streams, bool[] isTerminal)
    {
        _streams = streams;
        _isTerminal = isTerminal;
        var width = names.Max(n => n.Length);
        var hasColours = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        for (var k = 0; k < names.Count; k++)
        {
            var plain = $"{names[k].PadRight(width)} | ";
            var coloured = hasColours ? $"\u001b[{Colours[k % Colours.Length]}m{plain}\u001b[0m" : plain;
            _prefixes[names[k]] = [.. isTerminal.Select(t => Encoding.UTF8.GetBytes(t ? coloured : plain))];
        }
    }

    /// <summary>Prints a line.</summary>
    public void Write(string cvm, int stream, ReadOnlySpan<byte> line)
    {
        var index = stream == 2 ? 1 : 0;
        var output = Compose(_prefixes[cvm][index], line, _isTerminal[index]);
        lock (_gate)
        {
            try
            {
                _streams[index].Write(output);
            }
            catch (IOException)
            {
                // Nobody reads any more; the guests go on.
            }
        }
    }

    /// <summary>A line behind a prefix, with its end; for a terminal with control characters made visible.</summary>
    public static ReadOnlySpan<byte> Compose(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> line, bool isTerminal)
    {
        var output = new byte[prefix.Length + (2 * line.Length) + 1];
        prefix.CopyTo(output);
        var at = prefix.Length;
        for (var k = 0; k < line.Length; k++)
        {
            var b = line[k];
            var isControl = b is < 0x20 and not (byte)'\t' or 0x7f;

            // U+0080 to U+009F are control characters, too, of two bytes in UTF-8.
            var isWideControl = b == 0xc2 && k + 1 < line.Length && line[k + 1] is >= 0x80 and < 0xa0;
            if (isTerminal && (isControl || isWideControl))
            {
                output[at++] = (byte)'^';
                output[at++] = isControl ? (byte)(b ^ 0x40) : (byte)'?';
                k += isWideControl ? 1 : 0;
            }
            else
            {
                output[at++] = b;
            }
        }

        output[at++] = (byte)'\n';
        return output.AsSpan(0, at);
    }
}
