using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using Cheri2IL.Cli.Cache;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Elf;
using Cheri2IL.Translator.Emit;
using Cheri2IL.Translator.RunTime;

namespace Cheri2IL.Cli.Commands;

/// <summary>The translated code of a program that is to be run: as given, from the cache, or translated now.</summary>
/// <remarks>
/// A warm start takes the shortest way: the file's identity leads to the cached translation, and nothing of the translator's
/// assembly is touched. Methods that need it are not inlined for that reason.
/// </remarks>
internal sealed class GuestCode
{
    /// <summary>Time of compiling in one run from which on machine code is worth making for the next ones.</summary>
    private static readonly TimeSpan WorthCompiling = TimeSpan.FromSeconds(0.2);

    private readonly Dictionary<string, TranslatedModule> _regions = [];
    private readonly RunArguments _arguments;
    private TranslationCache? _cache;
    private CachedModule? _cached;

    private GuestCode(RunArguments arguments)
    {
        _arguments = arguments;
        _cache = arguments.NoCache ? null : TranslationCache.OfUser;
    }

    /// <summary>The ELF file.</summary>
    public ReadOnlyMemory<byte> Image { get; private set; }

    /// <summary>Its code.</summary>
    public TranslatedModule Module { get; private set; } = null!;

    /// <summary>What tells the variants of a program's translation apart.</summary>
    private string Variant
        => string.Concat(_arguments.Checks, _arguments.Stats ? "-counted" : "", IsPrecise ? "-precise" : "", _arguments.Omitted != 0 ? $"-without-{(int)_arguments.Omitted}" : "");

    private bool IsPrecise => _arguments.PreciseFaults == "always";

    /// <summary>Whether it counts the checks that it executes: assemblies are taken as they were translated.</summary>
    public bool CountsChecks { get; private set; }

    /// <summary>Finds or makes the code of the program in <paramref name="file"/>, which on a warm start is not read.</summary>
    /// <exception cref="ToolException">The assembly cannot be loaded.</exception>
    /// <exception cref="ElfFormatException">The file is malformed.</exception>
    public static GuestCode Load(RunArguments arguments, HostFile file)
    {
        var code = new GuestCode(arguments) { CountsChecks = arguments.Stats };
        code._cached = code._cache?.TryStart(file.Identity, code.Variant);
        if (code._cached is not null)
        {
            // The translation has the file within it.
            code.Module = code._cached.Module;
            code.Image = code.Module.Image;
        }
        else
        {
            code.Read(file);
        }

        return code;
    }

    /// <summary>The code of an assembly that is loaded already.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="module">The assembly.</param>
    public static GuestCode Of(string name, TranslatedModule module)
        => new(RunArguments.Parse(["--", name])!) { Module = module, Image = module.Image };

    /// <summary>The run-time translator of an address space that runs this code.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public RunTimeTranslator NewTranslator(Func<long, bool> isExecutable)
        => new(GuestImage(), Options() with { PreciseFaults = IsPrecise || Module.HasPreciseFaults }, LoadShared, isExecutable);

    /// <summary>What reports of faults say about it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public ICodeDescription Describe() => new CodeDescription(GuestImage());

    private GuestImage GuestImage() => ElfImage.Parse(Image.ToArray(), _arguments.Program, Module.HasCapabilities).ToGuestImage(Module.LoadBias);

    /// <summary>The ELF file of a program that can be run.</summary>
    /// <exception cref="ToolException">It is no program, or one of a kind that cannot be run yet.</exception>
    public ElfExecutable ParseProgram()
    {
        var elf = ElfExecutable.Parse(Image, _arguments.Program, Module.HasCapabilities);
        if (elf.Interpreter is { } interpreter)
            throw new ToolException(ExitCode.BadInput, $"{_arguments.Program}: is dynamically linked (it needs {interpreter}); only static programs can be run yet");
        return elf.Entry != 0 ? elf : throw new ToolException(ExitCode.BadInput, $"{_arguments.Program}: is a shared object, not a program");
    }

    /// <summary>After the run: has machine code made if the JIT compiler took its time.</summary>
    public void KeepForNextStart()
    {
        if (_cached is { IsNative: false } && System.Runtime.JitInfo.GetCompilationTime() > WorthCompiling)
            NativeCompiler.StartInBackground(_cache!, _cached.Name);
    }

    /// <summary>What was translated at run time, loaded once for all address spaces that run this code.</summary>
    private TranslatedModule LoadShared(string name, Func<byte[]> make)
    {
        lock (_regions)
        {
            if (!_regions.TryGetValue(name, out var module))
            {
                module = _cache?.Load(name, make).Module ?? new TranslatedModule(new AssemblyLoadContext("guest").LoadFromStream(new MemoryStream(make())));
                _regions.Add(name, module);
            }

            return module;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Read(HostFile file)
    {
        var content = InputFile.Read(file, _arguments.Program);
        if (GuestProgram.IsAssembly(content))
        {
            Module = LoadAssembly(_arguments.Program);
            Image = Module.Image;
            CountsChecks = false;
            return;
        }

        Image = content;
        Find(content, file.Identity);
    }

    /// <summary>By the file's content; the next start finds the result by the file's identity.</summary>
    private void Find(byte[] content, FileIdentity identity)
    {
        // Malformed files end here, before anything is looked up or written.
        var elf = ElfExecutable.Parse(content, _arguments.Program);
        var name = TranslationKey.Of(content, Options());
        if (_cache is not null)
        {
            try
            {
                _cached = _cache.Load(name, () => Translate(name, content, elf));
                Module = _cached.Module;
                _cache.RecordStart(identity, _arguments.Program, Variant, name);
                return;
            }
            catch (Exception error) when (error is UnauthorizedAccessException or IOException)
            {
                // It costs time and nothing else.
                Console.Error.WriteLine($"cheri2il: warning: the cache of translations cannot be used: {error.Message.ReplaceLineEndings(" ")}");
                _cache = null;
            }
        }

        Module ??= new TranslatedModule(new AssemblyLoadContext("guest").LoadFromStream(new MemoryStream(Translate(name, content, elf))));
    }

    private TranslationOptions Options() => new() { Checks = CommonOptions.ParseChecks(_arguments.Checks), CountChecks = _arguments.Stats, PreciseFaults = IsPrecise, Omitted = (CapabilityCost)_arguments.Omitted };

    private byte[] Translate(string name, byte[] content, ElfExecutable elf)
    {
        var progress = new TranslationProgress(Path.GetFileName(_arguments.Program));
        var image = ElfImage.Parse(content, _arguments.Program).ToGuestImage(GuestProgram.BiasOf(elf));
        var translation = ModuleTranslator.Translate(image, Options() with { Progress = progress.Report }, "g_" + name);
        progress.Finish(translation.Statistics.Instructions, translation.Statistics.Elapsed);
        return translation.Assembly;
    }

    private static TranslatedModule LoadAssembly(string path)
    {
        try
        {
            return new TranslatedModule(new AssemblyLoadContext("guest").LoadFromAssemblyPath(Path.GetFullPath(path)));
        }
        catch (Exception error) when (error is BadImageFormatException or FileLoadException)
        {
            throw new ToolException(ExitCode.BadInput, $"{path}: {error.Message}");
        }
    }
}
