using System.Text;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.FileTests;

/// <summary>
/// Stage eval: functions, each followed by lines <c>case INPUT => OUTCOME</c> (see <see cref="EvalMachine"/>). The outcome
/// lists everything that execution changed, so what it does not name has to be unchanged.
/// </summary>
internal static class EvalRunner
{
    private const string Case = "case ";
    private const string Arrow = "=>";

    public static string Render(Fixture fixture)
    {
        var text = new StringBuilder(fixture.Header);
        var source = new StringBuilder();
        IrFunction? function = null;
        foreach (var line in fixture.Body.TrimEnd('\n').Split('\n'))
        {
            if (!line.StartsWith(Case, StringComparison.Ordinal))
            {
                source.Append(line).Append('\n');
                if (line == "}")
                {
                    function = IrParser.ParseFunction(source.ToString());
                    IrVerifier.ThrowIfInvalid(function, "parsing");
                    source.Clear();
                }

                text.Append(line).Append('\n');
                continue;
            }

            var input = line[Case.Length..].Split(Arrow)[0].Trim();
            text.Append(Case);
            if (input.Length != 0)
                text.Append(input).Append(' ');
            text.Append(Arrow).Append(' ').Append(Run(function ?? throw new FormatException("case before any function"), input)).Append('\n');
        }

        return text.ToString();
    }

    private static string Run(IrFunction function, string input)
    {
        using var machine = new EvalMachine();
        machine.Apply(input);
        return machine.Run(function);
    }
}
