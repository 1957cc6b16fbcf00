using System.CommandLine;
using Cheri2IL.Translator.Passes;

namespace Cheri2IL.Cli;

/// <summary>Arguments and options that several commands have.</summary>
internal static class CommonOptions
{
    /// <summary>The program to work on.</summary>
    public static Argument<string> Program() => new("program") { Description = "ELF file, or assembly made by 'translate'." };

    /// <summary><c>--json</c>.</summary>
    public static Option<bool> Json() => new("--json") { Description = "Print JSON." };

    /// <summary><c>--checks</c>.</summary>
    public static Option<string> Checks()
    {
        var option = new Option<string>("--checks")
        {
            Description = "all: every check; optimized: redundant ones elided; none: UNCONFINED, for measuring only.",
            HelpName = "mode",
            DefaultValueFactory = _ => "optimized",
        };
        option.AcceptOnlyFromAmong("all", "optimized", "none");
        return option;
    }

    /// <summary><c>--precise-faults</c>, where there is nothing to wait for.</summary>
    public static Option<bool> PreciseFaults() => new("--precise-faults") { Description = "Make code whose registers are exact also at memory faults; slower." };

    /// <summary>The mode with that name.</summary>
    public static CheckMode ParseChecks(string name) => name switch
    {
        "all" => CheckMode.All,
        "optimized" => CheckMode.Optimized,
        "none" => CheckMode.None,
        _ => throw new ToolException(ExitCode.Usage, $"--checks is all, optimized or none, not '{name}'"),
    };
}
