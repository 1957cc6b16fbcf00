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

    public bool Fault(GuestState* state, GuestFault fault) => throw new NotSupportedException("cases are not dispatched");

    public bool Poll(GuestState* state) => throw new NotSupportedException("cases are not dispatched");

    public long ReadCounter(int csr) => csr * 10L;

    public nint Resolve(GuestState* state, long pc) => throw new NotSupportedException("cases are not dispatched");

    public void Interpret(GuestState* state) => throw new NotSupportedException("cases are not dispatched");

    public void Invalidate(long start, long length) => Invalidated = true;
}
