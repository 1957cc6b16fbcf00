using Cheri2IL.Cli.Commands;
using Cheri2IL.Deployment;
using Cheri2IL.Deployment.Bundles;
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
            return Of(GuestCode.Load(RunArguments.Parse(["--", path])!, file));
        }
        catch (ElfFormatException error)
        {
            throw new ToolException(ExitCode.BadInput, error.Message);
        }
    }

    /// <summary>A program whose assembly is loaded already. Where this tool comes without the translator, it is what was translated ahead of time.</summary>
    public static CvmProgram Of(TranslatedModule module)
        => HasTranslator ? Of(GuestCode.Of(module.Assembly.GetName().Name!, module)) : Bundle.AheadOfTimeOnly(module);

    /// <summary>A machine that only runs bundles needs neither the translator nor what it uses.</summary>
    private static bool HasTranslator => File.Exists(Path.Combine(AppContext.BaseDirectory, "Cheri2IL.Translator.dll"));

    private static CvmProgram Of(GuestCode code) => new(code.ParseProgram(), code.Image, (space, dispatch) => NewCode(code, space, dispatch), code.Describe);

    private static unsafe TranslatedCode NewCode(GuestCode code, AddressSpace space, DispatchTable dispatch)
        => new(dispatch, [code.Module], space.IsExecutable, new LazyFallback(code, space.IsExecutable, isPreciseOnDemand: true), space.Base);
}
