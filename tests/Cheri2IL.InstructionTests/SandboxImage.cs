using Cheri2IL.CaseGen;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.InstructionTests;

/// <summary>The sandbox's code as an image that nobody changes, and its memory.</summary>
/// <param name="module">Its translation; null: there is none.</param>
/// <param name="regions">Translates the rest; null: it is evaluated.</param>
internal sealed unsafe class SandboxImage(TranslatedModule? module, IRegionTranslator? regions) : ICodeImage, ICodeMemory
{
    /// <inheritdoc/>
    public long Start => 0;

    /// <inheritdoc/>
    public long End => (long)MachineLayout.SlotBytes;

    /// <inheritdoc/>
    public TranslatedModule? Module => module;

    /// <inheritdoc/>
    public ICodeDescription? Description => null;

    /// <inheritdoc/>
    public byte* Base => GuestSandbox.Memory;

    /// <inheritdoc/>
    public bool IsIntact(ICodeMemory memory) => true;

    /// <inheritdoc/>
    public TranslatedModule? Translate(ICodeMemory memory, GuestState* state, long pc, long evaluated = 0) => regions?.Translate(state, pc, evaluated);

    /// <inheritdoc/>
    public bool IsExecutable(long address) => GuestSandbox.IsExecutable(address);

    /// <inheritdoc/>
    public bool IsConstant(long start, long end) => true;

    /// <inheritdoc/>
    public CodeMapping? FindCode(long address) => null;

    /// <inheritdoc/>
    public bool TryCharge(ulong bytes) => true;

    /// <inheritdoc/>
    public void Discharge(ulong bytes)
    {
    }
}
