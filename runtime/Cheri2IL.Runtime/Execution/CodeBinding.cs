namespace Cheri2IL.Runtime.Execution;

/// <summary>The image that serves a range of guest addresses in one address space, with the modules of it that were needed so far.</summary>
/// <remarks>Guarded by the lock of <see cref="TranslatedCode"/>.</remarks>
internal sealed unsafe class CodeBinding
{
    private readonly ICodeImage? _image;
    private readonly List<TranslatedModule> _modules = [];

    /// <summary>Binds an image to its range.</summary>
    public CodeBinding(ICodeImage image)
        : this(image.Start, image.End)
    {
        _image = image;
        if (image.Module is { } module)
            _modules.Add(module);
    }

    /// <summary>A range whose code is evaluated.</summary>
    public CodeBinding(long start, long end) => (Start, End) = (start, end);

    /// <summary>First guest address.</summary>
    public long Start { get; }

    /// <summary>First guest address behind.</summary>
    public long End { get; }

    /// <summary>Names and text for reports, if there are any.</summary>
    public ICodeDescription? Description => _image?.Description;

    /// <summary>See <see cref="ICodeImage.EvaluatesFirst"/>.</summary>
    public bool EvaluatesFirst => _image is { EvaluatesFirst: true };

    /// <summary>Modules in use.</summary>
    public IReadOnlyList<TranslatedModule> Modules => _modules;

    /// <summary>Whether its code relies on the content of [start, end).</summary>
    public bool ReliesOn(long start, long end)
    {
        foreach (var module in _modules)
        {
            for (var k = 0; k < module.ConstantCount; k++)
            {
                if (module.Constant(k) is var constants && constants.Start < end && constants.End > start)
                    return true;
            }
        }

        return false;
    }

    /// <summary>Entry point for a pc in the range, from code of one mode; 0: it is to be evaluated.</summary>
    /// <param name="memory">The address space.</param>
    /// <param name="state">State block.</param>
    /// <param name="pc">Guest address.</param>
    /// <param name="isCapabilityMode">The mode.</param>
    /// <param name="evaluated">Instructions of the function that were evaluated since it was asked for.</param>
    public nint Find(ICodeMemory memory, GuestState* state, long pc, bool isCapabilityMode, long evaluated)
    {
        foreach (var module in _modules)
        {
            if (module.IsCapabilityMode == isCapabilityMode && module.Find(pc) is var entry and not 0)
                return entry;
        }

        if (_image?.Translate(memory, state, pc, evaluated) is not { } made)
            return 0;
        _modules.Add(made);
        return made.Find(pc);
    }
}
