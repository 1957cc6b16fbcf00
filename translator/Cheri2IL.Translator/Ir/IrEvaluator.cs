using System.Runtime.InteropServices;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Ir;

/// <summary>
/// Executes IR: the reference for what each operation means, and the run-time fallback for code that is not translated.
/// </summary>
/// <remarks>
/// <para>One instance serves one host thread at a time; functions may be shared, for they are only read.</para>
/// <para>Registers live in the state block throughout, so it is exact at every fault and exit. Memory is confined by the
/// evaluator itself, whatever checks a function has or lacks: it only touches [0, <see cref="GuestState.Limit"/>].</para>
/// <para>It runs outside of <see cref="FloatStatus.Enter"/>: fflags are <see cref="GuestState.FloatFlags"/> alone, because the
/// host's sticky flags also tell of host code, the evaluator's own JIT compilation included.</para>
/// </remarks>
public sealed unsafe partial class IrEvaluator
{
    private long[] _values = new long[256];
    private Capability[] _capabilities = [];
    private bool _hasCapabilities;

    static IrEvaluator()
    {
        // What reads the host's flags has to be compiled before: compilation raises flags itself.
        var state = new GuestState { RoundingMode = FloatStatus.LastHostMode };
        FloatStatus.Enter(&state);
        FloatStatus.Leave(&state);
    }

    /// <summary>The call by which control left the last time: its pc, and where it returns to; null if it left otherwise.</summary>
    public (long Pc, long ReturnAddress)? LastCall { get; private set; }

    /// <summary>Told at each <see cref="IrOp.Commit"/>, for whose pc the state block holds what matters.</summary>
    public Action<IrInstruction>? Committed { get; init; }

    /// <summary>Blocks that begin with <see cref="IrOp.Poll"/>, behind the first block, before control leaves at one: translated code is to go on with a loop.</summary>
    public int MostPolls { get; init; } = int.MaxValue;

    /// <summary>Whether control left by a jump, call or return the last time: neither at a poll nor at a system call, and no code was changed.</summary>
    public bool LeftByJump { get; private set; }

    /// <summary>Executes <paramref name="function"/> from its entry until control leaves it.</summary>
    /// <param name="function">A valid function whose instructions are numbered (<see cref="IrFunction.Number"/>).</param>
    /// <param name="state">State block; complete on entry and on exit.</param>
    /// <returns>Guest pc to go on at, which <see cref="GuestState.Pc"/> also holds.</returns>
    /// <exception cref="GuestFault">The guest faulted; the state block is as before the faulting instruction.</exception>
    /// <exception cref="NullReferenceException">
    /// The hardware trapped an access inside the slot; <see cref="GuestState.Pc"/> is that instruction, the state block as before it.
    /// </exception>
    public long Run(IrFunction function, GuestState* state)
    {
        _hasCapabilities = function.HasCapabilities;
        LastCall = null;
        LeftByJump = false;
        var polls = 0;
        var block = function.Blocks[0];
        while (Execute(block, state) is { } next)
        {
            block = next;
            if (block.Instructions[0].Op == IrOp.Poll && polls++ == MostPolls)
            {
                state->Pc = block.Pc;
                break;
            }
        }

        return state->Pc;
    }

    /// <summary>Executes one block. Returns the block to go on at, or null when control left with state->Pc set.</summary>
    private IrBlock? Execute(IrBlock block, GuestState* state)
    {
        var instructions = CollectionsMarshal.AsSpan(block.Instructions);
        if (_values.Length < instructions.Length)
            Array.Resize(ref _values, instructions.Length * 2);
        if (_hasCapabilities && _capabilities.Length < _values.Length)
            Array.Resize(ref _capabilities, _values.Length);
        var values = _values;
        foreach (var i in instructions)
        {
            switch (i.Op)
            {
                case IrOp.Const:
                    values[i.Id] = i.Immediate;
                    break;
                case IrOp.Get:
                    values[i.Id] = *RegisterAddress(state, i.Register);
                    break;
                case IrOp.Set:
                    *RegisterAddress(state, i.Register) = values[i.A!.Id];
                    if (_hasCapabilities && i.Register < GuestRegister.F0)
                        CapabilityState.ClearMetadata(state, i.Register);
                    break;
                case <= IrOp.Select:
                    var variable = i.Op is >= IrOp.Eq and <= IrOp.GeU ? i.A!.Type : i.Type;
                    values[i.Id] = IrArithmetic.Evaluate(i.Op, variable, values[i.A!.Id], Value(i.B), Value(i.C));
                    break;
                case <= IrOp.Fence:
                    values[i.Id] = Access(i, Value(i.A), Value(i.B), state);
                    break;
                case >= IrOp.GetC and <= IrOp.ClearTags:
                    Capabilities(i, state);
                    break;
                case < IrOp.Poll:
                    values[i.Id] = Float(i, Value(i.A), Value(i.B), Value(i.C), state);
                    break;
                case IrOp.Poll:
                    if (Volatile.Read(ref state->Interrupt) == 0)
                        break;
                    state->Pc = block.Pc;
                    return null;
                case IrOp.Commit:
                    if (i.Elided is null)
                        Committed?.Invoke(i);
                    break;
                default:
                    return Leave(block, i, state);
            }
        }

        throw new InvalidOperationException($"block 0x{block.Pc:x} has no terminator");
    }

    private long Value(IrInstruction? operand) => operand is null ? 0 : _values[operand.Id];

    /// <summary>Executes a terminator.</summary>
    private IrBlock? Leave(IrBlock block, IrInstruction i, GuestState* state)
    {
        var successors = block.Successors;
        switch (i.Op)
        {
            case IrOp.Jump:
                return successors[0];
            case IrOp.Branch:
                return successors[(int)Value(i.A) != 0 ? 0 : 1];
            case IrOp.Switch:
                var index = (ulong)Value(i.A);
                var target = Value(i.B);
                if (index < (ulong)successors.Count && successors[(int)index].Pc == target)
                    return successors[(int)index];
                state->Pc = target & ~1L;
                return null;
            case IrOp.BranchTable:
                return successors[(int)Math.Min((uint)Value(i.A), (uint)successors.Count - 1)];
            case IrOp.Call or IrOp.TailCall or IrOp.Return:
                // The lifter has written ra, so a call is just another way to leave.
                if (i.Op == IrOp.Call)
                    LastCall = (i.Pc, successors[0].Pc);
                LeftByJump = true;
                state->Pc = (i.A is null ? i.Immediate : Value(i.A)) & ~1L;
                return null;
            case IrOp.Ecall:
                state->Pc = i.Pc;
                return GuestThread.Of(state).Host.SystemCall(state) ? successors[0] : null;
            case IrOp.FenceI:
                state->Pc = i.Immediate;
                GuestThread.Of(state).Code.Invalidate(0, (long)state->Limit + 1);
                return null;
            case IrOp.Trap:
                throw new GuestFault(i.Fault, i.Pc, i.Immediate);
            default:
                throw new InvalidOperationException($"operation {i.Op} is not executable");
        }
    }

    private static long* RegisterAddress(GuestState* state, int register)
        => register < GuestRegister.F0 ? &state->X0 + (register & 31) : (long*)&state->F0 + (register & 31);
}
