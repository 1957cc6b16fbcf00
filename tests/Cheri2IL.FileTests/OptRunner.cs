using System.Globalization;
using System.Text;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Passes;

namespace Cheri2IL.FileTests;

/// <summary>
/// Stage opt: functions, a line <c>; ---- result</c>, and what the passes make of them. Settings: <c>passes</c> (names, in
/// order; all when absent), <c>checks</c> (a <see cref="CheckMode"/>), <c>guaranteed-slot</c> (bytes), <c>precise-faults</c> (true).
/// </summary>
internal static class OptRunner
{
    private const string Marker = "\n; ---- result\n";

    public static string Render(Fixture fixture)
    {
        var end = fixture.Body.IndexOf(Marker, StringComparison.Ordinal);
        var input = end < 0 ? fixture.Body.TrimEnd('\n') + "\n" : fixture.Body[..end];
        var options = new PassOptions
        {
            Verify = true,
            Checks = Enum.Parse<CheckMode>(fixture["checks"] ?? nameof(CheckMode.Optimized), ignoreCase: true),
            PreciseFaults = fixture["precise-faults"] == "true",
            GuaranteedSlotBytes = long.Parse(fixture["guaranteed-slot"] ?? "0", CultureInfo.InvariantCulture),
        };
        var text = new StringBuilder(fixture.Header).Append(input).Append(Marker);
        foreach (var function in IrParser.Parse(input).Functions)
        {
            if (fixture["passes"] is { } names)
                RunSome(function, names.Split(", "), options);
            else
                PassPipeline.Run(function, options);
            text.Append('\n');
            IrPrinter.Print(function, text);
        }

        return text.ToString();
    }

    private static void RunSome(IrFunction function, string[] names, PassOptions options)
    {
        IrVerifier.ThrowIfInvalid(function, "input");
        foreach (var name in names)
        {
            PassPipeline.Passes.Single(pass => pass.Name == name).Run(function, options);
            IrVerifier.ThrowIfInvalid(function, name);
        }
    }
}
