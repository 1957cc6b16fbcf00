using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>SECURITY.md says how much code a guest's confinement rests on.</summary>
public sealed partial class TrustedLinesTests
{
    [Fact]
    public void LinesOfTrustedCode_AreWhatSecurityMdSays()
    {
        const double tolerance = 0.05;
        var root = Repository.Root();
        var rows = Row().Matches(File.ReadAllText(Path.Combine(root, "SECURITY.md")));
        Assert.Equal(6, rows.Count);
        Assert.All(rows, row =>
        {
            var said = int.Parse(row.Groups["lines"].Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
            Assert.InRange(LinesBelow(Path.Combine(root, row.Groups["folder"].Value)), said * (1 - tolerance), said * (1 + tolerance));
        });
    }

    /// <summary>Lines of C# in a folder, what is built aside.</summary>
    private static int LinesBelow(string folder)
        => Directory.EnumerateFiles(folder, "*.cs").Sum(f => File.ReadLines(f).Count())
            + Directory.EnumerateDirectories(folder).Where(d => Path.GetFileName(d) is not ("bin" or "obj")).Sum(LinesBelow);

    [GeneratedRegex(@"^\| `(?<folder>[\w/.]+)` \| (?<lines>[\d,]+) \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
