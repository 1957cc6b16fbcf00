namespace Cheri2IL.Cli.Bench;

/// <summary>One program whose whole run is timed.</summary>
/// <param name="Name">Row name, stable: it is a key of the JSON report.</param>
/// <param name="Description">What exactly runs.</param>
/// <param name="Command">Its command line.</param>
/// <param name="Output">What it has to print on stdout.</param>
/// <param name="CompilesAtRun">Whether machine code from the cache is not to be used.</param>
internal sealed record StartProgram(string Name, string Description, IReadOnlyList<string> Command, string Output, bool CompilesAtRun = false);
