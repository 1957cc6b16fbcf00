using System.Text.RegularExpressions;

namespace Cheri2IL.FileTests;

/// <summary>
/// One text file under <c>tests/filetests</c>: input and expectation side by side. Its leading comment lines are a header of
/// <c>; key: value</c> settings and free text.
/// </summary>
public sealed partial class Fixture
{
    private readonly Dictionary<string, string> _settings = [];

    /// <summary>Splits <paramref name="text"/>, with lines ended by \n, into header and body.</summary>
    public Fixture(string text)
    {
        var end = 0;
        while (end < text.Length && text[end] == ';')
        {
            var lineEnd = text.IndexOf('\n', end) + 1;
            if (lineEnd == 0)
                lineEnd = text.Length;
            if (Setting().Match(text[end..lineEnd]) is { Success: true } match)
                _settings[match.Groups[1].Value] = match.Groups[2].Value.Trim();
            end = lineEnd;
        }

        Header = text[..end];
        Body = text[end..];
    }

    /// <summary>The header, line ends included.</summary>
    public string Header { get; }

    /// <summary>Everything after the header.</summary>
    public string Body { get; }

    /// <summary>Value of a setting, or null.</summary>
    public string? this[string key] => _settings.GetValueOrDefault(key);

    /// <summary>Folder that holds the fixtures.</summary>
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Cheri2IL.sln")))
                return Path.Combine(folder.FullName, "tests", "filetests");
        }

        throw new DirectoryNotFoundException("no Cheri2IL.sln above the test assembly");
    }

    [GeneratedRegex(@"^; ([a-z-]+): (.*)")]
    private static partial Regex Setting();
}
