using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Replaces the checks of instruction fetches, and of jumps inside the function, by one at its entry (<see cref="IrFunction.FetchedCode"/>):
/// where PCC allows the fetch of all of the function's code, none of them can fail until control leaves it, for PCC changes nowhere else.
/// </summary>
public static class FetchChecks
{
    /// <summary>Rewrites <paramref name="function"/>, if it has capabilities.</summary>
    public static void Run(IrFunction function)
    {
        if (!function.HasCapabilities)
            return;
        var (start, last) = (function.EntryPc, function.EntryPc + 1);
        foreach (var i in function.Blocks.SelectMany(b => b.Instructions).Where(i => i.Op == IrOp.CapCheckFetch))
        {
            start = Math.Min(start, i.Pc);
            last = Math.Max(last, i.Pc + i.Immediate - 1);
        }

        function.FetchedCode = (start, last);
        foreach (var block in function.Blocks)
            block.Instructions.RemoveAll(i => i.Op == IrOp.CapCheckFetch || (i.Op == IrOp.CapCheckTarget && IsInside(i.B!)));
        function.Number();

        bool IsInside(IrInstruction target) => target.Op == IrOp.Const && target.Immediate >= start && target.Immediate < last;
    }
}
