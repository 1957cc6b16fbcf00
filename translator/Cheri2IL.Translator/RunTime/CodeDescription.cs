using System.Globalization;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.RunTime;

/// <summary>Describes the code of an image: by its symbols, or else by where its functions start.</summary>
/// <param name="image">The program at its guest addresses.</param>
public sealed class CodeDescription(GuestImage image) : ICodeDescription
{
    /// <inheritdoc/>
    public string? Locate(long pc)
    {
        if (!image.IsExecutable(pc & ~1L) || (image.NameOf(pc) ?? NameByStart(pc)) is not { } name)
            return null;
        return image.LineOf(pc) is var (file, line) ? string.Create(CultureInfo.InvariantCulture, $"{name} at {file}:{line}") : name;
    }

    /// <inheritdoc/>
    public long FindCall(long pc)
    {
        // RyuJIT's map of IL offsets has no place for most calls: they count to what stands before them.
        for (var at = pc; image.TryDecode(at, out var instruction, out _); at += instruction.Length)
        {
            switch (instruction.Opcode)
            {
                case RiscVOpcode.Jal or RiscVOpcode.Jalr or RiscVOpcode.Cjal or RiscVOpcode.Cjalr:
                    return instruction.Rd != 0 ? at : pc;
                case RiscVOpcode.Beq or RiscVOpcode.Bne or RiscVOpcode.Blt or RiscVOpcode.Bge or RiscVOpcode.Bltu or RiscVOpcode.Bgeu:
                    return pc;
            }
        }

        return pc;
    }

    /// <inheritdoc/>
    public string Disassemble(ReadOnlySpan<byte> code, long pc)
    {
        RiscVDecoder.TryDecode(code, pc, image.Isa, out var instruction);
        return RiscVDisassembler.Format(instruction);
    }

    private string? NameByStart(long pc) => image.FunctionStart(pc) switch
    {
        null => null,
        { } start when start == pc => string.Create(CultureInfo.InvariantCulture, $"f_{start:x}"),
        { } start => string.Create(CultureInfo.InvariantCulture, $"f_{start:x}+0x{pc - start:x}"),
    };
}
