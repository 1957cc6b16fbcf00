using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Tracing;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>
/// Guest code written in C#: each script stands at a guest pc and acts on the registers as translated code would. Lets the
/// library OS be tested without translator.
/// </summary>
/// <remarks>
/// A script starts at its pc, reads and writes <c>state</c>, calls <see cref="Call"/> for an ecall, and ends by setting
/// <see cref="GuestState.Pc"/>. It must poll <see cref="GuestState.Interrupt"/> in loops and return, like translated code.
/// </remarks>
internal sealed unsafe class ScriptedGuest : IGuestCode
{
    /// <summary>Where the first script of a program stands: inside the image of <see cref="Image"/>.</summary>
    public const long Entry = GuestLayout.PieBase + 0x1000;

    /// <summary>Writable bytes of the image.</summary>
    public const long Data = GuestLayout.PieBase + 0x2000;

    private static readonly ProgramHeader[] Headers =
    [
        new(SegmentType.Load, SegmentFlags.Read | SegmentFlags.Execute, 0x1000, 0x1000, 0x1000, 0x1000, 0x1000),
        new(SegmentType.Load, SegmentFlags.Read | SegmentFlags.Write, 0x2000, 0x2000, 16, 0x2000, 0x1000),
    ];

    private readonly Dictionary<long, Script> _scripts = [];
    private AddressSpace? _space;

    /// <summary>A piece of guest code.</summary>
    public delegate void Script(GuestState* state);

    /// <summary>Sets the code at <paramref name="pc"/>.</summary>
    public Script this[long pc]
    {
        set => _scripts[pc] = value;
    }

    /// <summary>Makes an ecall with the arguments in a0 to a5; whether to go on in line, with the result in a0.</summary>
    public static bool Call(GuestState* state, long number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0, long a5 = 0)
    {
        (state->X17, state->X10, state->X11, state->X12) = (number, a0, a1, a2);
        (state->X13, state->X14, state->X15) = (a3, a4, a5);
        return GuestRuntime.SystemCall(state);
    }

    /// <summary>Makes a cVM that runs this guest.</summary>
    public Cvm Create(CvmLimits? limits = null, List<string>? reports = null, SyscallTrace? trace = null)
        => new(1, Options(limits, reports, trace));

    /// <summary>Makes a cVM that runs this guest, among those of an Intravisor, and starts it.</summary>
    public Cvm StartIn(IntravisorInstance intravisor, string name, List<string>? reports = null, ElfExecutable? image = null, SyscallTrace? trace = null)
    {
        var cvm = intravisor.Create(Options(null, reports, trace) with { Name = name });
        cvm.Start(image ?? Image());
        return cvm;
    }

    /// <summary>What a cVM that runs this guest starts with.</summary>
    public CvmOptions Options(CvmLimits? limits, List<string>? reports, SyscallTrace? trace)
        => new()
        {
            Arguments = ["test", "argument"],
            Environment = ["NAME=value"],
            ProgramPath = "/test",
            Limits = limits ?? new CvmLimits { SlotSize = GuestLayout.MinimumSlotSize, MainHostStack = 16 << 20, ThreadHostStack = 4 << 20 },
            CodeFactory = (space, _) =>
            {
                _space = space;
                return this;
            },
            Report = reports is null ? null : reports.Add,
            Trace = trace,
        };

    /// <summary>Runs this guest to its end.</summary>
    public CvmExit Run(List<string>? reports = null, List<string>? trace = null, ElfExecutable? image = null)
    {
        using var cvm = Create(null, reports, trace is null ? null : new SyscallTrace(trace.Add));
        cvm.Start(image ?? Image());
        return cvm.Wait();
    }

    /// <summary>A position-independent program: a page of code at 0x1000, where <see cref="Entry"/> is, and data behind it.</summary>
    public static ElfExecutable Image() => TestElf.Build(positionIndependent: true, entry: 0x1000, Headers);

    /// <summary>The same for pure capabilities.</summary>
    public static ElfExecutable PureImage() => TestElf.BuildPure(entry: 0x1000, Headers);

    /// <inheritdoc/>
    public nint Resolve(GuestState* state, long pc)
    {
        if (!_space!.IsExecutable(pc))
            throw new GuestFault(GuestFaultKind.InstructionAccess, pc, pc);
        state->Pc = pc;
        return (nint)(delegate* managed<GuestState*, long, long, long, long, long, GuestReturn>)&Enter;
    }

    /// <inheritdoc/>
    public void Interpret(GuestState* state) => throw new InvalidOperationException("scripts do not change the rounding mode");

    /// <inheritdoc/>
    public ICodeDescription? Describe(long pc) => null;

    /// <inheritdoc/>
    public bool RequirePreciseFaults() => false;

    /// <inheritdoc/>
    public void CompileAhead()
    {
    }

    /// <inheritdoc/>
    public bool Invalidate(long start, long length, bool isCode) => true;

    private static GuestReturn Enter(GuestState* state, long sp, long ra, long a0, long a1, long a2)
    {
        (state->X2, state->X1, state->X10, state->X11, state->X12) = (sp, ra, a0, a1, a2);
        var code = (ScriptedGuest)GuestThread.Of(state).Code;
        var pc = state->Pc;
        if (code._scripts.TryGetValue(pc, out var script))
            script(state);
        else
            RunBytes(code, state, pc);
        return GuestRuntime.Leave(state, state->Pc);
    }

    /// <summary>Code without script: the signal trampoline, whose two instructions are the only ones known here.</summary>
    private static void RunBytes(ScriptedGuest code, GuestState* state, long pc)
    {
        const long loadNumber = 0x08b0_0893;
        const int ecall = 0x73;
        if (!code._space!.Memory.TryRead(pc, out long words) || (int)words != loadNumber || (words >> 32) != ecall)
            throw new GuestFault(GuestFaultKind.IllegalInstruction, pc, pc);
        state->X17 = 139;
        state->Pc = pc + 4;
        if (GuestRuntime.SystemCall(state))
            state->Pc = pc + 8;
    }
}
