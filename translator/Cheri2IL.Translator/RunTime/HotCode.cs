namespace Cheri2IL.Translator.RunTime;

/// <summary>When code is translated that is evaluated at first: when evaluating it has taken about as long as to translate it and to compile that.</summary>
/// <param name="Instructions">Evaluated instructions of a function, at least.</param>
/// <param name="InstructionsPerByte">Evaluated instructions for each byte of it, at least.</param>
public readonly record struct HotCode(long Instructions, long InstructionsPerByte)
{
    /// <summary>As measured (docs/experiments.md).</summary>
    public static HotCode Default => new(1_000_000, 1_000);
}
