using System.Reflection;
using System.Runtime.CompilerServices;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Runtime.Execution;

/// <summary>What serves guest code that no loaded assembly has: the run-time pipeline, wired in by the command line.</summary>
public unsafe interface ICodeFallback
{
    /// <summary>
    /// Translates the region that starts at <paramref name="pc"/> from guest memory and returns its module, or null when it
    /// should be evaluated instead (code written at run time).
    /// </summary>
    TranslatedModule? Translate(GuestState* state, long pc);

    /// <summary>
    /// Translates the whole image again so that faults are precise, and regions from now on, too. Null: it is so already, or not
    /// to be.
    /// </summary>
    TranslatedModule? TranslatePrecisely();

    /// <summary>Evaluates guest code from <see cref="GuestState.Pc"/> for a while; updates the state block.</summary>
    void Evaluate(GuestState* state);

    /// <summary>Forgets what was derived from guest memory in [start, start + length).</summary>
    void Invalidate(long start, long length);

    /// <summary>Whether the guest has changed code of the image in [start, start + length).</summary>
    /// <param name="memory">Host address of the slot; pages that are mapped executable are readable.</param>
    /// <param name="start">Guest address.</param>
    /// <param name="length">Bytes.</param>
    bool HasChanged(byte* memory, long start, long length);
}

/// <summary>The code of one address space: loaded modules first, then the fallback. Fills the dispatch table.</summary>
/// <remarks>Thread-safe: threads of an address space share it.</remarks>
public sealed unsafe class TranslatedCode : IGuestCode
{
    /// <summary>Most methods that are compiled because the guest is about to clear fflags: a second's work, perhaps.</summary>
    private const int MostCompiledAhead = 1000;

    private readonly DispatchTable _dispatch;
    private readonly ICodeFallback? _fallback;
    private readonly Func<long, bool> _isExecutable;
    private readonly Lock _gate = new();
    private readonly List<TranslatedModule> _modules = [];
    private readonly byte* _memory;
    private readonly List<CodeChange> _changes = [];
    private bool _running;
    private bool _modified;
    private bool _isCompiledAhead;

    /// <summary>Makes the code of an address space.</summary>
    /// <param name="dispatch">Its dispatch table.</param>
    /// <param name="modules">Translated assemblies of the mapped files.</param>
    /// <param name="isExecutable">Whether a guest address is mapped executable.</param>
    /// <param name="fallback">The run-time pipeline; null where only translated code may run.</param>
    /// <param name="memory">Host address of the slot.</param>
    public TranslatedCode(DispatchTable dispatch, IEnumerable<TranslatedModule> modules, Func<long, bool> isExecutable, ICodeFallback? fallback, byte* memory)
    {
        _memory = memory;
        _dispatch = dispatch;
        _isExecutable = isExecutable;
        _fallback = fallback;
        _modules.AddRange(modules);
    }

    /// <inheritdoc/>
    public nint Resolve(GuestState* state, long pc)
    {
        if ((ulong)pc > state->Limit || !_isExecutable(pc))
            throw FetchFault(state, pc);
        lock (_gate)
        {
            _running = true;
            var dispatch = _dispatch.Of(state);
            var entry = dispatch.Lookup(pc);
            if (entry != 0)
                return entry;
            if (!_modified)
            {
                var isCapabilityMode = CapabilityState.ReadPcc(state, pc).IsCapabilityMode;
                foreach (var module in _modules)
                {
                    entry = module.IsCapabilityMode == isCapabilityMode ? module.Find(pc) : 0;
                    if (entry != 0)
                        break;
                }

                if (entry == 0 && _fallback?.Translate(state, pc) is { } made)
                {
                    _modules.Add(made);
                    entry = made.Find(pc);
                }
            }

            if (entry == 0)
            {
                // Not entered in the table: what it evaluates may be translated later, or change.
                state->Pc = pc;
                return _fallback is not null
                    ? (nint)(delegate* managed<GuestState*, long, long, long, long, long, GuestReturn>)&EvaluateEntry
                    : throw new GuestFault(GuestFaultKind.InstructionAccess, pc, pc);
            }

            dispatch.Set(pc, entry);
            return entry;
        }
    }

    /// <inheritdoc/>
    public void Interpret(GuestState* state)
    {
        if (_fallback is null)
            throw new GuestFault(GuestFaultKind.IllegalInstruction, state->Pc, state->Pc);
        _fallback.Evaluate(state);
    }

    /// <inheritdoc/>
    public bool RequirePreciseFaults()
    {
        lock (_gate)
        {
            if (_modules.TrueForAll(m => m.HasPreciseFaults) || _fallback?.TranslatePrecisely() is not { } module)
                return false;
            _modules.Clear();
            _modules.Add(module);
            _dispatch.Clear(0, long.MaxValue);
            if (_isCompiledAhead)
                CompileModules();
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
            CompileModules();
        }
    }

    private void CompileModules()
    {
        if (_modules.Sum(m => m.MethodCount) <= MostCompiledAhead)
            _modules.ForEach(m => m.CompileAll());
    }

    /// <inheritdoc/>
    public void Invalidate(long start, long length)
    {
        lock (_gate)
        {
            _dispatch.Clear(start, length);
            _fallback?.Invalidate(start, length);
            // Mappings made before the program runs are the image itself.
            if (!_running || _modified)
                return;
            _changes.Add(new CodeChange(start, length));
            if (_fallback is null || !_changes.Exists(c => _fallback.HasChanged(_memory, c.Start, c.Length)))
                return;

            // Direct calls between translated methods do not pass the table: once the guest has changed code that was
            // translated, this address space evaluates.
            _modified = true;
            _dispatch.Clear(0, long.MaxValue);
        }
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

    /// <summary>A range of guest memory whose code may have changed.</summary>
    private sealed record CodeChange(long Start, long Length);
}
