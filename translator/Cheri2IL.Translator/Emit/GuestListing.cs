using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.Emit;

/// <summary>
/// The disassembly that debuggers step through where a program has no line information: one line for each translated
/// instruction without a source line, in order of address, and a label in front of each function.
/// </summary>
internal sealed class GuestListing
{
    private readonly StringBuilder _text = new();
    private readonly Dictionary<long, int> _lines = [];

    /// <summary>Lists the instructions of <paramref name="methods"/>.</summary>
    public GuestListing(GuestImage image, IReadOnlyList<MethodImage> methods)
    {
        var labels = new Dictionary<long, string>(methods.Count);
        foreach (var method in methods)
            labels.TryAdd(method.EntryPc, method.Name);
        var line = 0;
        foreach (var pc in methods.SelectMany(m => m.Body.Map).Select(m => m.Pc).Distinct().Where(pc => image.LineOf(pc) is null).Order())
        {
            if (labels.TryGetValue(pc, out var label))
            {
                _text.Append(label).Append(":\n");
                line++;
            }

            var code = image.TryDecode(pc, out var instruction, out _) ? RiscVDisassembler.FormatWithCode(instruction) : "(not an instruction)";
            _text.Append(CultureInfo.InvariantCulture, $"  {pc:x}: {code}\n");
            _lines.Add(pc, ++line);
        }
    }

    /// <summary>Line, from 1, of an instruction that has no source line.</summary>
    public int LineOf(long pc) => _lines[pc];

    /// <summary>The text in UTF-8.</summary>
    public byte[] Encode() => Encoding.UTF8.GetBytes(_text.ToString());

    /// <summary>"Embedded Source" of the portable PDB specification: uncompressed size, then a deflate stream.</summary>
    public static byte[] Compress(ReadOnlySpan<byte> text)
    {
        using var result = new MemoryStream();
        Span<byte> size = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(size, text.Length);
        result.Write(size);
        using (var deflate = new DeflateStream(result, CompressionLevel.Optimal, leaveOpen: true))
            deflate.Write(text);
        return result.ToArray();
    }
}
