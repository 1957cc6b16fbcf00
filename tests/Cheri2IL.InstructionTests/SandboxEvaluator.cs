using Cheri2IL.CaseGen;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Lifting;
using Cheri2IL.Translator.Passes;

namespace Cheri2IL.InstructionTests;

/// <summary>Evaluates everything, with the passes or without. A memory fault, where faults are precise, is found from the last commit on.</summary>
internal sealed unsafe class SandboxEvaluator : ICodeEvaluator
{
    private const long Spoilt = 0x5b01_1ed5_b011_ed5b;

    private readonly Dictionary<long, IrFunction> _regions = [];
    private readonly GuestImage _image;
    private readonly PassOptions? _passes;
    private readonly IrEvaluator _evaluator;
    private GuestState* _state;
    private GuestState _committed;
    private long _committedPc;

    /// <summary>An evaluator of code in an image, after <paramref name="passes"/>, or as it is lifted.</summary>
    public SandboxEvaluator(GuestImage image, PassOptions? passes)
    {
        _image = image;
        _passes = passes;
        _evaluator = passes is not { PreciseFaults: true }
            ? new IrEvaluator()
            : new IrEvaluator
            {
                Committed = commit =>
                {
                    _committed = *_state;
                    _committedPc = commit.Pc;
                    Spoil(commit.LiveRegisters);
                },
            };
    }

    /// <inheritdoc/>
    public void Evaluate(GuestState* state)
    {
        do
        {
            state->Pc = Run(state) & ~1L;
        }
        while (state->Interrupt == 0 && state->RoundingMode > FloatStatus.LastHostMode && GuestSandbox.IsExecutable(state->Pc));
    }

    private long Run(GuestState* state)
    {
        _state = state;
        _committedPc = 0;
        try
        {
            return _evaluator.Run(Region(state->Pc), state);
        }
        catch (Exception fault) when (_committedPc != 0 && fault is NullReferenceException or GuestFault { Kind: GuestFaultKind.LoadAccess or GuestFaultKind.StoreAccess })
        {
        }

        // The flags are those at the fault: they are raised again.
        var flags = state->FloatFlags;
        *state = _committed;
        state->FloatFlags = flags;
        state->Pc = _committedPc;
        var next = new IrEvaluator().Run(Lift(state->Pc), state);
        throw new InvalidOperationException($"from the commit at 0x{_committedPc:x}, evaluation came to 0x{next:x} without the fault");
    }

    /// <summary>Registers that do not matter may have any value in the state block.</summary>
    private void Spoil(ulong live)
    {
        fixed (GuestState* committed = &_committed)
        {
            for (var r = 1; r < 32; r++)
            {
                if ((live >> r & 1) == 0)
                    GuestState.X(committed, r) = Spoilt;
            }

            for (var r = 0; r < 32; r++)
            {
                if ((live >> (GuestRegister.F0 + r) & 1) == 0)
                    GuestState.F(committed, r) = BitConverter.Int64BitsToDouble(Spoilt);
            }
        }
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
        function = Lift(pc);
        if (_passes is not null)
            PassPipeline.Run(function, _passes);
        _regions.Add(pc, function);
        return function;
    }

    private IrFunction Lift(long pc)
    {
        var (start, end, name) = _image.RangeOf(pc);
        var function = RegionBuilder.Build(_image, pc, start, end, name).Function;
        function.Number();
        return function;
    }
}
