using System.Runtime.Loader;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Emit;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Translator.Lifting;
using Cheri2IL.Translator.Passes;

namespace Cheri2IL.Conformance;

/// <summary>How a <see cref="TraceMachine"/> executes.</summary>
public enum TraceEngine
{
    /// <summary>Evaluates the IR as it was lifted.</summary>
    Evaluator,

    /// <summary>Runs the passes and executes emitted IL, with precise faults.</summary>
    Emitted,
}

/// <summary>A guest with tagged memory and nothing around it: lifts what it comes to, and evaluates or emits that.</summary>
/// <remarks>Guest addresses are offsets into one slot without unmapped parts. For one thread.</remarks>
/// <param name="engine">How it executes.</param>
public sealed unsafe class TraceMachine(TraceEngine engine) : ICodeSource, ICodeMemory, ICodeImage, ICodeEvaluator, IGuestHost, IDisposable
{
    /// <summary>Bytes of the slot: what the addresses of the trace format need.</summary>
    public const ulong SlotBytes = 8UL << 30;

    private const ulong HostStackBytes = 1 << 20;

    /// <summary>Regions entered before a trace counts as endless; the format's programs have no loops and at most 30 instructions.</summary>
    private const int MostRegions = 1000;

    private readonly IrEvaluator _evaluator = new();
    private readonly AssemblyLoadContext _context = new(nameof(TraceMachine), isCollectible: true);
    private readonly Dictionary<(long Pc, RiscVIsa Isa, string Code), TranslatedModule> _modules = [];
    private readonly DispatchTable _dispatch = new(SlotBytes);
    private readonly byte* _memory = HostMemory.MapZero(SlotBytes);
    private readonly byte* _tags = HostMemory.MapZero(SlotBytes / CapabilityState.Granule);
    private GuestThread? _thread;
    private GuestFault? _fault;
    private int _regions;

    /// <summary>Where instructions can be fetched: [start, end).</summary>
    public (long Start, long End) Code { get; set; }

    /// <summary>Whether capability accesses of emitted code are those of a guest with one thread (<see cref="CapabilityState.IsAlone"/>); counts from the next reset on.</summary>
    public bool IsAlone { get; set; }

    /// <summary>The state block; another one after each run.</summary>
    public GuestState* State => _thread is null ? throw new InvalidOperationException("not reset") : _thread.State;

    /// <summary>Regions that were evaluated so far.</summary>
    public int Evaluations { get; private set; }

    /// <inheritdoc/>
    public RiscVIsa Isa => CapabilityState.Read(State, GuestRegister.Pcc).IsCapabilityMode
        ? RiscVIsa.CheriV9Capability
        : RiscVIsa.CheriV9Integer;

    /// <summary>Registers, reservation and flags as after a reset, everything zero.</summary>
    public void Reset()
    {
        _thread?.Dispose();
        _thread = NewThread();
        State->Capabilities.MemoryTags = _tags;
        State->Capabilities.IsAlone = IsAlone;
    }

    /// <summary>Bytes of guest memory.</summary>
    /// <exception cref="FormatException">They are not inside the slot.</exception>
    public Span<byte> Memory(ulong address, int size) => new(_memory + Confined(address, size), size);

    /// <summary>Tags of the granules of [address, address + size), both multiples of 16; a byte each.</summary>
    /// <exception cref="FormatException">They are not inside the slot.</exception>
    public Span<byte> Tags(ulong address, int size) =>
        new(_tags + (Confined(address, size) / CapabilityState.Granule), size / CapabilityState.Granule);

    /// <summary>Runs from the state's pc until a fault, which it returns; the state's pc is that of the instruction then.</summary>
    /// <exception cref="InvalidOperationException">The code does not end, or the lifter made invalid IR.</exception>
    public GuestFault Run()
    {
        var before = _thread ?? throw new InvalidOperationException("not reset");
        _thread = NewThread();
        var handle = State->Thread;
        *State = *before.State;
        State->Thread = handle;
        before.Dispose();
        _dispatch.Clear(Code.Start, Code.End - Code.Start);
        _fault = null;
        _regions = 0;
        _thread.Run(HostStackBytes);
        return _fault ?? throw new InvalidOperationException("the code ended without a fault");
    }

    /// <inheritdoc/>
    public byte* Base => _memory;

    /// <inheritdoc/>
    public long Start => Code.Start;

    /// <inheritdoc/>
    public long End => Code.End;

    /// <inheritdoc/>
    public TranslatedModule? Module => null;

    /// <inheritdoc/>
    public ICodeDescription? Description => null;

    /// <inheritdoc/>
    public bool IsIntact(ICodeMemory memory) => true;

    /// <inheritdoc/>
    public bool IsConstant(long start, long end) => false;

    /// <inheritdoc/>
    public CodeMapping? FindCode(long address) => null;

    /// <inheritdoc/>
    public bool TryCharge(ulong bytes) => true;

    /// <inheritdoc/>
    public void Discharge(ulong bytes)
    {
    }

    /// <inheritdoc/>
    public TranslatedModule? Translate(ICodeMemory memory, GuestState* state, long pc, long evaluated = 0)
    {
        if (engine == TraceEngine.Evaluator)
            return null;
        CountRegion();
        state->Pc = pc;
        var key = (pc, Isa, Convert.ToHexString(new ReadOnlySpan<byte>(_memory + Code.Start, (int)(Code.End - Code.Start))));
        if (!_modules.TryGetValue(key, out var module))
            _modules.Add(key, module = Emit(pc));
        return module;
    }

    /// <inheritdoc/>
    public void Evaluate(GuestState* state)
    {
        CountRegion();
        Evaluations++;
        var region = RegionBuilder.Build(this, state->Pc, Code.Start, Code.End);
        IrVerifier.ThrowIfInvalid(region.Function, "lifting");
        region.Function.Number();
        _evaluator.Run(region.Function, state);
    }

    /// <inheritdoc/>
    public bool Invalidate() => false;

    /// <inheritdoc/>
    public bool SystemCall(GuestState* state) => throw new InvalidOperationException($"system call at 0x{state->Pc:x}");

    /// <inheritdoc/>
    public bool Fault(GuestState* state, GuestFault fault)
    {
        _fault = fault;
        return false;
    }

    /// <inheritdoc/>
    public bool Poll(GuestState* state) => true;

    /// <inheritdoc/>
    public long ReadCounter(int csr) => csr;

    /// <inheritdoc/>
    public bool TryDecode(long address, out RiscVInstruction instruction, out long? absent)
    {
        instruction = default;
        absent = null;
        if (address < Code.Start || address >= Code.End)
        {
            absent = address;
            return false;
        }

        var length = (int)Math.Min(4, Code.End - address);
        var isDecoded = RiscVDecoder.TryDecode(new ReadOnlySpan<byte>(_memory + address, length), address, Isa, out instruction);
        if (instruction.Length > length)
            absent = address + length;
        return isDecoded;
    }

    /// <inheritdoc/>
    public bool TryRead(long address, Span<byte> destination) => false;

    /// <inheritdoc/>
    public void Dispose()
    {
        HostMemory.Unmap(_memory, SlotBytes);
        HostMemory.Unmap(_tags, SlotBytes / CapabilityState.Granule);
        _dispatch.Dispose();
        _thread?.Dispose();
        _context.Unload();
    }

    /// <summary>A capability register: c1..c31, <see cref="GuestRegister.Pcc"/>, <see cref="GuestRegister.Ddc"/>.</summary>
    public Capability this[int register]
    {
        get => CapabilityState.Read(State, register);
        set => CapabilityState.Write(State, register, value);
    }

    /// <inheritdoc/>
    public bool IsExecutable(long address) => address >= Code.Start && address < Code.End;

    private GuestThread NewThread() =>
        new(this, new TranslatedCode(_dispatch, this, new SingleImage(this), this), _dispatch, _memory, SlotBytes);

    private void CountRegion()
    {
        if (++_regions > MostRegions)
            throw new InvalidOperationException($"still running at 0x{State->Pc:x}");
    }

    /// <summary>Translates the region at <paramref name="pc"/> and loads it.</summary>
    private TranslatedModule Emit(long pc)
    {
        var function = RegionBuilder.Build(this, pc, Code.Start, Code.End).Function;
        PassPipeline.Run(function, new PassOptions { Verify = true, PreciseFaults = true, GuaranteedSlotBytes = (long)SlotBytes });
        var writer = new AssemblyWriter($"region{_modules.Count}", hasCapabilities: true);
        var body = MethodEmitter.Emit(function, writer.Members, _ => null, new EmitOptions { IsPrecise = true });
        using var assembly = new MemoryStream(writer.Write(
            [new MethodImage(pc, "region", body)],
            [
                (ModuleFormat.EntryResource, ModuleFormat.EncodeEntries(0, [(pc, 1)])),
                (ModuleFormat.MapResource, ModuleFormat.EncodeMaps([body.Map])),
                (ModuleFormat.CommitResource, ModuleFormat.EncodeMaps([body.Commits])),
            ]));
        return new TranslatedModule(_context.LoadFromStream(assembly));
    }

    private static ulong Confined(ulong address, int size) =>
        size >= 0 && address < SlotBytes && (ulong)size <= SlotBytes - address
            ? address
            : throw new FormatException($"memory at 0x{address:x} is outside of the slot");
}
