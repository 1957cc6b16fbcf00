using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Translator.Lifting;

namespace Cheri2IL.FileTests;

/// <summary>
/// Stage lift: guest code and the IR it becomes. A piece is a line <c>code ADDRESS "name"</c>, for CHERI-RISC-V with <c>integer</c> or
/// <c>capability</c> (the encoding mode) behind it, one encoded instruction per
/// indented line, and perhaps lines <c>data ADDRESS BYTES</c>. The runner writes the disassembly behind each instruction and
/// the lifted function behind each piece.
/// </summary>
internal static partial class LiftRunner
{
    public static string Render(Fixture fixture)
    {
        var text = new StringBuilder(fixture.Header);
        foreach (var piece in Pieces(fixture.Body))
        {
            text.Append("\ncode 0x").Append(piece.Start.ToString("x", CultureInfo.InvariantCulture)).Append(" \"").Append(piece.Name).Append('"').Append(Mode(piece.Isa)).Append('\n');
            foreach (var (address, word) in piece.Words)
            {
                text.Append("  ").Append(word);
                text.Append(" ; ").Append(piece.TryDecode(address, out var instruction, out _) ? RiscVDisassembler.Format(instruction) : "does not decode").Append('\n');
            }

            foreach (var line in piece.Data)
                text.Append(line).Append('\n');
            var function = RegionBuilder.Build(piece, piece.Start, piece.Start, piece.End, piece.Name).Function;
            IrVerifier.ThrowIfInvalid(function, "lifting");
            text.Append('\n');
            IrPrinter.Print(function, text);
        }

        return text.ToString();
    }

    /// <summary>The pieces of guest code in the body of a lift fixture.</summary>
    public static IReadOnlyList<GuestCode> Pieces(string body)
    {
        var pieces = new List<GuestCode>();
        foreach (var line in body.Split('\n'))
        {
            if (CodeLine().Match(line) is { Success: true } code)
                pieces.Add(new GuestCode(Parse(code.Groups[1].Value), code.Groups[2].Value, Isa(code.Groups[3].Value)));
            else if (WordLine().Match(line) is { Success: true } word)
                pieces[^1].AddWord(word.Groups[1].Value);
            else if (DataLine().Match(line) is { Success: true } data)
                pieces[^1].AddData(line, Parse(data.Groups[1].Value), Convert.FromHexString(data.Groups[2].Value));
        }

        return pieces;
    }

    private static long Parse(string hexadecimal) => long.Parse(hexadecimal, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static RiscVIsa Isa(string mode) => mode switch
    {
        "" => RiscVIsa.Rv64,
        " integer" => RiscVIsa.CheriV9Integer,
        _ => RiscVIsa.CheriV9Capability,
    };

    private static string Mode(RiscVIsa isa) => isa switch
    {
        RiscVIsa.Rv64 => "",
        RiscVIsa.CheriV9Integer => " integer",
        _ => " capability",
    };

    [GeneratedRegex("^code 0x([0-9a-f]+) \"([^\"]*)\"( integer| capability)?$")]
    private static partial Regex CodeLine();

    [GeneratedRegex("^  ([0-9a-f]{8}|[0-9a-f]{4})( ;.*)?$")]
    private static partial Regex WordLine();

    [GeneratedRegex("^data 0x([0-9a-f]+) ([0-9a-f]+)$")]
    private static partial Regex DataLine();
}
