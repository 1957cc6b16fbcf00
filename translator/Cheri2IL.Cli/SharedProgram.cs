using Cheri2IL.Deployment;
using Cheri2IL.Deployment.Bundles;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Cli;

/// <summary>Programs for several cVMs, translated as <c>run</c> translates its one.</summary>
internal static class SharedProgram
{
    /// <summary>Finds the translation of a program file, or makes it.</summary>
    /// <exception cref="ToolException">It is missing or malformed, or cannot be run.</exception>
    public static CvmProgram Load(string path) => Load(files => files.Load(path), path);

    /// <summary>The same for a program that a root has.</summary>
    /// <exception cref="ToolException">It is malformed, or cannot be run.</exception>
    public static CvmProgram Load(IHostFile file, string path) => Load(files => files.Load(file, path), path);

    private static CvmProgram Load(Func<TranslatedFiles, FileImage> load, string path)
    {
        try
        {
            var files = new TranslatedFiles();
            return Of(files, Check(load(files), path));
        }
        catch (ElfFormatException error)
        {
            throw new ToolException(ExitCode.BadInput, error.Message);
        }
    }

    /// <summary>A program whose assembly is loaded already. Where this tool comes without the translator, it is what was translated ahead of time.</summary>
    public static CvmProgram Of(TranslatedModule module)
    {
        if (!HasTranslator)
            return Bundle.AheadOfTimeOnly(module);
        var files = new TranslatedFiles();
        return Of(files, Check(files.Add(module), module.Assembly.GetName().Name!));
    }

    /// <summary>An image that is a program.</summary>
    /// <exception cref="ToolException">It is none.</exception>
    public static FileImage Check(FileImage image, string path)
        => image.Elf.Entry != 0 ? image : throw new ToolException(ExitCode.BadInput, $"{path}: is a shared object, not a program");

    /// <summary>A machine that only runs bundles needs neither the translator nor what it uses.</summary>
    private static bool HasTranslator => File.Exists(Path.Combine(AppContext.BaseDirectory, "Cheri2IL.Translator.dll"));

    private static CvmProgram Of(TranslatedFiles files, FileImage image) => new(image.Elf, files.NewCode);
}
