using System.CommandLine;

namespace Cheri2IL.Cli;

/// <summary>A command whose help ends with examples.</summary>
internal interface IHasExamples
{
    /// <summary>Command lines, one each.</summary>
    IReadOnlyList<string> Examples { get; }
}

/// <summary>A verb with examples.</summary>
internal sealed class ToolCommand(string name, string description, params string[] examples) : Command(name, description), IHasExamples
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Examples { get; } = examples;
}
