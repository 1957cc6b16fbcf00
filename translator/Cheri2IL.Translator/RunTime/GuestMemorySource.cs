using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Translator.Lifting;

namespace Cheri2IL.Translator.RunTime;

/// <summary>Guest code as it is in guest memory now.</summary>
/// <param name="memoryBase">Host address of the slot.</param>
/// <param name="isExecutable">Whether a guest address is mapped executable (then it is readable here, too).</param>
/// <param name="isa">What to decode.</param>
internal sealed unsafe class GuestMemorySource(byte* memoryBase, Func<long, bool> isExecutable, RiscVIsa isa) : ICodeSource
{
    private readonly byte* _memory = memoryBase;

    /// <inheritdoc/>
    public RiscVIsa Isa => isa;

    /// <inheritdoc/>
    public bool TryDecode(long address, out RiscVInstruction instruction, out long? absent)
    {
        instruction = default;
        absent = address;
        if (!isExecutable(address))
            return false;
        var length = isExecutable(address + 2) ? 4 : 2;
        var decoded = RiscVDecoder.TryDecode(new ReadOnlySpan<byte>(_memory + address, length), address, isa, out instruction);
        absent = length < instruction.Length ? address + 2 : null;
        return decoded;
    }

    /// <summary>Nothing in memory is constant.</summary>
    public bool TryRead(long address, Span<byte> destination) => false;
}
