using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.FileTests;

/// <summary>
/// The outside world of an eval case. System call 93 (a7) leaves for pc 0x7000; any other puts a0 + a1 into a0 and goes on.
/// Counters read as ten times their CSR number.
/// </summary>
internal sealed unsafe class EvalHost : IGuestHost, IGuestCode
{
    private const int Exit = 93;

    /// <summary>Pc of each system call made.</summary>
    public List<long> SystemCalls { get; } = [];

    /// <summary>Whether fence.i asked to forget derived code.</summary>
    public bool Invalidated { get; private set; }

    public bool SystemCall(GuestState* state)
    {
        SystemCalls.Add(state->Pc);
        if (state->X17 == Exit)
        {
            state->Pc = 0x7000;
            return false;
        }

        state->X10 += state->X11;
        return true;
    }

    /// <summary>What ended a dispatched run: leaving for a pc without code is a fault too.</summary>
    public GuestFault? LastFault { get; private set; }

    public bool Fault(GuestState* state, GuestFault fault)
    {
        LastFault = fault;
        return false;
    }

    public bool Poll(GuestState* state) => throw new NotSupportedException("nothing requests an exit");

    public long ReadCounter(int csr) => csr * 10L;

    /// <summary>Translated code of a dispatched run.</summary>
    public TranslatedModule? Module { get; init; }

    public nint Resolve(GuestState* state, long pc)
        => Module?.Find(pc) is { } entry and not 0 ? entry : throw new GuestFault(GuestFaultKind.InstructionAccess, pc, pc);

    /// <summary>Where evaluation was to look for a fault (<see cref="Translator.Passes.PreciseFaults"/>), which ends a dispatched run; null: it was not.</summary>
    public long? Searched { get; private set; }

    public void Interpret(GuestState* state)
    {
        Searched = state->Pc;
        throw new GuestFault(GuestFaultKind.Breakpoint, state->Pc, 0);
    }

    public bool RequirePreciseFaults() => false;

    public ICodeDescription? Describe(long pc) => null;

    public void CompileAhead()
    {
    }

    public bool Invalidate(long start, long length, bool isCode) => Invalidated = true;
}
