using System.IO.Enumeration;
using System.Runtime.CompilerServices;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.LibOs.Tracing;

namespace Cheri2IL.Cli.Commands;

/// <summary>Which calls --trace shows: of <c>run</c> and of <c>up</c>.</summary>
internal static class CallFilter
{
    /// <summary>Patterns with * and ?, each of which has to fit some system call or hostcall, so that a misspelt one is noticed.</summary>
    /// <param name="value">The option's value: patterns with commas between them.</param>
    /// <param name="command">The command that it was given to, for the error.</param>
    /// <exception cref="ToolException">One fits none.</exception>
    public static string[] Parse(string value, string command)
    {
        var patterns = value.Split(',');
        foreach (var pattern in patterns)
        {
            if (!SyscallTable.Rows.Concat(HostcallTable.Rows).Any(r => Fits(pattern, r.Name)))
                throw new ToolException(ExitCode.Usage, $"--trace-filter: no system call is called '{pattern}' (see 'cheri2il {command} --help')");
        }

        return patterns;
    }

    /// <summary>A trace of calls whose names match one of the patterns, or of all if there is none.</summary>
    /// <remarks>Not inlined: a start that traces nothing does without System.Linq.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static SyscallTrace Trace(Action<string> output, IReadOnlyList<string> patterns)
        => new(output, patterns.Count == 0 ? null : name => patterns.Any(p => Fits(p, name)));

    private static bool Fits(string pattern, string name) => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);
}
