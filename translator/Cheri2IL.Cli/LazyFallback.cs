using Cheri2IL.Cli.Commands;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.RunTime;

namespace Cheri2IL.Cli;

/// <summary>The run-time translator, made at first use: it parses symbols and unwind tables, which most runs never need.</summary>
/// <remarks>No <see cref="Lazy{T}"/>: making one would load the translator's assembly at every start.</remarks>
/// <param name="code">Makes it.</param>
/// <param name="isExecutable">Whether a guest address is mapped executable.</param>
/// <param name="isPreciseOnDemand">Whether a guest that handles faults gets code whose faults are precise.</param>
internal sealed unsafe class LazyFallback(GuestCode code, Func<long, bool> isExecutable, bool isPreciseOnDemand) : ICodeFallback
{
    private readonly Lock _gate = new();
    private RunTimeTranslator? _translator;

    /// <summary>Regions translated at run time.</summary>
    public int RegionsTranslated => _translator?.RegionsTranslated ?? 0;

    /// <summary>Assemblies loaded at run time.</summary>
    public int ModulesLoaded => _translator?.ModulesLoaded ?? 0;

    /// <summary>Entries into the evaluator.</summary>
    public long Evaluations => _translator?.Evaluations ?? 0;

    /// <inheritdoc/>
    public TranslatedModule? Translate(GuestState* state, long pc) => Translator().Translate(state, pc);

    /// <inheritdoc/>
    public TranslatedModule? TranslatePrecisely() => isPreciseOnDemand ? Translator().TranslatePrecisely() : null;

    /// <inheritdoc/>
    public void Evaluate(GuestState* state) => Translator().Evaluate(state);

    /// <inheritdoc/>
    public void Invalidate(long start, long length)
    {
        // One that is not made yet has derived nothing.
        if (Volatile.Read(ref _translator) is { } made)
            made.Invalidate(start, length);
    }

    /// <inheritdoc/>
    public bool HasChanged(byte* memory, long start, long length) => Translator().HasChanged(memory, start, length);

    private RunTimeTranslator Translator()
    {
        lock (_gate)
        {
            if (_translator is null)
                Volatile.Write(ref _translator, code.NewTranslator(isExecutable));
            return _translator;
        }
    }
}
