using Cheri2IL.Cli.Commands;
using Cheri2IL.Deployment;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Cli;

/// <summary>Programs for several cVMs, translated as <c>run</c> translates its one.</summary>
internal static class SharedProgram
{
    /// <summary>Finds the translation of a program file, or makes it.</summary>
    /// <exception cref="ToolException">It is missing or malformed, or cannot be run.</exception>
    public static CvmProgram Load(string path)
    {
        try
        {
            using var file = InputFile.Open(path);
            var code = GuestCode.Load(RunArguments.Parse(["--", path])!, file);
            return new CvmProgram(code.ParseProgram(), code.Image, (space, dispatch) => NewCode(code, space, dispatch), code.Describe);
        }
        catch (ElfFormatException error)
        {
            throw new ToolException(ExitCode.BadInput, error.Message);
        }
    }

    private static unsafe TranslatedCode NewCode(GuestCode code, AddressSpace space, DispatchTable dispatch)
        => new(dispatch, [code.Module], space.IsExecutable, new LazyFallback(code, space.IsExecutable, isPreciseOnDemand: true), space.Base);
}
