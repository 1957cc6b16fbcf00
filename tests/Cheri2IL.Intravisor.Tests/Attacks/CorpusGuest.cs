using System.Runtime.Loader;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Elf;
using Cheri2IL.Translator.RunTime;

namespace Cheri2IL.Intravisor.Tests.Attacks;

/// <summary>A program, translated once, from which any number of cVMs are made as the tool makes them.</summary>
internal sealed class CorpusGuest
{
    private readonly string _name;
    private readonly byte[] _file;
    private readonly ElfExecutable _elf;
    private readonly TranslationOptions _options = new();
    private readonly Lazy<(GuestImage Image, TranslatedModule Module)> _translated;

    /// <summary>Parses a program.</summary>
    /// <exception cref="ElfFormatException">The file is malformed.</exception>
    public CorpusGuest(string name, byte[] file)
    {
        _name = name;
        _file = file;
        _elf = ElfExecutable.Parse(file, name);
        var elf = ElfImage.Parse(file, name);
        _translated = new(() =>
        {
            var image = elf.ToGuestImage(_elf.IsPositionIndependent ? GuestLayout.PieBase : 0);
            var assembly = ModuleTranslator.Translate(image, _options, "g_" + name).Assembly;
            return (image, new TranslatedModule(new AssemblyLoadContext("guest").LoadFromStream(new MemoryStream(assembly))));
        });
    }

    /// <summary>A program of corpus/programs.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="alias">What it is called in the guest, and its assembly after it; null: the same.</param>
    public static CorpusGuest OfProgram(string name, string? alias = null) => new(alias ?? name, File.ReadAllBytes(PathOf("programs", "bin", name + ".elf")));

    /// <summary>A kernel of corpus/kernels.</summary>
    public static CorpusGuest OfKernel(string name) => new(name, File.ReadAllBytes(PathOf("kernels", "bin", name + ".elf")));

    /// <summary>What a kernel prints.</summary>
    public static string OutputOfKernel(string name) => File.ReadAllText(PathOf("kernels", name + ".out"));

    /// <summary>Makes a cVM, in the lowest free slot, that runs nothing yet.</summary>
    public Cvm Create(int id, IReadOnlyList<string> arguments, Action<string> report, QuietHost? host = null)
        => new(id, Options(arguments, report, host));

    /// <summary>What a cVM that is to run it starts with.</summary>
    public CvmOptions Options(IReadOnlyList<string> arguments, Action<string>? report = null, QuietHost? host = null) => new()
    {
        Arguments = [_name, .. arguments],
        ProgramPath = "/" + _name,
        ProgramFile = _file,
        Host = host ?? new QuietHost(),

        // Address space is what some attacks exhaust, not the memory of this machine.
        Limits = new CvmLimits { MemoryBytes = GuestLayout.DefaultSlotSize },
        Report = report,
        CodeDescription = () => new CodeDescription(_translated.Value.Image),
        CodeFactory = NewCode,
    };

    /// <summary>Starts the program.</summary>
    /// <exception cref="CvmLoadException">It does not fit.</exception>
    public void Start(Cvm cvm) => cvm.Start(_elf);

    private static string PathOf(params string[] path) => Path.Combine([Cli.Repository.Root(), "corpus", .. path]);

    private unsafe TranslatedCode NewCode(Intravisor.LibOs.Mm.AddressSpace space, DispatchTable dispatch)
    {
        var (image, module) = _translated.Value;
        return new TranslatedCode(dispatch, [module], space.IsExecutable, new RunTimeTranslator(image, _options, cache: null, space.IsExecutable), space.Base);
    }
}
