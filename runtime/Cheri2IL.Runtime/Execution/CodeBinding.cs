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

    /// <summary>Modules in use.</summary>
    public IReadOnlyList<TranslatedModule> Modules => _modules;

    /// <summary>Entry point for a pc in the range, from code of one mode; 0: it is to be evaluated.</summary>
    public nint Find(ICodeMemory memory, GuestState* state, long pc, bool isCapabilityMode)
    {
        foreach (var module in _modules)
        {
            if (module.IsCapabilityMode == isCapabilityMode && module.Find(pc) is var entry and not 0)
                return entry;
        }

        if (_image?.Translate(memory, state, pc) is not { } made)
            return 0;
        _modules.Add(made);
        return made.Find(pc);
    }
}
