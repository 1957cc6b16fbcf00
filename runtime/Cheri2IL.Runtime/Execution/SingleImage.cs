namespace Cheri2IL.Runtime.Execution;

/// <summary>Images where there is but one.</summary>
/// <param name="image">The image.</param>
public sealed class SingleImage(ICodeImage image) : ICodeImages
{
    /// <inheritdoc/>
    public bool CanBePrecise => false;

    /// <inheritdoc/>
    public ICodeImage? Find(ICodeMemory memory, long pc, bool isPrecise) => pc >= image.Start && pc < image.End ? image : null;
}
