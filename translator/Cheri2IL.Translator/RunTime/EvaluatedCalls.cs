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

    private readonly List<(long Pc, long ReturnAddress, long Sp)> _calls = [];

    /// <summary>Guest pcs of the calls, innermost first.</summary>
    public IReadOnlyList<long> Callers => [.. Enumerable.Reverse(_calls).Select(c => c.Pc)];

    /// <summary>Takes notice of where control is.</summary>
    /// <param name="call">The call that has just been made, and where it returns to; null if none was.</param>
    /// <param name="state">State block, its pc where control goes on.</param>
    public void Follow((long Pc, long ReturnAddress)? call, GuestState* state)
    {
        // Over once its frame is gone, or control is back behind it.
        while (_calls.Count > 0 && _calls[^1] is var last && ((ulong)state->X2 > (ulong)last.Sp || (state->X2 == last.Sp && state->Pc == last.ReturnAddress)))
            _calls.RemoveAt(_calls.Count - 1);
        if (call is not var (pc, returnAddress))
            return;
        if (_calls.Count == Most)
            _calls.RemoveAt(0);
        _calls.Add((pc, returnAddress, state->X2));
    }
}
