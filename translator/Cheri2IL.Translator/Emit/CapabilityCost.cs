namespace Cheri2IL.Translator.Emit;

/// <summary>
/// What checked capabilities cost at run time, by kind. Code can be emitted without some of it, to be timed: <b>such code does not keep what
/// capabilities promise</b>. The check of the slot stays, and nothing but the benchmark asks for it.
/// </summary>
[Flags]
public enum CapabilityCost
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Permissions, tested where bounds are decoded, and where a loaded capability keeps its tag.</summary>
    Permission = 1,

    /// <summary>The tag, tested where bounds are decoded, and the tags of memory: read, written and cleared.</summary>
    Tag = 2,

    /// <summary>Bounds and seal decoded where a register gets a capability, and the bounds kept beside it.</summary>
    Decode = 4,

    /// <summary>The compare with the bounds at each access and each change of an address.</summary>
    Bounds = 8,
}
