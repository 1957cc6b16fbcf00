using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Translator.Lifting;
using Cheri2IL.Translator.Passes;

namespace Cheri2IL.Translator.RunTime;

/// <summary>Evaluates the code of one address space as it is in memory: what the guest wrote itself, or what no translation serves.</summary>
/// <remarks>Code with capabilities, and what runs in a rounding mode that is none of the host's, is left to the reference evaluator.</remarks>
/// <param name="memory">The address space's memory.</param>
/// <param name="hotInstructions">Instructions of a function that are evaluated between two times that a translation of it is asked for.</param>
public sealed unsafe partial class CodeEvaluator(ICodeMemory memory, long hotInstructions) : ICodeEvaluator
{
    /// <summary>An evaluator that asks for translations at the default pace.</summary>
    /// <param name="memory">The address space's memory.</param>
    public CodeEvaluator(ICodeMemory memory)
        : this(memory, HotCode.Default.Instructions)
    {
    }

    /// <summary>Bytes past the first pc that an evaluated region may span.</summary>
    private const int Span = 1024;

    /// <summary>Most evaluated regions that are kept.</summary>
    private const int MostRegions = 1024;

    /// <summary>Regions in which a fault is looked for: what a commit serves may lead from one to the next.</summary>
    private const int MostSearched = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<(long Pc, RiscVIsa Isa), IrFunction> _regions = [];
    private BlockCompiler? _compiler;
    private BlockCache? _blocks;

    /// <summary>Bytes of <see cref="_blocks"/> that the guest was charged.</summary>
    private long _charged;

    /// <summary>Entries into the evaluator.</summary>
    public long Evaluations { get; private set; }

    /// <inheritdoc/>
    public void Evaluate(GuestState* state)
    {
        Evaluations++;
        // Ordinary code is here only to find a fault behind a commit (PreciseFaults), which is in this function or in one that was inlined, and in a loop
        // before so many turns as are unrolled. Another thread may have mended it.
        var isSearch = state->RoundingMode <= FloatStatus.LastHostMode && state->Capabilities.MemoryTags == null;
        var regions = 0;
        var evaluator = new IrEvaluator { MostPolls = isSearch ? LoopUnrolling.Many : int.MaxValue };
        var calls = EvaluatedCalls.OfThread;
        var outer = calls.Count;
        try
        {
            do
            {
                var function = Region(state);
                var next = evaluator.Run(function, state);
                state->Pc = next & ~1L;
                if (evaluator.LastCall is var (pc, returnAddress))
                    calls.Call(pc, returnAddress, state->X2);
                if (state->Interrupt != 0)
                    return;
            }
            while (state->RoundingMode > FloatStatus.LastHostMode || (isSearch && evaluator.LeftByJump && ++regions < MostSearched && memory.IsExecutable(state->Pc)));
        }
        catch (GuestFault fault)
        {
            // Of nested evaluators the innermost knows all.
            if (fault.EvaluatedCallers.Count == 0)
                fault.EvaluatedCallers = calls.Callers(state);
            throw;
        }
        finally
        {
            calls.Count = outer;
        }
    }

    /// <inheritdoc/>
    public void Evaluate(GuestState* state, ITranslatedEntries code, long returnPc, long returnSp)
    {
        if (state->RoundingMode > FloatStatus.LastHostMode || IsaOf(state) != RiscVIsa.Rv64)
        {
            Evaluate(state);
            return;
        }

        Evaluations++;
        var calls = EvaluatedCalls.OfThread;
        var outer = calls.Count;
        try
        {
            Run(state, code, returnPc, returnSp, calls);
        }
        catch (GuestFault fault)
        {
            // Of nested evaluators the innermost knows all.
            if (fault.EvaluatedCallers.Count == 0)
                fault.EvaluatedCallers = calls.Callers(state);
            throw;
        }
        finally
        {
            calls.Count = outer;
        }
    }

    /// <inheritdoc/>
    public bool Invalidate()
    {
        lock (_gate)
        {
            var wasUsed = _regions.Count > 0 || _blocks is { IsEmpty: false };
            _regions.Clear();
            if (_blocks is { IsEmpty: false })
                DropBlocks();
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
            CheckExecutable(state, pc);
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

    private void CheckExecutable(GuestState* state, long pc)
    {
        if ((ulong)pc > state->Limit || !memory.IsExecutable(pc))
            throw new GuestFault(GuestFaultKind.InstructionAccess, pc, pc);
    }
}
