namespace Cheri2IL.Cli.Bench.Apps;

/// <summary>One command line that every engine runs.</summary>
/// <param name="Name">Row name, stable: it is a key of the JSON report.</param>
/// <param name="IsStart">Whether it does next to nothing, so that what counts is how long it takes to start.</param>
/// <param name="Command">The program, by its path in the tree, and its arguments.</param>
internal sealed record AppCase(string Name, bool IsStart, IReadOnlyList<string> Command);

/// <summary>One way to run a case.</summary>
/// <param name="Name">Column name, stable: it is a key of the JSON report.</param>
/// <param name="Description">What exactly runs.</param>
/// <param name="Prefix">What stands in front of the case's command.</param>
/// <param name="Temporary">Where files in the cases' /tmp go; null: nowhere, they are gone when the run ends.</param>
internal sealed record AppEngine(string Name, string Description, IReadOnlyList<string> Prefix, string? Temporary)
{
    /// <summary>Debian's programs for this machine's own processor: what ratios refer to.</summary>
    public const string Native = "native";

    /// <summary>Translated.</summary>
    public const string Translated = "cheri2il";
}
