using System.Collections.Concurrent;
using System.Diagnostics;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Emit;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Translator.Lifting;
using Cheri2IL.Translator.Passes;

namespace Cheri2IL.Translator;

/// <summary>What to do about checks, names and progress.</summary>
public sealed record TranslationOptions
{
    /// <summary>Which checks are emitted.</summary>
    public CheckMode Checks { get; init; } = CheckMode.Optimized;

    /// <summary>Worker threads; 0 = one per processor.</summary>
    public int Parallelism { get; init; }

    /// <summary>
    /// Functions with more IL bytes than this are split. RyuJIT compiles a method of 60,000 without optimising; tests set less,
    /// to split what is small.
    /// </summary>
    public int MaxCodeBytes { get; init; } = 56_000;

    /// <summary>Whether the code counts the checks that it executes (<see cref="CheckCounts"/>).</summary>
    public bool CountChecks { get; init; }

    /// <summary>What the code does without, to be timed: <b>its capabilities are not what they promise to be</b>.</summary>
    public CapabilityCost Omitted { get; init; }

    /// <summary>
    /// Whether registers are exact also where the hardware finds a fault: for guests that handle SIGSEGV or SIGBUS, and return.
    /// Such code is slower (docs/experiments.md).
    /// </summary>
    public bool PreciseFaults { get; init; }

    /// <summary>Whether to write a PDB as well.</summary>
    public bool Symbols { get; init; }

    /// <summary>Bytes that every slot in which the code will run is guaranteed to have (<see cref="PassOptions.GuaranteedSlotBytes"/>).</summary>
    public long GuaranteedSlotBytes { get; init; } = (long)GuestLayout.MinimumSlotSize;

    /// <summary>Receives (done, total) function counts from any thread; total grows while functions are discovered.</summary>
    public Action<int, int>? Progress { get; init; }
}

/// <summary>Numbers of one translation.</summary>
public sealed record TranslationStatistics
{
    /// <summary>Guest functions (regions) found.</summary>
    public int Functions { get; init; }

    /// <summary>Methods for the JIT compiler; more than functions when some were split.</summary>
    public int Methods { get; init; }

    /// <summary>Split functions that are there whole besides, for crossgen2 (<see cref="NativeForm"/>).</summary>
    public int WholeFunctions { get; init; }

    /// <summary>Guest instructions translated; one reached from two functions counts twice.</summary>
    public long Instructions { get; init; }

    /// <summary>IL bytes of <see cref="Methods"/>.</summary>
    public long CodeBytes { get; init; }

    /// <summary>Checks in the IR.</summary>
    public long Checks { get; init; }

    /// <summary>Checks elided by a pass.</summary>
    public long ElidedChecks { get; init; }

    /// <summary>Checks of accesses under capabilities in the IR.</summary>
    public long CapabilityChecks { get; init; }

    /// <summary>Those elided by a pass.</summary>
    public long ElidedCapabilityChecks { get; init; }

    /// <summary>Places where functions may start that were not translated, because too much of the code overlaps.</summary>
    public int LeftForRunTime { get; init; }

    /// <summary>Jump tables recovered.</summary>
    public int JumpTables { get; init; }

    /// <summary>Guest pcs of indirect jumps that are neither returns nor recovered tables.</summary>
    public IReadOnlyList<long> UnrecoveredJumps { get; init; } = [];

    /// <summary>Wall-clock time.</summary>
    public TimeSpan Elapsed { get; init; }
}

/// <summary>A finished translation.</summary>
/// <param name="Assembly">The assembly file.</param>
/// <param name="Symbols">Its portable PDB, to be stored beside it under its name with .pdb; null if not asked for.</param>
/// <param name="Statistics">Numbers.</param>
public sealed record Translation(byte[] Assembly, byte[]? Symbols, TranslationStatistics Statistics);

/// <summary>
/// Guest image to .NET assembly: discover functions, lift, run passes, emit, write. Deterministic: the order of methods and
/// the bytes of the result do not depend on the number of workers.
/// </summary>
public sealed class ModuleTranslator
{
    /// <summary>
    /// Bounds above which RyuJIT compiles a method without optimising; the limits are 8,000 local references, 20,000 IL
    /// instructions and 2,000 basic blocks, besides <see cref="TranslationOptions.MaxCodeBytes"/>.
    /// </summary>
    private const int MaxLocalReferences = 7_600;

    private const int MaxILInstructions = 19_500;

    private const int MaxInlinedInstructions = 48;

    private const int MaxBlocks = 1_900;

    /// <summary>
    /// Size beyond those bounds up to which a split function is kept whole, too: CPython's main loop is 9 times too large. crossgen2 takes
    /// longer for each instruction the larger the method is: half a minute at 11 times, more than 6 minutes at 26.
    /// </summary>
    private const double MaxWholeFullness = 60;

    /// <summary>
    /// Instructions that are translated for each that can be in the file, at most. Code that is reached at many places, none of which is known
    /// to be in a function, is translated from each of them to its end, and a file can be made to have thousands. What is beyond
    /// is left to be translated at run time.
    /// </summary>
    private const int MaxOverlap = 4;

    /// <summary>Functions built between looks at what is left of that.</summary>
    private const int FunctionsAtOnce = 16;

    private readonly GuestImage _image;
    private readonly TranslationOptions _options;
    private readonly string _name;
    private readonly AssemblyWriter _writer;
    private readonly SortedDictionary<long, RegionBuilder> _regions = [];
    private readonly Dictionary<long, MethodEntry> _entries = [];
    private readonly ConcurrentBag<AddressRange> _constants = [];
    private bool _usesSetjmp;
    private int _left;

    private ModuleTranslator(GuestImage image, TranslationOptions options, string assemblyName)
    {
        _image = image;
        _options = options;
        _name = assemblyName;
        _writer = new AssemblyWriter(assemblyName, image.Isa != RiscVIsa.Rv64);
    }

    private ParallelOptions Workers => new() { MaxDegreeOfParallelism = _options.Parallelism > 0 ? _options.Parallelism : Environment.ProcessorCount };

    private PassOptions Passes => new()
    {
        Checks = _options.Checks,
        GuaranteedSlotBytes = _options.GuaranteedSlotBytes,
        PreciseFaults = _options.PreciseFaults,
    };

    /// <summary>The program, decoded as it was found to be.</summary>
    public GuestImage Image => _image;

    /// <summary>Translates everything that can be found in <paramref name="image"/>.</summary>
    public static Translation Translate(GuestImage image, TranslationOptions options, string assemblyName)
    {
        var clock = Stopwatch.StartNew();
        return Discover(image, options, assemblyName).Finish(clock, withImage: true);
    }

    /// <summary>Translates only the region that starts at <paramref name="pc"/>: the run-time pipeline.</summary>
    public static Translation TranslateRegion(GuestImage image, long pc, TranslationOptions options, string assemblyName)
    {
        var translator = new ModuleTranslator(image, options, assemblyName);
        translator.AddRegion(translator.Build(pc));
        return translator.Finish(Stopwatch.StartNew(), withImage: false);
    }

    /// <summary>What stands for a file that is translated in parts: the file, without code.</summary>
    public static Translation TranslateNothing(GuestImage image, TranslationOptions options, string assemblyName)
        => new ModuleTranslator(image, options, assemblyName).Finish(Stopwatch.StartNew(), withImage: true);

    /// <summary>Translates the functions that start in the part at <paramref name="start"/> (<see cref="ModuleFormat.PartBytes"/>).</summary>
    public static Translation TranslatePart(GuestImage image, long start, TranslationOptions options, string assemblyName)
    {
        var clock = Stopwatch.StartNew();
        var translator = new ModuleTranslator(image, options, assemblyName);
        translator.DiscoverFrom(image.Seeds, start, ModuleFormat.PartBytes);
        return translator.Finish(clock, withImage: false, withWhole: false);
    }

    /// <summary>Discovers and lifts the functions of <paramref name="image"/>, without emitting.</summary>
    public static ModuleTranslator Discover(GuestImage image, TranslationOptions options) => Discover(image, options, "discover");

    private static ModuleTranslator Discover(GuestImage image, TranslationOptions options, string assemblyName)
    {
        var translator = new ModuleTranslator(image, options, assemblyName);
        translator.DiscoverFrom(image.Seeds, start: 0, bytes: long.MaxValue);

        // A program that reaches an instruction of CHERI is a hybrid one, even if the file does not say so.
        return image.Isa == RiscVIsa.Rv64 && translator.ReachesCapabilityInstructions()
            ? Discover(image.DecodedAs(RiscVIsa.CheriV9Integer), options, assemblyName)
            : translator;
    }

    /// <summary>Whether the program has capabilities: its file says so, or code that certainly is code comes to an instruction of CHERI.</summary>
    public bool HasCapabilities => _image.Isa != RiscVIsa.Rv64;

    /// <summary>What was discovered, in order of address.</summary>
    public IReadOnlyCollection<RegionBuilder> Regions => _regions.Values;

    /// <summary>Takes a function to the IR that is emitted, unless it is too large and has to be split.</summary>
    public void Optimize(RegionBuilder region)
    {
        Inlining.Run(region.Function, InlineCandidate);
        PassPipeline.Run(region.Function, Passes);
    }

    // ---- discovery
    private void DiscoverFrom(IEnumerable<long> seeds, long start, long bytes)
    {
        var known = new HashSet<long>();
        bool IsNew(long pc) => (ulong)(pc - start) < (ulong)bytes && known.Add(pc);
        var round = seeds.Where(IsNew).Order().ToArray();
        var instructions = MaxOverlap * Math.Min(_image.ExecutableBytes, bytes) / 2;
        while (round.Length > 0)
        {
            var found = new SortedSet<long>();
            foreach (var seedsAtOnce in round.Chunk(FunctionsAtOnce))
            {
                if (instructions < 0)
                {
                    _left += seedsAtOnce.Length;
                    continue;
                }

                var built = new RegionBuilder[seedsAtOnce.Length];
                Parallel.For(0, built.Length, Workers, k => built[k] = Build(seedsAtOnce[k]));
                foreach (var region in built)
                {
                    AddRegion(region);
                    instructions -= region.InstructionCount;
                    found.UnionWith(region.CallTargets.Concat(region.TailTargets).Where(t => _image.IsExecutable(t) && IsNew(t)));
                    found.UnionWith(region.Addresses.Where(t => _image.IsCode(t) && !_image.IsInsideFunction(t) && IsNew(t)));
                }
            }

            _options.Progress?.Invoke(0, _regions.Count + found.Count);
            round = [.. found];
        }
    }

    /// <summary>Whether code that certainly is code has instructions of CHERI: a word of data that looks like an address may lead to anything.</summary>
    private bool ReachesCapabilityInstructions()
    {
        var reached = new HashSet<long>(_image.Seeds.Where(s => !_image.Candidates.Contains(s)));
        var work = new Stack<long>(reached);
        while (work.TryPop(out var pc))
        {
            if (!_regions.TryGetValue(pc, out var region))
                continue;
            if (region.HasCapabilityInstructions)
                return true;
            foreach (var target in region.CallTargets.Concat(region.TailTargets).Concat(region.Addresses))
            {
                if (reached.Add(target))
                    work.Push(target);
            }
        }

        return false;
    }

    private RegionBuilder Build(long pc)
    {
        var (start, end, name) = _image.RangeOf(pc);
        return RegionBuilder.Build(_image, pc, start, end, name);
    }

    private void AddRegion(RegionBuilder region) => _regions[region.EntryPc] = region;

    // ---- emission
    // withWhole: of a part, machine code is made of single methods alone (NativeForm.LeaveOut).
    private Translation Finish(Stopwatch clock, bool withImage, bool withWhole = true)
    {
        var regions = _regions.Values.ToArray();
        // A region that is translated at run time may be what a longjmp returned to.
        _usesSetjmp = !withImage || Array.Exists(regions, CallsSetjmp);
        for (var k = 0; k < regions.Length; k++)
            _entries[regions[k].EntryPc] = new MethodEntry(AssemblyWriter.MethodToken(k), 0, IsInside: false);
        var bodies = new EmittedMethod[regions.Length];
        var checks = new EmitStatistics[regions.Length];
        var splits = new SplitFunction?[regions.Length];
        var done = 0;
        // The largest first, so that no worker is left with one of them at the end.
        var order = Partitioner.Create(Enumerable.Range(0, regions.Length).OrderByDescending(k => regions[k].InstructionCount).ToArray(), loadBalance: true);
        Parallel.ForEach(order, Workers, k =>
        {
            Optimize(regions[k]);
            var function = regions[k].Function;
            checks[k] = EmitStatistics.Count([function]);
            foreach (var range in function.Constants)
                _constants.Add(range);
            bodies[k] = MethodEmitter.Emit(function, _writer.Members, Entry, EmitOptionsOf(function, part: 0));
            regions[k].Release();
            if (Fullness(bodies[k]) > 1)
            {
                splits[k] = Split(regions[k].EntryPc, bodies[k], k, regions.Length);
                checks[k] = splits[k]!.Checks;
            }

            _options.Progress?.Invoke(Interlocked.Increment(ref done), regions.Length);
        });

        var methods = new List<MethodImage>(regions.Length);
        for (var k = 0; k < regions.Length; k++)
            methods.Add(new MethodImage(regions[k].EntryPc, MethodName(regions[k].EntryPc, regions[k].Name, part: 0), bodies[k]));
        var whole = new List<(SplitRows Rows, MethodImage Method)>();
        for (var k = 0; k < regions.Length; k++)
        {
            if (splits[k] is { } split)
            {
                var (function, parts) = (methods[k], methods.Count);
                Add(split, k, regions.Length, methods);
                if (withWhole && Fullness(bodies[k]) <= MaxWholeFullness)
                    whole.Add((new SplitRows(k + 1, parts + 1, methods.Count - parts, Whole: 0), function with { Name = function.Name + ".whole" }));
            }
            else if (LibraryFunctionAt(regions[k].EntryPc) is not LibraryFunction.None and var known)
                PutInFront(known, k, methods);
        }

        var rows = new List<(long, int)>(regions.Length);
        for (var k = 0; k < regions.Length; k++)
            rows.Add((regions[k].EntryPc, k + 1));
        var compiled = methods.ToArray();
        methods.AddRange(whole.Select(w => w.Method));
        PortablePdb? symbols = null;
        var assembly = _writer.Write(
            methods,
            [
                (ModuleFormat.ImageResource, withImage ? _image.File : []),
                (ModuleFormat.EntryResource, ModuleFormat.EncodeEntries(_image.LoadBias, rows)),
                (ModuleFormat.MapResource, ModuleFormat.EncodeMaps([.. methods.Select(m => m.Body.Map)])),
                .. HasCapabilities ? [(ModuleFormat.CapabilityResource, [_image.Isa == RiscVIsa.CheriV9Capability ? (byte)1 : (byte)0])] : ((string, byte[])[])[],
                .. !_constants.IsEmpty ? [(ModuleFormat.ConstantResource, ModuleFormat.EncodeConstants(_constants))] : ((string, byte[])[])[],
                .. _options.PreciseFaults ? [(ModuleFormat.CommitResource, ModuleFormat.EncodeMaps([.. methods.Select(m => m.Body.Commits)]))] : ((string, byte[])[])[],
                .. whole.Count > 0 ? [(ModuleFormat.WholeResource, ModuleFormat.EncodeWhole([.. whole.Select((w, k) => w.Rows with { Whole = compiled.Length + k + 1 })]))] : ((string, byte[])[])[],
            ],
            !_options.Symbols ? null : rows => symbols = PortablePdbWriter.Write(_image, methods, _name, rows));
        return new Translation(assembly, symbols?.Content, new TranslationStatistics
        {
            Functions = regions.Length,
            Methods = compiled.Length,
            WholeFunctions = whole.Count,
            Instructions = regions.Sum(r => (long)r.InstructionCount),
            CodeBytes = compiled.Sum(m => (long)m.Body.Code.Length),
            Checks = checks.Sum(c => (long)c.Checks),
            ElidedChecks = checks.Sum(c => (long)c.ElidedChecks),
            CapabilityChecks = checks.Sum(c => (long)c.CapabilityChecks),
            ElidedCapabilityChecks = checks.Sum(c => (long)c.ElidedCapabilityChecks),
            LeftForRunTime = _left,
            JumpTables = regions.Sum(r => r.RecoveredTables),
            UnrecoveredJumps = [.. regions.SelectMany(r => r.UnrecoveredJumps).Distinct().Order()],
            Elapsed = clock.Elapsed,
        });
    }

    private EmitOptions EmitOptionsOf(IrFunction function, int part) => new()
    {
        IsPart = part > 0,
        CountsChecks = _options.CountChecks,
        Omitted = _options.Omitted,
        IsPrecise = _options.PreciseFaults,
        Extent = _usesSetjmp ? _image.RangeOf(function.EntryPc) : default,
    };

    /// <summary>
    /// What a function is known to do. Not asked for where its own code is wanted: to count or to keep its checks, or for tags.
    /// </summary>
    private LibraryFunction LibraryFunctionAt(long pc)
        => _options is { Checks: CheckMode.Optimized, CountChecks: false } && _image.Isa == RiscVIsa.Rv64
            ? LibraryFunctions.Recognise(_image, pc)
            : LibraryFunction.None;

    /// <summary>Makes a function that is known a method behind one that tries to do without it.</summary>
    private void PutInFront(LibraryFunction known, int index, List<MethodImage> methods)
    {
        var own = methods[index];
        methods.Add(own with { Name = own.Name + ".own" });
        methods[index] = own with { Body = MethodEmitter.EmitLibraryFunction(known, own.EntryPc, AssemblyWriter.MethodToken(methods.Count - 1), _writer.Members, _options.PreciseFaults) };
    }

    private MethodEntry? Entry(IrInstruction call) => _entries.TryGetValue(call.Immediate, out var entry) ? entry : null;

    /// <summary>Size by the limit that it is nearest to; the method is too large above 1.</summary>
    private double Fullness(EmittedMethod body)
        => new[]
        {
            (double)body.LocalReferences / MaxLocalReferences,
            (double)body.Instructions / MaxILInstructions,
            (double)body.Code.Length / _options.MaxCodeBytes,
            (double)body.Blocks / MaxBlocks,
        }.Max();

    /// <summary>Splits a function that is too large. Calls of the second part and those that follow have tokens as if these were methods from <paramref name="next"/> on.</summary>
    private SplitFunction Split(long entryPc, EmittedMethod whole, int index, int next)
    {
        var share = LargestShare(whole);
        // Ever bolder steps, so that a block that is too large alone does not take hundreds of attempts.
        for (var step = 0.97; ; step *= 0.97)
        {
            // Splitting rewires successors: each attempt starts from a fresh lift.
            var source = Relift(entryPc);
            var (parts, entries) = FunctionSplitter.Split(source, share);
            // A part can be entered at its entries with any register values: what was checked in another part does not count.
            foreach (var part in parts)
            {
                CheckElimination.Run(part, Passes);
                CapabilityCheckElimination.Run(part, Passes);
                PollPlacement.Run(part);
                if (_options.PreciseFaults)
                    PreciseFaults.Run(part);
            }

            MethodEntry? PartEntry(IrInstruction i)
            {
                if (!entries.TryGetValue(i, out var inside))
                    return Entry(i);
                var (part, entry) = inside;
                var token = AssemblyWriter.MethodToken(part == 0 ? index : next + part - 1);
                return new MethodEntry(token, entry, IsInside: (part, entry) != (0, 0));
            }

            var bodies = parts.Select((p, index) => MethodEmitter.Emit(p, _writer.Members, PartEntry, EmitOptionsOf(source, index))).ToArray();
            // Where every block is a part of its own, no more can be done.
            var excess = bodies.Max(Fullness);
            if (excess > 1 && share * source.Blocks.Sum(b => b.Instructions.Count) > 1)
            {
                share *= Math.Min(step, 0.99 / excess);
                continue;
            }

            return new SplitFunction([.. parts.Select((p, index) => new MethodImage(p.EntryPc, MethodName(p.EntryPc, p.Name, index), bodies[index]))], EmitStatistics.Count(parts));
        }
    }

    /// <summary>Replaces a method that is too large by its parts; the first keeps its row, the others are appended.</summary>
    private static void Add(SplitFunction split, int index, int next, List<MethodImage> methods)
    {
        foreach (var part in split.Parts)
            part.Body.MoveCalls(AssemblyWriter.MethodToken(next), methods.Count - next);
        methods[index] = split.Parts[0];
        methods.AddRange(split.Parts.AsSpan(1));
    }

    /// <summary>A fresh lift of a function that may be small enough to be inlined.</summary>
    /// <remarks>
    /// Not one that calls setjmp: longjmp goes on in the method of the function that it returns to
    /// (<see cref="GuestRuntime.Reenter"/>), so that function needs a method of its own.
    /// </remarks>
    private IrFunction? InlineCandidate(long pc)
        => _regions.TryGetValue(pc, out var region) && region.InstructionCount <= MaxInlinedInstructions
            && !CallsSetjmp(region) && LibraryFunctionAt(pc) == LibraryFunction.None
            ? Build(pc).Function
            : null;

    private bool CallsSetjmp(RegionBuilder region) => region.CallTargets.Any(t => _regions.TryGetValue(t, out var callee) && callee.SavesStackPointer);

    private IrFunction Relift(long pc)
    {
        var function = Build(pc).Function;
        PassPipeline.Run(function, Passes with { UnrollLoops = false });
        return function;
    }

    /// <summary>The share of a function that a part may have, at most: parts without calls are less dense than the whole.</summary>
    private double LargestShare(EmittedMethod body) => 1.3 / Fullness(body);

    private static string MethodName(long entryPc, string? symbol, int part)
    {
        var name = symbol is not null ? $"{symbol}@{entryPc:x}" : $"f_{entryPc:x}";
        return part == 0 ? name : $"{name}{NativeForm.PartMark}{part}";
    }

    private sealed record SplitFunction(MethodImage[] Parts, EmitStatistics Checks);
}
