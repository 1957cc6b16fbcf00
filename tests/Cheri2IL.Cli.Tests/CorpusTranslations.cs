using System.Collections.Concurrent;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Passes;

namespace Cheri2IL.Cli.Tests;

/// <summary>Translations of committed guests, each made once for all tests that look at it.</summary>
internal static class CorpusTranslations
{
    /// <summary>In how many parts those are made that a test compares with one made in one part.</summary>
    public const int Parallelism = 4;

    private static readonly ConcurrentDictionary<(string, CheckMode, bool, bool), Lazy<Translation>> _made = [];

    /// <summary>The translation of a file.</summary>
    /// <param name="file">Its path, relative to the repository.</param>
    /// <param name="checks">Which checks it has.</param>
    /// <param name="isPrecise">Whether faults are precise.</param>
    /// <param name="hasSymbols">Whether there is a PDB.</param>
    public static Translation Of(string file, CheckMode checks, bool isPrecise = false, bool hasSymbols = false)
        => _made.GetOrAdd((file, checks, isPrecise, hasSymbols), key => new(() => Make(file, new TranslationOptions { Checks = checks, PreciseFaults = isPrecise, Symbols = hasSymbols, Parallelism = Parallelism }))).Value;

    /// <summary>A translation with other options, made now.</summary>
    public static Translation Make(string file, TranslationOptions options)
        => ModuleTranslator.Translate(GuestProgram.Load(Path.Combine(Repository.Root(), file)).Image, options, "guest");
}
