using System.Runtime.Loader;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.RunTime;

/// <summary>Serves code of a file that was not found ahead of time: regions go through the ordinary pipeline and into the cache.</summary>
/// <remarks>Thread-safe; shared by the address spaces that have the file at the same load bias.</remarks>
public sealed unsafe class RegionTranslator : IRegionTranslator
{
    /// <summary>
    /// Bytes from which on a function that has had regions translated is evaluated for a while before the next. That takes seconds for an interpreter's main
    /// loop, and signals interrupt it at ever other places; evaluation soon comes to one of those that have a region already, or to the function's end.
    /// </summary>
    private const int LargeFunction = 16 << 10;

    /// <summary>Regions of a function that are translated at once: one that every run enters at the same place, without signals, is to have them in the cache.</summary>
    private const int FirstRegions = 2;

    /// <summary>Evaluations for each byte of such a function: about as long as its translation takes.</summary>
    private const int EvaluationsPerByte = 2;

    /// <summary>Most places that are remembered as entered.</summary>
    private const int MostEntered = 1 << 17;

    /// <summary>Most functions whose evaluations are counted.</summary>
    private const int MostCounted = 4096;

    private readonly Dictionary<long, (int Regions, long Evaluations)> _largeFunctions = [];
    private readonly GuestImage _image;
    private readonly Func<string, Func<byte[]>, TranslatedModule>? _cache;
    private readonly Lock _gate = new();
    private readonly TranslationOptions _options;
    private readonly string _key;
    private readonly HotCode? _hot;
    private readonly HashSet<long> _entered = [];

    /// <summary>Makes the translator of one image.</summary>
    /// <param name="image">The file at its guest addresses.</param>
    /// <param name="options">Same as for the ahead-of-time translation.</param>
    /// <param name="cache">The module of that name, made by the function if it is not kept anywhere; null: nothing is kept.</param>
    /// <param name="hot">Of a file whose ahead-of-time translation has no code yet: functions that have been evaluated for less are evaluated.</param>
    public RegionTranslator(
        GuestImage image, TranslationOptions options, Func<string, Func<byte[]>, TranslatedModule>? cache, HotCode? hot = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        _image = image;
        _options = options;
        _cache = cache;
        _hot = hot;
        _key = TranslationKey.Of(image.File, image.LoadBias, options);
        Description = new CodeDescription(image);
    }

    /// <inheritdoc/>
    public ICodeDescription Description { get; }

    /// <inheritdoc/>
    public long[] Entered
    {
        get
        {
            lock (_gate)
                return [.. _entered];
        }
    }

    /// <inheritdoc/>
    public bool EvaluatesFirst => _hot is not null;

    /// <inheritdoc/>
    public TranslatedModule? Translate(GuestState* state, long pc, long evaluated = 0)
    {
        lock (_gate)
        {
            if (!_image.IsExecutable(pc))
                return null;
            if (_hot is { } hot ? IsCold(hot, pc, evaluated) : IsEvaluated(pc))
                return null;
            var isa = CodeEvaluator.IsaOf(state);
            var name = isa == _image.Isa ? ModuleFormat.RegionName(_key, pc) : $"{ModuleFormat.RegionName(_key, pc)}_{isa}";
            return Load(name, () => ModuleTranslator.TranslateRegion(_image.DecodedAs(isa), pc, _options, "r_" + name).Assembly);
        }
    }

    /// <summary>Whether evaluating the function at a pc has taken less than its translation would.</summary>
    private bool IsCold(HotCode hot, long pc, long evaluated)
    {
        if (evaluated == 0 && _entered.Count < MostEntered)
            _entered.Add(pc);
        var range = _image.RangeOf(pc);
        return evaluated < Math.Max(hot.Instructions, (range.End - range.Start) * hot.InstructionsPerByte);
    }

    /// <summary>Whether the code at a pc inside a large function is evaluated once more. Counts.</summary>
    private bool IsEvaluated(long pc)
    {
        var range = _image.RangeOf(pc);
        var length = range.End - range.Start;
        if (length < LargeFunction)
            return false;
        if (_largeFunctions.Count == MostCounted)
            _largeFunctions.Clear();
        var (regions, evaluations) = _largeFunctions.GetValueOrDefault(range.Start);
        var isPatient = regions >= FirstRegions && evaluations < length * EvaluationsPerByte;
        _largeFunctions[range.Start] = isPatient ? (regions, evaluations + 1) : (regions + 1, 0);
        return isPatient;
    }

    private TranslatedModule Load(string name, Func<byte[]> make)
    {
        if (_cache is not null)
            return _cache(name, make);
        using var stream = new MemoryStream(make());
        return new TranslatedModule(AssemblyLoadContext.Default.LoadFromStream(stream));
    }
}
