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
    private readonly ElfExecutable _elf;
    private readonly CorpusImages _images;

    /// <summary>Parses a program.</summary>
    /// <param name="name">What it is called in the guest, and its assembly after it.</param>
    /// <param name="file">The ELF file.</param>
    /// <param name="code">How its code is made.</param>
    /// <exception cref="ElfFormatException">The file is malformed.</exception>
    public CorpusGuest(string name, byte[] file, CorpusCode code = CorpusCode.Whole)
    {
        _name = name;
        _elf = ElfExecutable.Parse(file, name);
        _images = new CorpusImages(name, ElfImage.Parse(file, name), _elf.IsPositionIndependent ? GuestLayout.PieBase : 0, code);
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
        Host = host ?? new QuietHost(),

        // Address space is what some attacks exhaust, not the memory of this machine.
        Limits = new CvmLimits { MemoryBytes = GuestLayout.DefaultSlotSize },
        Report = report,
        CodeFactory = NewCode,
    };

    /// <summary>Starts the program.</summary>
    /// <exception cref="CvmLoadException">It does not fit.</exception>
    public void Start(Cvm cvm) => cvm.Start(_elf);

    private static string PathOf(params string[] path) => Path.Combine([Cli.Repository.Root(), "corpus", .. path]);

    private TranslatedCode NewCode(Intravisor.LibOs.Mm.AddressSpace space, DispatchTable dispatch)
        => new(dispatch, space, _images, new CodeEvaluator(space, Hot.Instructions));

    /// <summary>So little that a program comes from evaluated code to translated code and back all the time.</summary>
    private static HotCode Hot => new(500, 1);

    /// <summary>The translations of the program, and of the vDSO, made when they are needed.</summary>
    private sealed class CorpusImages(string name, ElfImage elf, long bias, CorpusCode code) : ICodeImages
    {
        private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, Lazy<TranslatedModule>> _made = [];
        private static readonly System.Collections.Concurrent.ConcurrentDictionary<(long Bias, bool IsPrecise), Lazy<FileImage>> _vdso = [];

        private readonly Lazy<FileImage> _ordinary = new(() => Translate("g_" + name, elf, bias, false, code));
        private readonly Lazy<FileImage> _precise = new(() => Translate("p_" + name, elf, bias, true, code));

        public bool CanBePrecise => true;

        public ICodeImage? Find(ICodeMemory memory, long pc, bool isPrecise)
        {
            if (memory.FindCode(pc) is not { } mapping)
                return null;
            return mapping.File is { Name: "[vdso]", Bytes: { } file } && CodeLayout.TryFindBias(mapping, out var at)
                ? _vdso.GetOrAdd((at, isPrecise), _ => new(() => Translate((isPrecise ? "p_vdso_" : "g_vdso_") + at, ElfImage.Parse(file.ToArray(), "vdso"), at, isPrecise, CorpusCode.Whole))).Value
                : (isPrecise ? _precise : _ordinary).Value;
        }

        /// <summary>What was translated at run time, for all processes.</summary>
        private static TranslatedModule Keep(string name, Func<byte[]> make)
            => _made.GetOrAdd(name, _ => new(() => new TranslatedModule(new AssemblyLoadContext("guest").LoadFromStream(new MemoryStream(make()))))).Value;

        private static FileImage Translate(string name, ElfImage elf, long bias, bool isPrecise, CorpusCode code)
        {
            var image = elf.ToGuestImage(bias);
            var options = new TranslationOptions { PreciseFaults = isPrecise };
            var assembly = (code != CorpusCode.Whole ? ModuleTranslator.TranslateNothing(image, options, name) : ModuleTranslator.Translate(image, options, name)).Assembly;
            var module = new TranslatedModule(new AssemblyLoadContext("guest").LoadFromStream(new MemoryStream(assembly)));
            return new FileImage(module, code == CorpusCode.InParts ? new PartTranslator(image, options, name, Keep) : new RegionTranslator(image, options, Keep, module.IsInParts ? Hot : null));
        }
    }

    /// <summary>Translates the parts of a file when they are entered.</summary>
    private sealed unsafe class PartTranslator(GuestImage image, TranslationOptions options, string key, Func<string, Func<byte[]>, TranslatedModule> keep) : IRegionTranslator
    {
        private readonly RegionTranslator _regions = new(image, options, keep);

        public ICodeDescription Description => _regions.Description;

        public TranslatedModule? Translate(GuestState* state, long pc, long evaluated = 0)
        {
            var name = ModuleFormat.PartName(key, pc);
            var part = keep(name, () => ModuleTranslator.TranslatePart(image, pc & -ModuleFormat.PartBytes, options, name).Assembly);
            return part.FindRow(pc) != 0 ? part : _regions.Translate(state, pc, evaluated);
        }
    }
}

/// <summary>How the code of a <see cref="CorpusGuest"/> is made.</summary>
internal enum CorpusCode
{
    /// <summary>Ahead of time.</summary>
    Whole,

    /// <summary>In parts, when they are entered.</summary>
    InParts,

    /// <summary>Evaluated first, and translated function by function.</summary>
    EvaluatedFirst,
}
