using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.Lifting;

/// <summary>Where guest code comes from: an ELF image ahead of time, or guest memory at run time.</summary>
public interface ICodeSource
{
    /// <summary>What it decodes, also where nothing decodes.</summary>
    RiscVIsa Isa => RiscVIsa.Rv64;

    /// <summary>
    /// Decodes the instruction at <paramref name="address"/>. False when it does not decode, or is not wholly in executable
    /// memory: then <paramref name="absent"/> is the address of the half-word that is not, else null.
    /// </summary>
    bool TryDecode(long address, out RiscVInstruction instruction, out long? absent);

    /// <summary>Reads bytes that the program is not expected to change (jump tables). False when they are not mapped.</summary>
    bool TryRead(long address, Span<byte> destination);

    /// <summary>Whether bytes are in the file, in a segment that the program cannot write to: translations may rely on them as long as that is so.</summary>
    bool IsConstant(long address, long length) => false;
}
