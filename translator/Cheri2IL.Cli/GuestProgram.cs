using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Elf;
using Mono.Cecil;

namespace Cheri2IL.Cli;

/// <summary>A program as given on the command line: an ELF file, or an assembly that was translated from one.</summary>
internal sealed class GuestProgram
{
    /// <summary>
    /// Where position-independent programs are placed: above the pages that are never mapped, and low, so that guest
    /// pcs fit the 32-bit immediates of the host's instructions.
    /// </summary>
    public const long LoadBias = GuestLayout.PieBase;

    private GuestProgram(string path, ElfImage elf, long loadBias, byte[]? assembly)
    {
        Path = path;
        Elf = elf;
        Assembly = assembly;
        Image = elf.ToGuestImage(loadBias);
    }

    /// <summary>The file as named by the user.</summary>
    public string Path { get; }

    /// <summary>The ELF file.</summary>
    public ElfImage Elf { get; }

    /// <summary>The assembly if one was given, else null.</summary>
    public byte[]? Assembly { get; }

    /// <summary>Code at guest addresses.</summary>
    public GuestImage Image { get; }

    /// <summary>Guest addresses minus ELF addresses for a file.</summary>
    public static long BiasOf(ElfExecutable elf) => elf.IsPositionIndependent ? LoadBias : 0;

    /// <summary>Whether a file is a PE file, which only assemblies are here.</summary>
    public static bool IsAssembly(ReadOnlySpan<byte> file) => file.StartsWith("MZ"u8);

    /// <summary>Reads and validates a program.</summary>
    /// <exception cref="ToolException">It is missing or malformed.</exception>
    public static GuestProgram Load(string path)
    {
        var file = InputFile.Read(path);
        return IsAssembly(file) ? FromAssembly(path, file) : FromElf(path, file);
    }

    /// <summary>Validates the bytes of an ELF file.</summary>
    /// <exception cref="ToolException">It is malformed.</exception>
    public static GuestProgram Of(string path, byte[] file) => FromElf(path, file);

    private static GuestProgram FromElf(string path, byte[] file)
    {
        try
        {
            var elf = ElfImage.Parse(file, path);
            return new GuestProgram(path, elf, BiasOf(elf.Executable), assembly: null);
        }
        catch (ElfFormatException error)
        {
            throw new ToolException(ExitCode.BadInput, error.Message);
        }
    }

    private static GuestProgram FromAssembly(string path, byte[] file)
    {
        try
        {
            using var module = ModuleDefinition.ReadModule(new MemoryStream(file));
            var entries = Resource(module, ModuleFormat.EntryResource);
            var image = Resource(module, ModuleFormat.ImageResource);
            if (entries is not { Length: >= 12 } || image is null)
                throw new ToolException(ExitCode.BadInput, $"{path}: not an assembly made by 'cheri2il translate'");
            return new GuestProgram(path, ElfImage.Parse(image, path, Resource(module, ModuleFormat.CapabilityResource) is not null), BitConverter.ToInt64(entries), file);
        }
        catch (ElfFormatException error)
        {
            throw new ToolException(ExitCode.BadInput, error.Message);
        }
        catch (Exception error) when (error is BadImageFormatException or IOException or ArgumentException or IndexOutOfRangeException or OverflowException)
        {
            throw new ToolException(ExitCode.BadInput, $"{path}: malformed assembly: {error.Message}");
        }
    }

    private static byte[]? Resource(ModuleDefinition module, string name)
        => module.Resources.OfType<EmbeddedResource>().FirstOrDefault(r => r.Name == name)?.GetResourceData();
}
