using System.Globalization;

namespace Cheri2IL.Deployment.Archives;

/// <summary>A root that is malformed, or of a kind that is not supported.</summary>
/// <param name="path">The host's file.</param>
/// <param name="problem">What is wrong, and where in the file. Names in it may be anything: what would be no text on one line is shown as numbers.</param>
public sealed class RootFormatException(string path, string problem) : Exception($"{path}: {Shown(problem)}")
{
    private const int Longest = 1000;

    private static string Shown(string problem)
        => string.Concat((problem.Length > Longest ? $"{problem[..(Longest / 2)]}...{problem[^(Longest / 2)..]}" : problem)
            .Select(c => char.IsControl(c) ? string.Create(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}") : c.ToString()));
}
