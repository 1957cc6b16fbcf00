using System.Diagnostics;

namespace Cheri2IL.Runtime.Execution;

/// <summary>Which guest instructions the frames of translated methods on the host's stack stand at.</summary>
public static class GuestBacktrace
{
    /// <summary>
    /// Guest pcs of the calls that were in progress when <paramref name="fault"/> was raised, innermost first. Calls whose host
    /// frames were given up before (longjmp, signal handlers, host stack used up) are missing, and so are calls that were inlined.
    /// </summary>
    public static IReadOnlyList<long> Callers(GuestFault fault)
    {
        var callers = new List<long>();
        foreach (var frame in new StackTrace(fault.InnerException ?? fault, fNeedFileInfo: false).GetFrames())
        {
            if (TranslatedModule.Of(frame) is { } module)
                callers.Add(module.GuestPc(frame));
        }

        // The innermost frame is the faulting instruction's own, unless the guest was on its way into or out of a function.
        if (callers.Count > 0 && callers[0] == fault.Pc)
            callers.RemoveAt(0);
        return callers;
    }
}
