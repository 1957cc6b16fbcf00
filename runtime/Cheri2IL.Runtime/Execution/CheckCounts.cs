using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// How often a thread executed what confinement costs, by kind. Translated code counts only when it was translated to; the
/// evaluator always does.
/// </summary>
/// <remarks>
/// What capabilities cost is counted where it is spent: bounds are decoded, the tag tested and permissions looked at where a register gets
/// a capability, for all the accesses that follow; an access is then one compare, which fails if any of them does not allow it.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct CheckCounts
{
    /// <summary>Checks of loads, those that poll included.</summary>
    public long Load;

    /// <summary>Checks of stores and atomics, those that poll included.</summary>
    public long Store;

    /// <summary>Places of checks of loads that a pass elided.</summary>
    public long ElidedLoad;

    /// <summary>Places of checks of stores and atomics that a pass elided.</summary>
    public long ElidedStore;

    /// <summary>Alignment checks of atomics.</summary>
    public long Alignment;

    /// <summary>Host stack checks at the entry of methods.</summary>
    public long Stack;

    /// <summary>Polls of loops that no check stands in for.</summary>
    public long Poll;

    /// <summary>Indirect calls and jumps looked up in the dispatch table.</summary>
    public long Lookup;

    /// <summary>Checks of loads against the bounds of a capability.</summary>
    public long CapabilityLoad;

    /// <summary>Checks of stores and atomics against the bounds of a capability.</summary>
    public long CapabilityStore;

    /// <summary>Places of such checks of loads that a pass elided.</summary>
    public long ElidedCapabilityLoad;

    /// <summary>Places of such checks of stores and atomics that a pass elided.</summary>
    public long ElidedCapabilityStore;

    /// <summary>Guards of loops: compares with bounds, and looks at tags, that stand for those of several turns.</summary>
    public long Guard;

    /// <summary>Addresses of capabilities changed under a check that the tag stays.</summary>
    public long Derivation;

    /// <summary>Addresses of capabilities changed where a pass elided that check.</summary>
    public long ElidedDerivation;

    /// <summary>Bounds decoded for the checks of accesses.</summary>
    public long Decode;

    /// <summary>Tests of tag and seal for them.</summary>
    public long Tag;

    /// <summary>Tests of permissions for them, by kind of access.</summary>
    public long Permission;

    /// <summary>Jumps checked, through a capability or within PCC.</summary>
    public long Jump;

    /// <summary>Entries of methods that look whether PCC allows their fetch.</summary>
    public long Fetch;

    /// <summary>Data stores that look at the tags of what they wrote.</summary>
    public long TagClear;

    /// <summary>Data stores for which a pass elided that.</summary>
    public long ElidedTagClear;

    /// <summary>Instructions that were evaluated, those with capabilities aside.</summary>
    public long Evaluated;

    /// <summary>The counts of several threads together.</summary>
    public static unsafe CheckCounts operator +(CheckCounts a, CheckCounts b)
    {
        // It is fields of long alone. Every run comes here at its end, and spans of the type would be compiled for it.
        for (var k = 0; k < sizeof(CheckCounts) / sizeof(long); k++)
            ((long*)&a)[k] += ((long*)&b)[k];
        return a;
    }
}
