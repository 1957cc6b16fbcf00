using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Translator.Lifting;

namespace Cheri2IL.Translator.RunTime;

/// <summary>Evaluates the code of one address space as it is in memory: what the guest wrote itself, or what no translation serves.</summary>
/// <param name="memory">The address space's memory.</param>
public sealed unsafe class CodeEvaluator(ICodeMemory memory) : ICodeEvaluator
{
    /// <summary>Bytes past the first pc that an evaluated region may span.</summary>
    private const int Span = 1024;

    /// <summary>Most evaluated regions that are kept.</summary>
    private const int MostRegions = 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<(long Pc, RiscVIsa Isa), IrFunction> _regions = [];

    /// <summary>Entries into the evaluator.</summary>
    public long Evaluations { get; private set; }

    /// <inheritdoc/>
    public void Evaluate(GuestState* state)
    {
        Evaluations++;
        var evaluator = new IrEvaluator();
        var calls = new EvaluatedCalls();
        try
        {
            do
            {
                var function = Region(state);
                var next = evaluator.Run(function, state);
                state->Pc = next & ~1L;
                calls.Follow(evaluator.LastCall, state);
                if (state->Interrupt != 0)
                    return;
            }
            while (state->RoundingMode > FloatStatus.LastHostMode);
        }
        catch (GuestFault fault)
        {
            fault.EvaluatedCallers = calls.Callers;
            throw;
        }
    }

    /// <inheritdoc/>
    public bool Invalidate()
    {
        lock (_gate)
        {
            var wasUsed = _regions.Count > 0;
            _regions.Clear();
            return wasUsed;
        }
    }

    /// <summary>What the code at the pc is decoded as: with capabilities, PCC says.</summary>
    internal static RiscVIsa IsaOf(GuestState* state)
        => state->Capabilities.MemoryTags == null ? RiscVIsa.Rv64
        : CapabilityState.Read(state, GuestRegister.Pcc).IsCapabilityMode ? RiscVIsa.CheriV9Capability
        : RiscVIsa.CheriV9Integer;

    private IrFunction Region(GuestState* state)
    {
        var pc = state->Pc;
        var isa = IsaOf(state);
        lock (_gate)
        {
            if (_regions.TryGetValue((pc, isa), out var function))
                return function;
            if ((ulong)pc > state->Limit || !memory.IsExecutable(pc))
                throw new GuestFault(GuestFaultKind.InstructionAccess, pc, pc);
            var source = new GuestMemorySource(state->MemoryBase, memory.IsExecutable, isa);
            function = RegionBuilder.Build(source, pc, pc, pc + Span).Function;
            function.Number();
            // A guest that runs code wherever it likes must not fill the host's memory with it.
            if (_regions.Count == MostRegions)
                _regions.Clear();
            _regions.Add((pc, isa), function);
            return function;
        }
    }
}
