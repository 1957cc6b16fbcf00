using System.Diagnostics;

namespace Cheri2IL.Runtime.Execution;

/// <summary>Which guest instructions the frames of translated methods on the host's stack stand at.</summary>
public static class GuestBacktrace
{
    /// <summary>
    /// Guest pcs of the calls that were in progress when <paramref name="fault"/> was raised, innermost first;
    /// each is that of the call or of an instruction shortly before it (<see cref="ICodeDescription.FindCall"/>). Calls whose host
    /// frames were given up before (longjmp, signal handlers, host stack used up) are missing, and so are calls that were inlined.
    /// </summary>
    public static IReadOnlyList<long> Callers(GuestFault fault)
    {
        var callers = new List<long>(fault.EvaluatedCallers);
        var seen = fault.FoundBehind ?? fault;
        // What was only to be found was raised in the innermost frame, and its pc is another: the commit's.
        var isOwn = seen.IsToBeFound;
        if (isOwn)
            callers.AddRange(seen.EvaluatedCallers);
        foreach (var frame in new StackTrace(seen.InnerException ?? seen, fNeedFileInfo: false).GetFrames())
        {
            if (TranslatedModule.Of(frame) is not { } module)
                continue;
            if (isOwn)
            {
                isOwn = false;
                continue;
            }

            // The innermost one is the fault's own, unless the guest was on its way into a function, or evaluated.
            var pc = module.GuestPc(frame);
            if (callers.Count > 0 || (pc != fault.Pc && module.TrapPc(frame) != fault.Pc))
                callers.Add(pc);
        }

        return callers;
    }
}
