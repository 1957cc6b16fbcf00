using Cheri2IL.CaseGen;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Lifting;
using Cheri2IL.Translator.Passes;

namespace Cheri2IL.InstructionTests;

/// <summary>Evaluates everything, with the passes or without.</summary>
internal sealed unsafe class SandboxEvaluator(GuestImage image, PassOptions? passes) : ICodeEvaluator
{
    private readonly Dictionary<long, IrFunction> _regions = [];
    private readonly IrEvaluator _evaluator = new();

    /// <inheritdoc/>
    public void Evaluate(GuestState* state)
    {
        do
        {
            var next = _evaluator.Run(Region(state->Pc), state);
            state->Pc = next & ~1L;
        }
        while (state->Interrupt == 0 && state->RoundingMode > FloatStatus.LastHostMode && GuestSandbox.IsExecutable(state->Pc));
    }

    /// <inheritdoc/>
    public bool Invalidate()
    {
        _regions.Clear();
        return true;
    }

    private IrFunction Region(long pc)
    {
        if (!GuestSandbox.IsExecutable(pc))
            throw new GuestFault(GuestFaultKind.InstructionAccess, pc, pc);
        if (_regions.TryGetValue(pc, out var function))
            return function;
        var (start, end, name) = image.RangeOf(pc);
        function = RegionBuilder.Build(image, pc, start, end, name).Function;
        if (passes is not null)
            PassPipeline.Run(function, passes);
        else
            function.Number();
        _regions.Add(pc, function);
        return function;
    }
}
