using System.Text;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.FileTests;

/// <summary>Stage roundtrip: functions in canonical form, which parsing and printing leave as they are.</summary>
internal static class RoundTripRunner
{
    public static string Render(Fixture fixture)
    {
        var text = new StringBuilder(fixture.Header);
        foreach (var function in IrParser.Parse(fixture.Body).Functions)
        {
            text.Append('\n');
            IrPrinter.Print(function, text);
        }

        return text.ToString();
    }
}
