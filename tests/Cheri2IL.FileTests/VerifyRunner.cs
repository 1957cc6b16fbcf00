using System.Text.RegularExpressions;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.FileTests;

/// <summary>
/// Stage verify: pieces of text separated by <c>; --</c> lines, each parsed and verified on its own. What is wrong stands as
/// <c>; error: message</c> behind the offending line.
/// </summary>
internal static partial class VerifyRunner
{
    public static string Render(Fixture fixture)
    {
        var pieces = fixture.Body.Split("; --\n");
        return fixture.Header + string.Join("; --\n", pieces.Select(Annotate));
    }

    private static string Annotate(string text)
    {
        var lines = text.Split('\n').Select(line => Annotation().Replace(line, "")).ToArray();
        foreach (var (line, message) in Errors(string.Join('\n', lines)))
            lines[line - 1] += $" ; error: {message}";
        return string.Join('\n', lines);
    }

    private static IEnumerable<(int Line, string Message)> Errors(string text)
    {
        IrParser parsed;
        try
        {
            parsed = IrParser.Parse(text);
        }
        catch (IrParseException exception)
        {
            return [(exception.Line, exception.Message[(exception.Message.IndexOf(':', StringComparison.Ordinal) + 1)..])];
        }

        return parsed.Functions.SelectMany(IrVerifier.Verify).Select(error => (Line(error), error.Message));

        int Line(IrError error) => error switch
        {
            { Instruction: { } instruction } => parsed.LineOf(instruction),
            { Block: { } block } => parsed.LineOf(block),
            _ => parsed.LineOf(error.Function),
        };
    }

    [GeneratedRegex(" ; error: .*")]
    private static partial Regex Annotation();
}
