namespace Cheri2IL.Cli;

/// <summary>Ends a command with one line on stderr and an exit code.</summary>
/// <param name="exitCode">One of <see cref="ExitCode"/>.</param>
/// <param name="message">One line, without the tool's name.</param>
internal sealed class ToolException(int exitCode, string message) : Exception(message)
{
    /// <summary>The process's exit code.</summary>
    public int ExitCode { get; } = exitCode;
}
