using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Elf;
using Cheri2IL.Translator.Emit;
using Cheri2IL.Translator.RunTime;

namespace Cheri2IL.Cli.Cache;

/// <summary>Translates what runs have evaluated (<see cref="EntryNotes.EvaluatedFunctions"/>), for those that follow. Off the start-up path.</summary>
internal static class EvaluatedTranslator
{
    /// <summary>Translates what an entry has in notes, and notes the methods that are to be compiled.</summary>
    /// <param name="cache">The cache.</param>
    /// <param name="name">Name of the entry.</param>
    /// <param name="evenUnused">Whether also a file of which nothing was entered is translated.</param>
    public static void Translate(TranslationCache cache, string name, bool evenUnused = false)
    {
        var entered = EntryNotes.EvaluatedFunctions.Find(cache, name);
        if ((entered.Length == 0 && !evenUnused) || cache.TryLoad(name)?.Module is not { IsInParts: true } module)
            return;
        var content = module.Image.ToArray();
        var options = new TranslationOptions { PreciseFaults = module.HasPreciseFaults };
        var image = ElfImage.Parse(content, name).ToGuestImage(module.LoadBias);
        if (TranslationKey.Of(content, module.LoadBias, options) != name)
            return;
        if (!image.IsLarge)
        {
            Keep(cache, name, entered, ModuleTranslator.Translate(image, options, "g_" + name).Assembly);
            EntryNotes.EvaluatedFunctions.Forget(cache, name);
            return;
        }

        foreach (var part in entered.GroupBy(a => a & -ModuleFormat.PartBytes))
        {
            var partName = ModuleFormat.PartName(name, part.Key);
            if (!cache.Has(partName))
                Keep(cache, partName, part, ModuleTranslator.TranslatePart(image, part.Key, options, "r_" + partName).Assembly);
        }

        EntryNotes.EvaluatedFunctions.Forget(cache, name);
    }

    private static void Keep(TranslationCache cache, string name, IEnumerable<long> entered, byte[] assembly)
    {
        cache.Add(name, assembly);
        var module = TranslationCache.LoadUncached(assembly);
        var rows = NativeForm.WithParts(assembly, entered.Select(module.FindRow).Where(row => row != 0));
        EntryNotes.UsedMethods.Note(cache, name, rows.Select(row => (long)row));
    }
}
