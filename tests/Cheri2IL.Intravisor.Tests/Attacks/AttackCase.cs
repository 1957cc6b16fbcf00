using System.Text.RegularExpressions;
using Cheri2IL.Cli;

namespace Cheri2IL.Intravisor.Tests.Attacks;

/// <summary>One "expect" line of a source in corpus/attacks: <c>expect ARGUMENTS: OUTCOME</c>.</summary>
/// <param name="Program">Name of the source without extension.</param>
/// <param name="Arguments">Words after the program's name, separated by single spaces.</param>
/// <param name="Outcome">"exit N", "signal NAME" or "limit".</param>
internal sealed partial record AttackCase(string Program, string Arguments, string Outcome)
{
    /// <summary>The folder of the sources.</summary>
    public static string Folder { get; } = Path.Combine(Repository.Root(), "corpus", "attacks");

    /// <summary>Every case of every source, in order of name.</summary>
    public static IReadOnlyList<AttackCase> All { get; } =
    [
        .. Directory.GetFiles(Folder).Where(f => f.EndsWith(".c", StringComparison.Ordinal) || f.EndsWith(".S", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal).SelectMany(CasesOf),
    ];

    /// <summary>argv[1] and on.</summary>
    public IReadOnlyList<string> Words => Arguments.Length == 0 ? [] : Arguments.Split(' ');

    private static IEnumerable<AttackCase> CasesOf(string source)
    {
        foreach (var line in File.ReadLines(source))
        {
            if (Expectation().Match(line) is { Success: true } match)
                yield return new AttackCase(Path.GetFileNameWithoutExtension(source), match.Groups[1].Value, match.Groups[2].Value);
        }
    }

    [GeneratedRegex(@"^(?://|#) expect(?: ([^:]+))?: (exit \d+|signal SIG[A-Z]+|limit)$")]
    private static partial Regex Expectation();
}
