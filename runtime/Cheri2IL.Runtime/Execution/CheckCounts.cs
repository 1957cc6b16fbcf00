using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// How often a thread executed what confinement costs, by kind. Translated code counts only when it was translated to; the
/// evaluator always does.
/// </summary>
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

    /// <summary>The counts of several threads together.</summary>
    public static CheckCounts operator +(in CheckCounts a, in CheckCounts b) => new()
    {
        Load = a.Load + b.Load,
        Store = a.Store + b.Store,
        ElidedLoad = a.ElidedLoad + b.ElidedLoad,
        ElidedStore = a.ElidedStore + b.ElidedStore,
        Alignment = a.Alignment + b.Alignment,
        Stack = a.Stack + b.Stack,
        Poll = a.Poll + b.Poll,
        Lookup = a.Lookup + b.Lookup,
    };
}
