namespace Cheri2IL.Runtime.Execution;

/// <summary>Code at fixed guest addresses, such as a file's at one load bias, and its translation. Shared by all address spaces that have it.</summary>
public unsafe interface ICodeImage
{
    /// <summary>Lowest guest address of its code.</summary>
    long Start { get; }

    /// <summary>First guest address above its code.</summary>
    long End { get; }

    /// <summary>What was translated ahead of time; null if nothing was.</summary>
    TranslatedModule? Module { get; }

    /// <summary>Names and text of it for reports; null: there are none.</summary>
    ICodeDescription? Description { get; }

    /// <summary>Whether the executable pages in its range have its code, and what that relies on is there.</summary>
    bool IsIntact(ICodeMemory memory);

    /// <summary>
    /// Translates the region that starts at <paramref name="pc"/>, which was not found ahead of time, and returns its module; null when it
    /// should be evaluated instead.
    /// </summary>
    /// <param name="memory">Where it lies.</param>
    /// <param name="state">State block.</param>
    /// <param name="pc">Guest address.</param>
    /// <param name="evaluated">Instructions of the function that were evaluated since this was asked for it.</param>
    TranslatedModule? Translate(ICodeMemory memory, GuestState* state, long pc, long evaluated = 0);

    /// <summary>Whether code that is not translated is evaluated until it turns out to be used much.</summary>
    bool EvaluatesFirst => false;
}

/// <summary>Finds or makes images. Shared by all address spaces; thread-safe.</summary>
public interface ICodeImages
{
    /// <summary>Whether code whose faults are precise can be had instead of code whose are not.</summary>
    bool CanBePrecise { get; }

    /// <summary>The image with the code at a guest address; null: it is to be evaluated.</summary>
    /// <param name="memory">Where it lies.</param>
    /// <param name="pc">Guest address, which is executable.</param>
    /// <param name="isPrecise">Whether faults have to be precise.</param>
    ICodeImage? Find(ICodeMemory memory, long pc, bool isPrecise);
}

/// <summary>Serves the code of one address space that no translation has.</summary>
public unsafe interface ICodeEvaluator
{
    /// <summary>Evaluates guest code from <see cref="GuestState.Pc"/> for a while; updates the state block.</summary>
    void Evaluate(GuestState* state);

    /// <summary>
    /// Evaluates until control comes to translated code or back to who called, or an exit is requested, or the rounding mode is none of the host's; or for a while.
    /// </summary>
    /// <param name="state">State block.</param>
    /// <param name="code">Says which code is translated.</param>
    /// <param name="returnPc">Guest address to which the code that is evaluated returns.</param>
    /// <param name="returnSp">Its stack pointer then.</param>
    void Evaluate(GuestState* state, ITranslatedEntries code, long returnPc, long returnSp) => Evaluate(state);

    /// <summary>Forgets what was derived from guest memory; whether there was anything.</summary>
    bool Invalidate();
}

/// <summary>Translated code as evaluated code comes to it.</summary>
public unsafe interface ITranslatedEntries
{
    /// <summary>Whether there is an entry in the dispatch table for a pc, made now if its code is translated.</summary>
    bool Has(GuestState* state, long pc);

    /// <summary>The same for code that has been evaluated for so many instructions: it may be translated now.</summary>
    /// <param name="state">State block.</param>
    /// <param name="pc">Guest address.</param>
    /// <param name="instructions">Evaluated instructions of the function.</param>
    bool Has(GuestState* state, long pc, long instructions);
}
