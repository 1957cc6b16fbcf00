using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using Cheri2IL.CaseGen;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Passes;
using Cheri2IL.Translator.RunTime;

namespace Cheri2IL.InstructionTests;

/// <summary>Code in the sandbox, ready to be run by one engine from any of its entries.</summary>
internal sealed unsafe class TestProgram : IGuestHost, IDisposable
{
    private const ulong HostStackBytes = 1 << 20;
    private const long NoSystemCall = -38;

    private static int s_count;
    private static int s_hasRun;

    /// <summary>Whether registers that nobody reads are missing at memory faults, which the evaluator cannot know.</summary>
    private readonly bool _losesRegisters;
    private readonly DispatchTable _dispatch = new(MachineLayout.SlotBytes);
    private readonly TranslatedCode _code;
    private GuestFault? _fault;
    private volatile GuestThread? _thread;
    private volatile bool _isStopped;

    // A method compiled at its first call raises the host's inexact flag in the midst of the guest. The installed tool's
    // runtime is compiled ahead of time; here it is not.
    static TestProgram()
    {
        foreach (var type in typeof(FloatOps).Assembly.GetTypes().Where(t => t.Namespace == typeof(FloatOps).Namespace && !t.ContainsGenericParameters))
        {
            foreach (var method in AllMethods(type))
            {
                if (!method.IsAbstract && !method.ContainsGenericParameters && !method.Attributes.HasFlag(MethodAttributes.PinvokeImpl))
                    RuntimeHelpers.PrepareMethod(method.MethodHandle);
            }
        }

        foreach (var method in AllMethods(typeof(Atomics)).Where(m => m.IsGenericMethodDefinition))
        {
            foreach (var update in typeof(Atomics).GetNestedTypes(BindingFlags.NonPublic).Where(t => t.IsValueType))
                RuntimeHelpers.PrepareMethod(method.MethodHandle, [update.TypeHandle]);
        }
    }

    /// <summary>Loads code and, for the emitting engines, translates it.</summary>
    /// <param name="code">Bytes from <see cref="MachineLayout.Code"/> on.</param>
    /// <param name="entries">Guest addresses where runs will start.</param>
    /// <param name="engine">How to execute.</param>
    /// <param name="evaluator">What evaluates blocks; null: one of its own.</param>
    public TestProgram(ReadOnlySpan<byte> code, IEnumerable<long> entries, Engine engine, CodeEvaluator? evaluator = null)
    {
        var area = GuestSandbox.LoadCode(code);
        var segment = new GuestSegment(MachineLayout.Code, area.Length, area, IsExecutable: true, IsWritable: false);
        var image = new GuestImage(area, 0, [segment], [], entries);
        _losesRegisters = engine == Engine.EvaluatorOptimized;
        var nothing = new SandboxImage(null, null);
        if (engine == Engine.EvaluatorBlocks)
        {
            _code = new TranslatedCode(_dispatch, nothing, new SingleImage(nothing), evaluator ?? new CodeEvaluator(nothing));
            return;
        }

        if (engine is Engine.EvaluatorPlain or Engine.EvaluatorOptimized or Engine.EvaluatorPrecise)
        {
            var passes = engine == Engine.EvaluatorPlain
                ? null
                : new PassOptions { Verify = true, GuaranteedSlotBytes = MachineLayout.SlotBytes, PreciseFaults = engine == Engine.EvaluatorPrecise };
            _code = new TranslatedCode(_dispatch, nothing, new SingleImage(nothing), new SandboxEvaluator(image, passes));
            return;
        }

        var options = new TranslationOptions
        {
            Checks = engine == Engine.EmittedAllChecks ? CheckMode.All : CheckMode.Optimized,
            PreciseFaults = engine == Engine.EmittedPrecise,
            Parallelism = 1,
            GuaranteedSlotBytes = MachineLayout.SlotBytes,
        };
        using var assembly = new MemoryStream(ModuleTranslator.Translate(image, options, $"program{Interlocked.Increment(ref s_count)}").Assembly);
        var module = new TranslatedModule(AssemblyLoadContext.Default.LoadFromStream(assembly));
        // A method compiled at its first direct call raises the host's inexact flag in the midst of the guest.
        foreach (var method in module.Assembly.GetTypes().SelectMany(AllMethods))
            RuntimeHelpers.PrepareMethod(method.MethodHandle);
        var sandbox = new SandboxImage(module, new RegionTranslator(image, options, cache: null));
        _code = new TranslatedCode(_dispatch, sandbox, new SingleImage(sandbox), new CodeEvaluator(sandbox));
    }

    /// <summary>Runs from a state to the first stop or fault.</summary>
    public MachineState Run(MachineState before)
    {
        // The first run of all is made twice, for the same reason: it compiles what else of .NET a run needs.
        if (Interlocked.Exchange(ref s_hasRun, 1) == 0)
            RunOnce(before);
        return RunOnce(before);
    }

    /// <summary>Runs from a state until <see cref="Stop"/>.</summary>
    public void RunToStop(MachineState before)
    {
        using var thread = Start(before);
        _thread = thread;
        if (!_isStopped)
            thread.Run(HostStackBytes);
        _thread = null;
    }

    /// <summary>Stops what <see cref="RunToStop"/> runs, on whatever thread, or is going to run; called before that has returned.</summary>
    public void Stop()
    {
        _isStopped = true;
        _thread?.RequestExit();
    }

    private MachineState RunOnce(MachineState before)
    {
        using var thread = Start(before);
        thread.Run(HostStackBytes);
        return Read(thread.State);
    }

    private GuestThread Start(MachineState before)
    {
        before.Data.CopyTo(GuestSandbox.Data);
        var thread = new GuestThread(this, _code, _dispatch, GuestSandbox.Memory, MachineLayout.SlotBytes);
        var state = thread.State;
        for (var i = 1; i < 32; i++)
            GuestState.X(state, i) = (long)before.X[i];
        for (var i = 0; i < 32; i++)
            GuestState.F(state, i) = BitConverter.UInt64BitsToDouble(before.F[i]);
        state->Pc = (long)before.Pc;
        state->RoundingMode = before.Frm;
        state->FloatFlags = before.Fflags;
        _fault = null;
        return thread;
    }

    /// <inheritdoc/>
    public bool SystemCall(GuestState* state)
    {
        state->X10 = NoSystemCall;
        return true;
    }

    /// <inheritdoc/>
    public bool Fault(GuestState* state, GuestFault fault)
    {
        _fault = fault;
        return false;
    }

    /// <inheritdoc/>
    public bool Poll(GuestState* state) => !_isStopped;

    /// <inheritdoc/>
    public long ReadCounter(int csr) => csr;

    /// <inheritdoc/>
    public void Dispose() => _dispatch.Dispose();

    private static IEnumerable<MethodInfo> AllMethods(Type type) =>
        type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly);

    private MachineState Read(GuestState* state)
    {
        var after = new MachineState { Pc = (ulong)state->Pc, Frm = state->RoundingMode, Fflags = state->FloatFlags };
        for (var i = 0; i < 32; i++)
        {
            after.X[i] = (ulong)GuestState.X(state, i);
            after.F[i] = BitConverter.DoubleToUInt64Bits(GuestState.F(state, i));
        }

        GuestSandbox.Data.CopyTo(after.Data);
        var fault = _fault ?? throw new InvalidOperationException("the guest ended without a fault");
        if (fault.Kind == GuestFaultKind.Breakpoint)
            return after;
        after.Fault = fault.Kind;
        after.HasRegisters = fault.AreRegistersExact && !(_losesRegisters && fault.Kind is GuestFaultKind.LoadAccess or GuestFaultKind.StoreAccess);
        after.FaultAddress = fault.Kind == GuestFaultKind.IllegalInstruction ? 0 : (ulong)fault.Address;
        return after;
    }
}
