using System.Runtime.InteropServices;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Translator.Lifting;

namespace Cheri2IL.Conformance;

/// <summary>A guest with tagged memory and nothing around it: lifts what it comes to and evaluates that.</summary>
/// <remarks>Guest addresses are offsets into one slot without unmapped parts. For one thread.</remarks>
public sealed unsafe class TraceMachine : ICodeSource, IDisposable
{
    /// <summary>Bytes of the slot: what the addresses of the trace format need.</summary>
    public const ulong SlotBytes = 8UL << 30;

    /// <summary>Regions entered before a trace counts as endless; the format's programs have no loops and at most 30 instructions.</summary>
    private const int MostRegions = 1000;

    private readonly IrEvaluator _evaluator = new();
    private readonly GuestState* _state = (GuestState*)NativeMemory.AllocZeroed((nuint)sizeof(GuestState));
    private readonly byte* _memory = HostMemory.MapZero(SlotBytes);
    private readonly byte* _tags = HostMemory.MapZero(SlotBytes / CapabilityState.Granule);

    /// <summary>Where instructions can be fetched: [start, end).</summary>
    public (long Start, long End) Code { get; set; }

    /// <summary>The state block.</summary>
    public GuestState* State => _state;

    /// <inheritdoc/>
    public RiscVIsa Isa => CapabilityState.Read(_state, GuestRegister.Pcc).IsCapabilityMode
        ? RiscVIsa.CheriV9Capability
        : RiscVIsa.CheriV9Integer;

    /// <summary>Registers, reservation and flags as after a reset, everything zero.</summary>
    public void Reset()
    {
        *_state = default;
        _state->MemoryBase = _memory;
        _state->Limit = _state->PollLimit = SlotBytes - 1;
        _state->Capabilities.MemoryTags = _tags;
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
        try
        {
            for (var n = 0; n < MostRegions; n++)
            {
                var region = RegionBuilder.Build(this, _state->Pc, Code.Start, Code.End);
                IrVerifier.ThrowIfInvalid(region.Function, "lifting");
                region.Function.Number();
                _evaluator.Run(region.Function, _state);
            }
        }
        catch (GuestFault fault)
        {
            _state->Pc = fault.Pc;
            return fault;
        }

        throw new InvalidOperationException($"still running at 0x{_state->Pc:x}");
    }

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
        NativeMemory.Free(_state);
    }

    /// <summary>A capability register: c1..c31, <see cref="GuestRegister.Pcc"/>, <see cref="GuestRegister.Ddc"/>.</summary>
    public Capability this[int register]
    {
        get => CapabilityState.Read(_state, register);
        set => CapabilityState.Write(_state, register, value);
    }

    private static ulong Confined(ulong address, int size) =>
        size >= 0 && address < SlotBytes && (ulong)size <= SlotBytes - address
            ? address
            : throw new FormatException($"memory at 0x{address:x} is outside of the slot");
}
