using System.Runtime.Loader;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Translator.Lifting;

namespace Cheri2IL.Translator.RunTime;

/// <summary>
/// Serves code that was not found ahead of time: regions of the image go through the ordinary pipeline and into the
/// cache; code that the guest wrote itself is evaluated.
/// </summary>
public sealed unsafe class RunTimeTranslator : ICodeFallback
{
    /// <summary>Bytes past the first pc that an evaluated region may span.</summary>
    private const int EvaluatedSpan = 1024;

    /// <summary>Most evaluated regions that are kept.</summary>
    private const int MostEvaluated = 1024;

    private readonly GuestImage _image;
    private readonly Func<string, Func<byte[]>, TranslatedModule>? _cache;
    private readonly Func<long, bool> _isExecutable;
    private readonly Lock _gate = new();
    private readonly Dictionary<(long Pc, RiscVIsa Isa), IrFunction> _evaluated = [];
    private TranslationOptions _options;
    private string _key;

    /// <summary>Makes the fallback of one address space.</summary>
    /// <param name="image">The program's image at its guest addresses.</param>
    /// <param name="options">Same as for the ahead-of-time translation.</param>
    /// <param name="cache">The module of that name, made by the function if it is not kept anywhere; null: nothing is kept.</param>
    /// <param name="isExecutable">Whether a guest address is mapped executable.</param>
    public RunTimeTranslator(GuestImage image, TranslationOptions options, Func<string, Func<byte[]>, TranslatedModule>? cache, Func<long, bool> isExecutable)
    {
        _image = image;
        _options = options;
        _cache = cache;
        _key = TranslationKey.Of(image.File, options);
        _isExecutable = isExecutable;
    }

    /// <summary>Regions that were translated at run time, newly or from the cache.</summary>
    public int RegionsTranslated { get; private set; }

    /// <summary>Assemblies loaded: those regions, and the whole program anew with precise faults.</summary>
    public int ModulesLoaded { get; private set; }

    /// <summary>Entries into the evaluator.</summary>
    public long Evaluations { get; private set; }

    /// <inheritdoc/>
    public TranslatedModule? Translate(GuestState* state, long pc)
    {
        lock (_gate)
        {
            if (!_image.IsExecutable(pc) || IsModified(state, pc))
                return null;
            RegionsTranslated++;
            var isa = IsaOf(state);
            var name = isa == _image.Isa ? $"{_key}_{pc:x}" : $"{_key}_{pc:x}_{isa}";
            return Load(name, () => ModuleTranslator.TranslateRegion(_image.DecodedAs(isa), pc, _options, "r_" + name).Assembly);
        }
    }

    /// <inheritdoc/>
    public TranslatedModule? TranslatePrecisely()
    {
        lock (_gate)
        {
            if (_options.PreciseFaults)
                return null;
            _options = _options with { PreciseFaults = true };
            _key = TranslationKey.Of(_image.File, _options);
            return Load(_key, () => ModuleTranslator.Translate(_image, _options, "g_" + _key).Assembly);
        }
    }

    /// <inheritdoc/>
    public void Evaluate(GuestState* state)
    {
        Evaluations++;
        var evaluator = new IrEvaluator();
        var calls = new EvaluatedCalls();
        try
        {
            do
            {
                var function = Region(state);
                var next = evaluator.Run(function, state);
                state->Pc = next & ~1L;
                calls.Follow(evaluator.LastCall, state);
                if (state->Interrupt != 0)
                    return;
            }
            while (state->RoundingMode > FloatStatus.LastHostMode);
        }
        catch (GuestFault fault)
        {
            fault.EvaluatedCallers = calls.Callers;
            throw;
        }
    }

    /// <inheritdoc/>
    public void Invalidate(long start, long length)
    {
        lock (_gate)
            _evaluated.Clear();
    }

    /// <inheritdoc/>
    public bool HasChanged(byte* memory, long start, long length)
    {
        foreach (var segment in _image.Segments)
        {
            var (from, to) = (Math.Max(start, segment.Start), Math.Min(length > long.MaxValue - start ? long.MaxValue : start + length, segment.Start + segment.Content.Length));
            if (!segment.IsExecutable || from >= to)
                continue;
            for (var page = from & -HostMemory.PageSize; page < to; page += HostMemory.PageSize)
            {
                var (low, high) = (Math.Max(page, from), Math.Min(page + HostMemory.PageSize, to));
                var original = segment.Content.Span[(int)(low - segment.Start)..(int)(high - segment.Start)];
                if (_isExecutable(low) && !original.SequenceEqual(new ReadOnlySpan<byte>(memory + low, original.Length)))
                    return true;
            }
        }

        return false;
    }

    /// <summary>Whether the bytes around a pc differ from the file's: the guest has changed its own code.</summary>
    private bool IsModified(GuestState* state, long pc)
    {
        var (start, end, _) = _image.RangeOf(pc);
        start = Math.Max(start, pc - EvaluatedSpan);
        end = Math.Min(end, pc + EvaluatedSpan);
        Span<byte> original = stackalloc byte[2];
        for (var at = start; at + 2 <= end; at += 2)
        {
            if (!_image.TryRead(at, original) || !_isExecutable(at))
                return true;
            if (!original.SequenceEqual(new ReadOnlySpan<byte>(state->MemoryBase + at, 2)))
                return true;
        }

        return false;
    }

    private TranslatedModule Load(string name, Func<byte[]> make)
    {
        ModulesLoaded++;
        if (_cache is not null)
            return _cache(name, make);
        using var stream = new MemoryStream(make());
        return new TranslatedModule(AssemblyLoadContext.Default.LoadFromStream(stream));
    }

    /// <summary>What the code at the pc is decoded as: with capabilities, PCC says.</summary>
    private RiscVIsa IsaOf(GuestState* state)
        => _image.Isa == RiscVIsa.Rv64 ? RiscVIsa.Rv64
        : CapabilityState.Read(state, GuestRegister.Pcc).IsCapabilityMode ? RiscVIsa.CheriV9Capability
        : RiscVIsa.CheriV9Integer;

    private IrFunction Region(GuestState* state)
    {
        var pc = state->Pc;
        var isa = IsaOf(state);
        lock (_gate)
        {
            if (_evaluated.TryGetValue((pc, isa), out var function))
                return function;
            if ((ulong)pc > state->Limit || !_isExecutable(pc))
                throw new GuestFault(GuestFaultKind.InstructionAccess, pc, pc);
            var source = new GuestMemorySource(state->MemoryBase, _isExecutable, isa);
            function = RegionBuilder.Build(source, pc, pc, pc + EvaluatedSpan).Function;
            function.Number();
            // A guest that runs code wherever it likes must not fill the host's memory with it.
            if (_evaluated.Count == MostEvaluated)
                _evaluated.Clear();
            _evaluated.Add((pc, isa), function);
            return function;
        }
    }
}
