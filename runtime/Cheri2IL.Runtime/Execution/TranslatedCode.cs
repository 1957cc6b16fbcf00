using System.Reflection;
using System.Runtime.CompilerServices;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Runtime.Execution;

/// <summary>The code of one address space: images bound to where their bytes are, and evaluation. Fills the dispatch table.</summary>
/// <remarks>
/// An image is bound when its code is first entered, and until something changes in its range. Thread-safe: threads of an address
/// space share it.
/// </remarks>
public sealed unsafe class TranslatedCode : IGuestCode, ITranslatedEntries
{
    /// <summary>Most methods that are compiled because the guest is about to clear fflags: a second's work, perhaps.</summary>
    private const int MostCompiledAhead = 1000;

    /// <summary>Most addresses that are remembered as evaluated; programs come to some ten thousand.</summary>
    private const int MostRemembered = 1 << 17;

    private readonly DispatchTable _dispatch;
    private readonly ICodeMemory _memory;
    private readonly ICodeImages _images;
    private readonly ICodeEvaluator? _evaluator;
    private readonly Lock _gate = new();
    private readonly List<CodeBinding> _bindings = [];

    /// <summary>Addresses that were asked for and are evaluated.</summary>
    private readonly HashSet<long> _evaluated = [];
    private bool _isPrecise;
    private bool _isCompiledAhead;

    /// <summary>Makes the code of an address space.</summary>
    /// <param name="dispatch">Its dispatch table.</param>
    /// <param name="memory">Its memory.</param>
    /// <param name="images">Where translations come from.</param>
    /// <param name="evaluator">Serves the rest; null where only translated code may run.</param>
    public TranslatedCode(DispatchTable dispatch, ICodeMemory memory, ICodeImages images, ICodeEvaluator? evaluator)
    {
        _dispatch = dispatch;
        _memory = memory;
        _images = images;
        _evaluator = evaluator;
    }

    /// <inheritdoc/>
    public nint Resolve(GuestState* state, long pc)
    {
        if ((ulong)pc > state->Limit || !_memory.IsExecutable(pc))
            throw FetchFault(state, pc);
        lock (_gate)
        {
            var entry = FindEntry(state, pc, evaluated: 0);
            if (entry == 0)
            {
                // Not entered in the table: what it evaluates may be translated later, or change.
                state->Pc = pc;
                return _evaluator is not null
                    ? (nint)(delegate* managed<GuestState*, long, long, long, long, long, GuestReturn>)&EvaluateEntry
                    : throw new GuestFault(GuestFaultKind.InstructionAccess, pc, pc);
            }

            return entry;
        }
    }

    /// <inheritdoc/>
    public bool Has(GuestState* state, long pc) => Has(state, pc, instructions: 0);

    /// <inheritdoc/>
    public bool Has(GuestState* state, long pc, long instructions)
    {
        if ((ulong)pc > state->Limit || !_memory.IsExecutable(pc))
            return false;
        lock (_gate)
            return FindEntry(state, pc, instructions) != 0;
    }

    /// <summary>The entry for a pc, put into the dispatch table; 0: it is to be evaluated.</summary>
    private nint FindEntry(GuestState* state, long pc, long evaluated)
    {
        var dispatch = _dispatch.Of(state);
        var entry = dispatch.Lookup(pc);
        if (entry != 0 || (evaluated == 0 && _evaluated.Contains(pc)))
            return entry;
        var binding = Bind(pc, state->Capabilities.MemoryTags != null);
        entry = binding?.Find(_memory, state, pc, CapabilityState.ReadPcc(state, pc).IsCapabilityMode, evaluated) ?? 0;
        if (entry != 0)
            dispatch.Set(pc, entry);
        else if (binding is { EvaluatesFirst: true })
            Remember(pc);
        return entry;
    }

    /// <summary>Does not ask for an address again; a guest that comes to any number of them takes no more of the host's memory.</summary>
    private void Remember(long pc)
    {
        if (_evaluated.Count == MostRemembered)
            _evaluated.Clear();
        _evaluated.Add(pc);
    }

    /// <inheritdoc/>
    public ICodeDescription? Describe(long pc)
    {
        // Code outside of all images has no names, but can be disassembled by any.
        lock (_gate)
            return (_bindings.Find(b => pc >= b.Start && pc < b.End) ?? _bindings.Find(b => b.Description is not null))?.Description;
    }

    /// <inheritdoc/>
    public void Interpret(GuestState* state)
    {
        if (_evaluator is null)
            throw new GuestFault(GuestFaultKind.IllegalInstruction, state->Pc, state->Pc);
        _evaluator.Evaluate(state);
    }

    /// <inheritdoc/>
    public bool RequirePreciseFaults()
    {
        lock (_gate)
        {
            if (_isPrecise || !_images.CanBePrecise)
                return false;
            _isPrecise = true;
            _bindings.Clear();
            _dispatch.Clear(0, long.MaxValue);
            Forget();
            return true;
        }
    }

    /// <inheritdoc/>
    public void CompileAhead()
    {
        lock (_gate)
        {
            if (_isCompiledAhead)
                return;
            _isCompiledAhead = true;
            RuntimeHelpers.PrepareMethod(typeof(TranslatedCode).GetMethod(nameof(EvaluateEntry), BindingFlags.Static | BindingFlags.NonPublic)!.MethodHandle);
            foreach (var binding in _bindings)
                CompileAhead(binding);
        }
    }

    /// <inheritdoc/>
    public bool Invalidate(long start, long length, bool isCode)
    {
        var end = length > long.MaxValue - start ? long.MaxValue : start + length;
        lock (_gate)
        {
            var wasEvaluated = false;
            if (isCode)
            {
                _dispatch.Clear(start, length);
                wasEvaluated = Forget();
            }

            var bound = _bindings.Count;
            for (var k = _bindings.Count - 1; k >= 0; k--)
            {
                var binding = _bindings[k];
                if (!(isCode && binding.Start < end && binding.End > start) && !binding.ReliesOn(start, end))
                    continue;

                // All of it: direct calls between translated methods do not pass the table.
                _dispatch.Clear(binding.Start, binding.End - binding.Start);
                _bindings.RemoveAt(k);
            }

            return wasEvaluated || _bindings.Count != bound;
        }
    }

    /// <summary>Forgets what is known of evaluated code; whether there was anything.</summary>
    private bool Forget()
    {
        _evaluated.Clear();
        return _evaluator?.Invalidate() ?? false;
    }

    private static void CompileAhead(CodeBinding binding)
    {
        if (binding.Modules.Sum(m => m.MethodCount) > MostCompiledAhead)
            return;
        foreach (var module in binding.Modules)
            module.CompileAll();
    }

    /// <summary>What serves a pc, found now if nothing does yet; null: it is evaluated.</summary>
    /// <param name="pc">Guest address.</param>
    /// <param name="hasTags">Whether memory has tags: code with capabilities relies on them, and other code would leave them alone.</param>
    private CodeBinding? Bind(long pc, bool hasTags)
    {
        foreach (var bound in _bindings)
        {
            if (pc >= bound.Start && pc < bound.End)
                return bound;
        }

        if (_images.Find(_memory, pc, _isPrecise) is not { } image || pc < image.Start || pc >= image.End)
            return null;
        CodeBinding binding;
        if (_bindings.Exists(b => b.Start < image.End && b.End > image.Start))
        {
            // Files are mapped over each other: what remains of this one is not its image.
            var page = pc & -HostMemory.PageSize;
            binding = new CodeBinding(page, page + HostMemory.PageSize);
        }
        else
        {
            binding = (image.Module is not { } module || module.HasCapabilities == hasTags) && image.IsIntact(_memory) ? new CodeBinding(image) : new CodeBinding(image.Start, image.End);
        }

        _bindings.Add(binding);
        if (_isCompiledAhead)
            CompileAhead(binding);
        return binding;
    }

    /// <summary>The fault of a fetch from where nothing is executable. What PCC does not allow comes first.</summary>
    private static GuestFault FetchFault(GuestState* state, long pc)
    {
        var violation = state->Capabilities.MemoryTags == null ? 0 : CapabilityChecks.Fetch(CapabilityState.ReadPcc(state, pc), (ulong)pc, sizeof(short));
        return violation == 0 ? new GuestFault(GuestFaultKind.InstructionAccess, pc, pc) : GuestFault.OfCapability(violation, pc, pc);
    }

    /// <summary>Entry point of pcs that are evaluated; <see cref="Resolve"/> left the pc in the state block.</summary>
    private static GuestReturn EvaluateEntry(GuestState* state, long sp, long ra, long a0, long a1, long a2)
    {
        state->X2 = sp;
        state->X1 = ra;
        state->X10 = a0;
        state->X11 = a1;
        state->X12 = a2;
        var pc = ((TranslatedCode)GuestThread.Of(state).Code).Evaluate(state, ra, sp);
        return pc == ra && state->X1 == ra && state->X2 == sp && !IsToLeave(state)
            ? new GuestReturn { Pc = ra, A0 = state->X10 }
            : GuestRuntime.Leave(state, pc & ~1L);
    }

    /// <summary>
    /// Evaluates a call of a function, and calls what is translated meanwhile, until it returns or frames have to unwind: then bit 0 is set. Where control goes on; the
    /// state block is complete.
    /// </summary>
    private long Evaluate(GuestState* state, long ra, long sp)
    {
        byte marker;
        while (true)
        {
            FloatStatus.Leave(state);
            try
            {
                _evaluator!.Evaluate(state, this, ra, sp);
            }
            finally
            {
                FloatStatus.Enter(state);
            }

            // Returns of code with capabilities are for the dispatcher: PCC comes back with them.
            if (state->Capabilities.MemoryTags != null)
                return state->Pc | 1;
            do
            {
                var pc = state->Pc;
                if ((pc == ra && state->X2 == sp) || IsToLeave(state) || (ulong)&marker < state->HostStackLimit
                    || _dispatch.Of(state).Lookup(pc) is not (var entry and not 0))
                {
                    return pc;
                }

                var callee = state->X2;
                var result = ((delegate* managed<GuestState*, long, long, long, long, long, GuestReturn>)entry)(
                    state, callee, state->X1, state->X10, state->X11, state->X12);
                state->X10 = result.A0;
                if (state->Unwinding != 0)
                    return result.Pc | 1;
                state->X1 = result.Pc;
                state->X2 = callee;
                state->Pc = result.Pc & ~1L;
            }
            while (_dispatch.Of(state).Lookup(state->Pc) != 0);
            if (state->Pc == ra && state->X2 == sp)
                return state->Pc;
        }
    }

    private static bool IsToLeave(GuestState* state)
        => state->RoundingMode > FloatStatus.LastHostMode || state->Capabilities.EvaluatesNext != 0 || GuestState.IsExitRequested(state);
}
