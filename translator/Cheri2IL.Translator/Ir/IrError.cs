namespace Cheri2IL.Translator.Ir;

/// <summary>A violated invariant of the IR. Its text is <c>location (context): message</c>.</summary>
/// <param name="Function">Where.</param>
/// <param name="Block">Block, or null when the function as a whole is at fault.</param>
/// <param name="Instruction">Instruction, or null when the block as a whole is at fault.</param>
/// <param name="Message">What is wrong.</param>
public sealed record IrError(IrFunction Function, IrBlock? Block, IrInstruction? Instruction, string Message)
{
    /// <inheritdoc/>
    public override string ToString()
    {
        var pc = Instruction?.Pc ?? Block?.Pc ?? Function.EntryPc;
        var context = Function.Name ?? $"function 0x{Function.EntryPc:x}";
        if (Block is not null)
            context += $", b{Block.Id}";
        if (Block is not null && Instruction is not null)
            context += $", {IrPrinter.Format(Instruction, Block)}";
        return $"0x{pc:x} ({context}): {Message}";
    }
}
