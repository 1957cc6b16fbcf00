using Cheri2IL.Cli.Cache;

namespace Cheri2IL.Cli.Bench;

/// <summary>Has programs translated and compiled before they are timed, as they are for whoever runs them more than once or twice.</summary>
internal static class MachineCode
{
    /// <summary>Whether it can be made here: crossgen2 is there, and not switched off.</summary>
    public static bool IsPossible => NativeCompiler.IsUsed;

    /// <summary>Where the code of a program comes from that has none, for descriptions.</summary>
    public const string CompiledInTheRun = "translation from the cache, compiled in the run";

    /// <summary>Where the code of a program comes from that was prepared as far as that is possible, for descriptions.</summary>
    public static string Source => IsPossible ? "translation and machine code from the cache" : CompiledInTheRun;

    /// <summary>The command that fills the cache for a program.</summary>
    /// <param name="tool">The command line of the tool.</param>
    /// <param name="program">The ELF file.</param>
    /// <param name="checks">The mode it is going to be run in, as <c>--checks</c> has it.</param>
    public static IReadOnlyList<string> Preparation(IReadOnlyList<string> tool, string program, string checks = "optimized")
        => [.. tool, "cache", "compile", "--checks", checks, program];
}
