using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using Cheri2IL.Cli.Cache;
using Cheri2IL.Cli.Commands;
using Cheri2IL.Deployment.Archives;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Elf;
using Cheri2IL.Translator.Emit;
using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Translator.Passes;
using Cheri2IL.Translator.RunTime;

namespace Cheri2IL.Cli;

/// <summary>
/// The translations of the files that guests execute, shared by all address spaces of the process: as given, from the cache, or
/// made now.
/// </summary>
/// <remarks>
/// A warm start takes the shortest way: a file's identity leads to the cached translation, and nothing of the translator's
/// assembly is touched. Methods that need it are not inlined for that reason. Thread-safe.
/// </remarks>
internal sealed class TranslatedFiles : ICodeImages
{
    /// <summary>Time of compiling in one run from which on machine code is worth making for the next ones.</summary>
    private static readonly TimeSpan WorthCompiling = TimeSpan.FromMilliseconds(40);

    /// <summary>Time of compiling from which on it is worth some tenths of a second to learn of the runtime what was compiled.</summary>
    private static readonly TimeSpan WorthAsking = TimeSpan.FromMilliseconds(500);

    /// <summary>Entries that machine code is made of after one run, the largest first. It takes some seconds for each of the first, and one for most.</summary>
    private const int MostCompiled = 64;

    /// <summary>Longest file that is translated: 256 MiB.</summary>
    private const long MaxLength = 256L << 20;

    /// <summary>
    /// Bytes of files without identity, which guests can write as many of as they like, that are translated; what comes then is
    /// evaluated. 256 MiB.
    /// </summary>
    private const long MaxUnknownBytes = 256L << 20;

    /// <summary>Variants of a file's translation, most of them load biases, which a guest may choose; what comes then is evaluated.</summary>
    private const int MostVariants = 32;

    private readonly Lock _gate = new();
    private Dictionary<FileIdentity, Dictionary<string, Lazy<FileImage?>>> ByIdentity => field ??= [];
    private readonly Dictionary<string, Lazy<FileImage>> _byName = [];
    private Dictionary<string, Lazy<TranslatedModule>> Regions => field ??= [];
    private FileImage[] _given = [];
    private int _assemblies;
    private readonly List<string> _withoutNative = [];
    private Dictionary<string, IRegionTranslator> Evaluating => field ??= [];
    private bool _evaluates;
    private readonly RunArguments _arguments;
    private TranslationCache? _cache;
    private long _unknownBytes;
    private long _evaluations;

    /// <summary>Images that are translated as arguments of <c>run</c> say.</summary>
    public TranslatedFiles(RunArguments arguments)
    {
        _arguments = arguments;
        _cache = arguments.NoCache ? null : TranslationCache.OfUser;
    }

    /// <summary>Images that are translated as those of a program that is run without options.</summary>
    public TranslatedFiles()
        : this(RunArguments.Parse(["--", "program"])!)
    {
    }

    /// <inheritdoc/>
    public bool CanBePrecise => _arguments.PreciseFaults == "auto";

    /// <summary>Whether ordinary files, too, are evaluated until they have been translated behind the run, for which <see cref="KeepForNextStart"/> sees.</summary>
    public bool EvaluatesFirst { get; init; }

    /// <summary>Whether they count the checks that they execute: assemblies are taken as they were translated.</summary>
    public bool CountsChecks => _arguments.Stats && _assemblies == 0;

    /// <summary>Assemblies loaded.</summary>
    public int ModulesLoaded => _assemblies + _byName.Count + Regions.Count;

    /// <summary>Regions that were translated at run time, newly or from the cache.</summary>
    public int RegionsTranslated => Regions.Count;

    /// <summary>Entries into evaluators.</summary>
    public long Evaluations => Volatile.Read(ref _evaluations);

    private bool IsAlwaysPrecise => _arguments.PreciseFaults == "always";

    /// <summary>The image of a program, which on a warm start is not read, or of an assembly.</summary>
    /// <exception cref="ToolException">It is missing, or the assembly cannot be loaded.</exception>
    /// <exception cref="ElfFormatException">The file is malformed.</exception>
    public FileImage Load(string path)
    {
        using var file = InputFile.Open(path);
        return Given(TryStart(file.Identity, path, GuestLayout.PieBase, 0) ?? Read(file, path));
    }

    /// <summary>The image of a program that a root has, which on a warm start is not read.</summary>
    /// <exception cref="ToolException">It is too large, or cannot be read.</exception>
    /// <exception cref="ElfFormatException">It is malformed.</exception>
    public FileImage Load(IHostFile file, string path)
    {
        var identity = file.Identity;
        return Given((identity is null ? null : TryStart(identity, path, GuestLayout.PieBase, 0)) ?? Read(file, identity, path));
    }

    /// <summary>
    /// Loads what a program in a root, and its dynamic linker, were translated to when it was started before: while the cVM is made, on a thread of its own. What
    /// is wrong with any of them the start itself says.
    /// </summary>
    public void Prefetch(IHostTree root, string path)
    {
        try
        {
            if (FindKnown(root, path, GuestLayout.PieBase, 0) is { Elf.Interpreter: { } linker })
                FindKnown(root, linker, GuestLayout.InterpreterBase);
        }
        catch (Exception)
        {
            // On a thread of its own it would end the process.
        }
    }

    private FileImage? FindKnown(IHostTree root, string path, params ReadOnlySpan<long> biases)
        => TreeFile.Find(root, path) is { } found && root.Open(found.Names)?.Identity is { } identity ? TryStart(identity, path, biases) : null;

    /// <summary>The image of an assembly that is loaded already.</summary>
    /// <param name="module">The assembly.</param>
    public FileImage Add(TranslatedModule module)
    {
        Interlocked.Increment(ref _assemblies);
        var name = module.Assembly.GetName().Name!;
        return Given(NewImage(module, name, KeyOf(name)));
    }

    /// <summary>Has a program's image found by its bytes, which are compared, not hashed, when its own are mapped.</summary>
    private FileImage Given(FileImage image)
    {
        lock (_gate)
        {
            // Not by Array.IndexOf, for which a comparer is made by reflection.
            foreach (var one in _given)
            {
                if (one == image)
                    return image;
            }

            _given = [.. _given, image];
        }

        return image;
    }

    /// <summary>Has a file's translation for a load bias in the cache, which is not loaded; whether it was made now.</summary>
    /// <exception cref="ElfFormatException">The file is malformed.</exception>
    /// <exception cref="IOException">The cache cannot be written.</exception>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public bool Prepare(FileIdentity identity, string path, byte[] content, long bias)
    {
        var cache = _cache ?? throw new InvalidOperationException("without a cache there is nothing to prepare");
        var options = Options(IsAlwaysPrecise) with { Parallelism = 1 };
        var name = TranslationKey.Of(content, bias, options);
        var image = ElfImage.Parse(content, path).ToGuestImage(bias);
        var isMade = Add(name, () => image.IsLarge ? ModuleTranslator.TranslateNothing(image, options, "g_" + name) : ModuleTranslator.Translate(image, options, "g_" + name));
        foreach (var part in image.IsLarge ? image.Parts : [])
            isMade |= Add(ModuleFormat.PartName(name, part), () => ModuleTranslator.TranslatePart(image, part, options, "r_" + ModuleFormat.PartName(name, part)));
        cache.RecordStart(identity, path, Variant(bias, IsAlwaysPrecise), name);
        return isMade;

        bool Add(string entry, Func<Translation> make)
        {
            var isWithoutCode = !image.IsLarge && EntryNotes.EvaluatedFunctions.Has(cache, entry);
            if (cache.Has(entry) && !isWithoutCode)
                return false;
            cache.Add(entry, make().Assembly);
            if (isWithoutCode)
                EntryNotes.EvaluatedFunctions.Forget(cache, entry);
            return true;
        }
    }

    /// <summary>The code of an address space.</summary>
    public TranslatedCode NewCode(AddressSpace space, DispatchTable dispatch) => new(dispatch, space, this, new LazyEvaluator(this, space));

    /// <inheritdoc/>
    public ICodeImage? Find(ICodeMemory memory, long pc, bool isPrecise)
    {
        if (memory.FindCode(pc) is not { } mapping || !CodeLayout.TryFindBias(mapping, out var bias))
            return null;
        isPrecise |= IsAlwaysPrecise;
        var file = mapping.File;
        try
        {
            return file.Bytes is { } bytes && FindGiven(bytes.Span, bias, isPrecise) is { } given ? given
                : file.Identity is { } identity ? FindByIdentity(file, identity, bias, isPrecise)
                : ReadUnknown(file) is { } content ? ByContent(content, file.Name, bias, isPrecise, out _)
                : null;
        }
        catch (Exception error) when (error is ElfFormatException or BadImageFormatException)
        {
            // What cannot be translated can be evaluated.
            return null;
        }
    }

    /// <summary>
    /// After the run: has machine code made if the JIT compiler took its time. If that was long, of the methods that it compiled first, so that the next run
    /// need not wait for the others; parts of large files get no other, for most of them is never run.
    /// </summary>
    public void KeepForNextStart()
    {
        if (System.Runtime.JitInfo.GetCompilationTime() is var time && _cache is not null && ((time > WorthCompiling && _withoutNative.Count > 0) || _evaluates))
            CompileInBackground(_cache, time > WorthAsking);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CompileInBackground(TranslationCache cache, bool usedFirst)
    {
        if (!NativeCompiler.IsUsed)
            return;
        var evaluated = _evaluates ? NoteEvaluated(cache) : 0;
        // Of what is evaluated first, all that was entered is going to be translated together, and such regions are not used again.
        var names = _withoutNative.Where(n => !_evaluates || ModuleFormat.IsPartName(n) || n.Length == StartRecord.NameLength || !Evaluating.ContainsKey(n[..StartRecord.NameLength])).ToHashSet();
        var used = usedFirst ? NoteUsed(cache, names) : 0;
        string[] whole = [.. names.Where(n => !ModuleFormat.IsPartName(n)).OrderByDescending(cache.BytesOf).Take(MostCompiled)];
        if (used + whole.Length + evaluated > 0)
            NativeCompiler.StartInBackground(cache, whole);
    }

    /// <summary>Notes where code was entered that was evaluated; in how many entries.</summary>
    private int NoteEvaluated(TranslationCache cache)
    {
        var noted = 0;
        try
        {
            foreach (var (name, regions) in Evaluating)
            {
                if (regions.Entered is not { Length: > 0 } entered)
                    continue;
                EntryNotes.EvaluatedFunctions.Note(cache, name, entered);
                noted++;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The next run says it again.
        }

        return noted;
    }

    /// <summary>Notes which methods of entries were compiled in this run; of how many entries.</summary>
    private static int NoteUsed(TranslationCache cache, HashSet<string> names)
    {
        var used = 0;
        try
        {
            foreach (var (path, rows) in CompiledMethods.Find())
            {
                if (Path.GetFileName(path).Split('.')[0] is var name && names.Contains(name))
                {
                    EntryNotes.UsedMethods.Note(cache, name, rows.Select(row => (long)row));
                    used++;
                }
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The next run says it again.
        }

        return used;
    }

    /// <summary>What tells the variants of a file's translation apart.</summary>
    private string Variant(long bias, bool isPrecise)
        => string.Concat(
            string.Concat(_arguments.Checks, _arguments.Stats ? "-counted" : "", isPrecise ? "-precise" : ""),
            _arguments.Omitted != 0 ? $"-without-{_arguments.Omitted}" : "",
            "-",
            bias.ToString("x"));

    private FileImage? FindGiven(ReadOnlySpan<byte> content, long bias, bool isPrecise)
    {
        lock (_gate)
        {
            foreach (var image in _given)
            {
                if (image.Module.LoadBias == bias && (!isPrecise || image.Module.HasPreciseFaults) && content.SequenceEqual(image.Module.Image.Span))
                    return image;
            }

            return null;
        }
    }

    private FileImage? FindByIdentity(ICodeFile file, FileIdentity identity, long bias, bool isPrecise)
    {
        var variant = Variant(bias, isPrecise);
        Lazy<FileImage?>? image;
        lock (_gate)
        {
            if (!ByIdentity.TryGetValue(identity, out var images))
                ByIdentity.Add(identity, images = []);
            if (!images.TryGetValue(variant, out image))
            {
                if (images.Count == MostVariants)
                    return null;
                images.Add(variant, image = new Lazy<FileImage?>(() => FindOrMake(file, identity, bias, isPrecise, variant)));
            }
        }

        return image.Value;
    }

    private FileImage? FindOrMake(ICodeFile file, FileIdentity identity, long bias, bool isPrecise, string variant)
    {
        if (_cache?.TryStart(identity, variant) is { } cached)
            return Keep(cached, file.Name);
        if (file.Length > MaxLength || ReadAll(file) is not { } content)
            return null;
        var image = ByContent(content, file.Name, bias, isPrecise, out var name);
        _cache?.RecordStart(identity, file.Name, variant, name);
        return image;
    }

    /// <summary>The image of a file that was used before at one of the biases; null: it was not. Without reading it, only that tells which bias it has.</summary>
    private FileImage? TryStart(FileIdentity identity, string path, params ReadOnlySpan<long> biases)
    {
        foreach (var bias in biases)
        {
            if (_cache?.TryStart(identity, Variant(bias, IsAlwaysPrecise)) is { } cached)
                return Keep(cached, path);
        }

        return null;
    }

    private FileImage Keep(CachedModule cached, string path) => ByName(cached.Name, () => Note(WithCode(cached)), path);

    /// <summary>An entry that a run has left without code, translated now unless it may be evaluated here.</summary>
    private CachedModule WithCode(CachedModule cached)
        => EvaluatesFirst || !cached.Module.IsInParts ? cached : Translated(cached);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private CachedModule Translated(CachedModule cached)
    {
        if (_cache is not { } cache || !EntryNotes.EvaluatedFunctions.Has(cache, cached.Name))
            return cached;
        EvaluatedTranslator.Translate(cache, cached.Name, evenUnused: true);
        return cache.TryLoad(cached.Name) ?? cached;
    }

    private TranslatedModule Note(CachedModule cached)
    {
        if (!cached.IsNative && !cached.Module.IsInParts)
        {
            lock (_gate)
                _withoutNative.Add(cached.Name);
        }

        return cached.Module;
    }

    private FileImage ByName(string name, Func<TranslatedModule> load, string path)
    {
        Lazy<FileImage>? image;
        lock (_gate)
        {
            if (!_byName.TryGetValue(name, out image))
                _byName.Add(name, image = new Lazy<FileImage>(() => NewImage(load(), path, name)));
        }

        return image.Value;
    }

    private byte[]? ReadUnknown(ICodeFile file)
    {
        if (file.Bytes is null && Interlocked.Add(ref _unknownBytes, Math.Min(file.Length, MaxLength)) > MaxUnknownBytes)
            return null;
        return file.Length > MaxLength ? null : file.Bytes?.ToArray() ?? ReadAll(file);
    }

    private static byte[]? ReadAll(ICodeFile file)
    {
        var content = GC.AllocateUninitializedArray<byte>((int)file.Length);
        return file.ReadAt(0, content) == content.Length ? content : null;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private FileImage Read(HostFile file, string path)
    {
        var content = InputFile.Read(file, path);
        return GuestProgram.IsAssembly(content) ? Add(LoadAssembly(path)) : Read(content, file.Identity, path);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private FileImage Read(IHostFile file, FileIdentity? identity, string path) => Read(InputFile.Read(file, path), identity, path);

    private FileImage Read(byte[] content, FileIdentity? identity, string path)
    {
        // Malformed files end here, before anything is looked up or written.
        var elf = ElfExecutable.Parse(content, path);
        var bias = GuestProgram.BiasOf(elf);
        var image = ByContent(content, path, bias, IsAlwaysPrecise, out var name);
        if (identity is not null)
            _cache?.RecordStart(identity, path, Variant(bias, IsAlwaysPrecise), name);
        return image;
    }

    /// <summary>By the file's content.</summary>
    /// <exception cref="ElfFormatException">It is malformed.</exception>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private FileImage ByContent(byte[] content, string path, long bias, bool isPrecise, out string name)
    {
        ElfExecutable.Parse(content, path);
        var options = Options(isPrecise);
        var key = name = TranslationKey.Of(content, bias, options);
        byte[] Make() => Translate(key, content, path, bias, options);
        return ByName(key, () => FromCache(key, Make) ?? TranslationCache.LoadUncached(Make()), path);
    }

    /// <summary>From the cache, made for it if necessary; null if there is none, or none that can be used.</summary>
    private TranslatedModule? FromCache(string name, Func<byte[]> make)
    {
        if (_cache is not { } cache)
            return null;
        try
        {
            return Note(WithCode(cache.Load(name, make)));
        }
        catch (Exception error) when (error is UnauthorizedAccessException or IOException)
        {
            // It costs time and nothing else.
            Console.Error.WriteLine($"cheri2il: warning: the cache of translations cannot be used: {error.Message.ReplaceLineEndings(" ")}");
            _cache = null;
            return null;
        }
    }

    private TranslationOptions Options(bool isPrecise)
        => new() { Checks = CommonOptions.ParseChecks(_arguments.Checks), CountChecks = _arguments.Stats, PreciseFaults = isPrecise, Omitted = (CapabilityCost)_arguments.Omitted };

    // key: of what it was made from, after which its regions are called; null: unknown.
    private FileImage NewImage(TranslatedModule module, string path, string? key) => new(module, new LazyRegions(this, key, module.IsInParts, () => NewRegions(module, path, key)), path);

    /// <summary>The key in the name of the assembly of a whole translation; null for an assembly that has another name.</summary>
    private static string? KeyOf(string name)
        => name.Length == StartRecord.NameLength + 2 && name.StartsWith("g_", StringComparison.Ordinal) && StartRecord.IsName(name.AsSpan(2)) ? name[2..] : null;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private RegionTranslator NewRegions(TranslatedModule module, string path, string? key)
    {
        var image = ElfImage.Parse(module.Image.ToArray(), path, module.HasCapabilities).ToGuestImage(module.LoadBias);
        var regions = new RegionTranslator(image, Options(module.HasPreciseFaults), LoadRegion, module.IsInParts ? HotCode.Default : null);
        if (module.IsInParts && key is not null)
        {
            lock (_gate)
            {
                Evaluating.TryAdd(key, regions);
                _evaluates = true;
            }
        }

        return regions;
    }

    /// <summary>A region that was translated before, in this run or an earlier one; null: none was.</summary>
    private TranslatedModule? FindRegion(string name)
        => FindMadeRegion(name) ?? (_cache?.TryLoad(name) is { } cached ? LoadRegion(name, Note(cached)) : null);

    /// <summary>A region that was translated or found in this run.</summary>
    private TranslatedModule? FindMadeRegion(string name)
    {
        Lazy<TranslatedModule>? region;
        lock (_gate)
            Regions.TryGetValue(name, out region);
        return region?.Value;
    }

    private TranslatedModule LoadRegion(string name, TranslatedModule module)
    {
        lock (_gate)
            Regions.TryAdd(name, new Lazy<TranslatedModule>(module));
        return module;
    }

    /// <summary>What was translated at run time, loaded once for all address spaces.</summary>
    private TranslatedModule LoadRegion(string name, Func<byte[]> make)
    {
        Lazy<TranslatedModule>? region;
        lock (_gate)
        {
            if (!Regions.TryGetValue(name, out region))
                Regions.Add(name, region = new Lazy<TranslatedModule>(() => FromCache(name, make) ?? TranslationCache.LoadUncached(make())));
        }

        return region.Value;
    }

    /// <summary>
    /// Whether an ordinary file is evaluated until it has been translated in the background, behind the run: somebody has to do that, as it would be done here. Not
    /// where checks are counted, and not if it has capabilities, which takes a tenth of a translation to find out where bytes between functions look like such instructions.
    /// </summary>
    private bool MayEvaluateFirst(GuestImage image)
        => EvaluatesFirst && _cache is not null && !_arguments.Stats && _arguments.Omitted == 0 && Options(isPrecise: false).Checks == CheckMode.Optimized && NativeCompiler.IsUsed
            && image.Isa == RiscVIsa.Rv64 && (!image.MayHaveCapabilities() || !ModuleTranslator.Discover(image, Options(isPrecise: false)).HasCapabilities);

    private byte[] Translate(string name, byte[] content, string path, long bias, TranslationOptions options)
    {
        var image = ElfImage.Parse(content, path).ToGuestImage(bias);
        if (!image.IsLarge && MayEvaluateFirst(image))
        {
            EntryNotes.EvaluatedFunctions.Note(_cache!, name, []);
            return ModuleTranslator.TranslateNothing(image, options, "g_" + name).Assembly;
        }

        if (image.IsLarge)
            return ModuleTranslator.TranslateNothing(image, options, "g_" + name).Assembly;
        var progress = new TranslationProgress(Path.GetFileName(path));
        var translation = ModuleTranslator.Translate(image, options with { Progress = progress.Report }, "g_" + name);
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

    /// <summary>Regions from the cache; the translator, which parses symbols and unwind tables, is made when one is missing there.</summary>
    /// <remarks>No <see cref="Lazy{T}"/>: making one would load the translator's assembly at every start.</remarks>
    private sealed unsafe class LazyRegions(TranslatedFiles owner, string? key, bool isInParts, Func<IRegionTranslator> make) : IRegionTranslator
    {
        private readonly Lock _gate = new();
        private IRegionTranslator? _translator;
        private HashSet<string>? _known;

        public ICodeDescription Description => Translator().Description;

        public bool EvaluatesFirst => isInParts;

        public long[] Entered => _translator?.Entered ?? [];

        public TranslatedModule? Translate(GuestState* state, long pc, long evaluated = 0)
            => (key is not null && state->Capabilities.MemoryTags == null ? FindCached(pc) : null) ?? Translator().Translate(state, pc, evaluated);

        private TranslatedModule? FindCached(long pc)
            => FindCached(ModuleFormat.PartName(key!, pc)) is { } part && part.FindRow(pc) != 0 ? part : FindCached(ModuleFormat.RegionName(key!, pc));

        // Of what is evaluated first, most is not there: the cache is looked through once.
        private TranslatedModule? FindCached(string name)
        {
            if (!isInParts)
                return ModuleFormat.IsPartName(name) ? null : owner.FindRegion(name);
            if (_known is null)
                Interlocked.CompareExchange(ref _known, owner._cache?.NamesOf(key!) ?? [], null);
            return _known.Contains(name) ? owner.FindRegion(name) : owner.FindMadeRegion(name);
        }

        private IRegionTranslator Translator()
        {
            lock (_gate)
                return _translator ??= make();
        }
    }

    /// <summary>The evaluator, made at first use, which most runs never need.</summary>
    private sealed unsafe class LazyEvaluator(TranslatedFiles owner, ICodeMemory memory) : ICodeEvaluator
    {
        private ICodeEvaluator? _evaluator;

        public void Evaluate(GuestState* state)
        {
            Interlocked.Increment(ref owner._evaluations);
            (Volatile.Read(ref _evaluator) ?? Make()).Evaluate(state);
        }

        public void Evaluate(GuestState* state, ITranslatedEntries code, long returnPc, long returnSp)
        {
            Interlocked.Increment(ref owner._evaluations);
            (Volatile.Read(ref _evaluator) ?? Make()).Evaluate(state, code, returnPc, returnSp);
        }

        // One that is not made yet has derived nothing.
        public bool Invalidate() => Volatile.Read(ref _evaluator)?.Invalidate() ?? false;

        [MethodImpl(MethodImplOptions.NoInlining)]
        private ICodeEvaluator Make()
        {
            var made = new CodeEvaluator(memory);
            return Interlocked.CompareExchange(ref _evaluator, made, null) ?? made;
        }
    }
}
