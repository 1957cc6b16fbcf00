using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.RunTime;

/// <summary>
/// The calls in progress of code that is evaluated, for reports: what host frames tell of translated code. A guess, as those are, where
/// the guest changes stacks.
/// </summary>
internal sealed unsafe class EvaluatedCalls
{
    /// <summary>Calls remembered; those further out are forgotten.</summary>
    private const int Most = 64;

    [ThreadStatic]
    private static EvaluatedCalls? t_calls;

    private readonly (long Pc, long ReturnAddress, long Sp)[] _calls = new (long, long, long)[Most];

    /// <summary>Those of the calling thread, whichever evaluators they were made in.</summary>
    public static EvaluatedCalls OfThread => t_calls ??= new EvaluatedCalls();

    /// <summary>Calls in progress; who evaluates for a while sets it back.</summary>
    public int Count { get; set; }

    /// <summary>Takes notice of a call that is made.</summary>
    public void Call(long pc, long returnAddress, long sp) => _calls[Count++ & (Most - 1)] = (pc, returnAddress, sp);

    /// <summary>Takes notice of a return: of the call that was made last, if it is that.</summary>
    public void Return(long target)
    {
        if (Count > 0 && _calls[(Count - 1) & (Most - 1)].ReturnAddress == target)
            Count--;
    }

    /// <summary>Guest pcs of the calls, innermost first.</summary>
    public IReadOnlyList<long> Callers(GuestState* state)
    {
        var callers = new List<long>();
        var sp = (ulong)state->X2;
        for (var k = 1; k <= Math.Min(Count, Most); k++)
        {
            // Over once its frame is gone, or control is back behind it.
            var call = _calls[(Count - k) & (Most - 1)];
            if ((ulong)call.Sp < sp || ((ulong)call.Sp == sp && (callers.Count > 0 || call.ReturnAddress == state->Pc)))
                continue;
            callers.Add(call.Pc);
            sp = (ulong)call.Sp;
        }

        return callers;
    }
}
