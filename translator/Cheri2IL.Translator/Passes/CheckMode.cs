namespace Cheri2IL.Translator.Passes;

/// <summary>Which capability checks are emitted: the value of <c>--checks</c>.</summary>
public enum CheckMode
{
    /// <summary>Every one: nothing is elided.</summary>
    All,

    /// <summary>Those that no earlier check makes redundant.</summary>
    Optimized,

    /// <summary>None. Guests are not confined: this prices the checks and serves nothing else.</summary>
    None,
}
