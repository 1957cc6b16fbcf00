using System.Reflection;
using System.Runtime.CompilerServices;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Runtime.Execution;

/// <summary>The code of one address space: images bound to where their bytes are, and evaluation. Fills the dispatch table.</summary>
/// <remarks>
/// An image is bound when its code is first entered, and until something changes in its range. Thread-safe: threads of an address
/// space share it.
/// </remarks>
public sealed unsafe class TranslatedCode : IGuestCode
{
    /// <summary>Most methods that are compiled because the guest is about to clear fflags: a second's work, perhaps.</summary>
    private const int MostCompiledAhead = 1000;

    private readonly DispatchTable _dispatch;
    private readonly ICodeMemory _memory;
    private readonly ICodeImages _images;
    private readonly ICodeEvaluator? _evaluator;
    private readonly Lock _gate = new();
    private readonly List<CodeBinding> _bindings = [];
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
            var dispatch = _dispatch.Of(state);
            var entry = dispatch.Lookup(pc);
            if (entry != 0)
                return entry;
            entry = Bind(pc, state->Capabilities.MemoryTags != null)?.Find(_memory, state, pc, CapabilityState.ReadPcc(state, pc).IsCapabilityMode) ?? 0;
            if (entry == 0)
            {
                // Not entered in the table: what it evaluates may be translated later, or change.
                state->Pc = pc;
                return _evaluator is not null
                    ? (nint)(delegate* managed<GuestState*, long, long, long, long, long, GuestReturn>)&EvaluateEntry
                    : throw new GuestFault(GuestFaultKind.InstructionAccess, pc, pc);
            }

            dispatch.Set(pc, entry);
            return entry;
        }
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
    public bool Invalidate(long start, long length)
    {
        var end = length > long.MaxValue - start ? long.MaxValue : start + length;
        lock (_gate)
        {
            _dispatch.Clear(start, length);
            var wasEvaluated = _evaluator?.Invalidate() ?? false;
            var bound = _bindings.Count;
            for (var k = _bindings.Count - 1; k >= 0; k--)
            {
                if (_bindings[k] is not { } binding || binding.Start >= end || binding.End <= start)
                    continue;

                // All of it: direct calls between translated methods do not pass the table.
                _dispatch.Clear(binding.Start, binding.End - binding.Start);
                _bindings.RemoveAt(k);
            }

            return wasEvaluated || _bindings.Count != bound;
        }
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
        FloatStatus.Leave(state);
        try
        {
            GuestThread.Of(state).Code.Interpret(state);
        }
        finally
        {
            FloatStatus.Enter(state);
        }

        return GuestRuntime.Leave(state, state->Pc);
    }
}
