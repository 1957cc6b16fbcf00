namespace Cheri2IL.Cli;

/// <summary>Exit codes of the tool itself, after BSD's sysexits.h; <c>run</c> otherwise exits with the guest's status.</summary>
internal static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Success = 0;

    /// <summary>The comparison or check that was asked for failed.</summary>
    public const int Failure = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 64;

    /// <summary>An input file is malformed or of a kind that is not supported.</summary>
    public const int BadInput = 65;

    /// <summary>An input file does not exist or cannot be read.</summary>
    public const int NoInput = 66;

    /// <summary>A tool that the command needs is not installed.</summary>
    public const int Unavailable = 69;

    /// <summary>A defect of this tool.</summary>
    public const int Internal = 70;

    /// <summary>An output file cannot be created.</summary>
    public const int CannotCreate = 73;

    /// <summary>Reading or writing failed midway.</summary>
    public const int InputOutput = 74;

    /// <summary>Added to a signal's number when a signal ended the guest.</summary>
    public const int SignalBase = 128;

    /// <summary><c>run --timeout</c> ended the guest (the status coreutils' timeout uses).</summary>
    public const int TimedOut = 124;
}
