using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.RunTime;

namespace Cheri2IL.Cli;

/// <summary>The run-time translator, made at first use: it parses symbols and unwind tables, which most runs never need.</summary>
/// <param name="make">Makes it.</param>
/// <param name="isPreciseOnDemand">Whether a guest that handles faults gets code whose faults are precise.</param>
internal sealed unsafe class LazyFallback(Func<RunTimeTranslator> make, bool isPreciseOnDemand) : ICodeFallback
{
    private readonly Lazy<RunTimeTranslator> _translator = new(make);

    /// <summary>Regions translated at run time.</summary>
    public int RegionsTranslated => _translator.IsValueCreated ? _translator.Value.RegionsTranslated : 0;

    /// <summary>Assemblies loaded at run time.</summary>
    public int ModulesLoaded => _translator.IsValueCreated ? _translator.Value.ModulesLoaded : 0;

    /// <summary>Entries into the evaluator.</summary>
    public long Evaluations => _translator.IsValueCreated ? _translator.Value.Evaluations : 0;

    /// <inheritdoc/>
    public TranslatedModule? Translate(GuestState* state, long pc) => _translator.Value.Translate(state, pc);

    /// <inheritdoc/>
    public TranslatedModule? TranslatePrecisely() => isPreciseOnDemand ? _translator.Value.TranslatePrecisely() : null;

    /// <inheritdoc/>
    public void Evaluate(GuestState* state) => _translator.Value.Evaluate(state);

    /// <inheritdoc/>
    public void Invalidate(long start, long length)
    {
        if (_translator.IsValueCreated)
            _translator.Value.Invalidate(start, length);
    }

    /// <inheritdoc/>
    public bool HasChanged(byte* memory, long start, long length) => _translator.Value.HasChanged(memory, start, length);
}
