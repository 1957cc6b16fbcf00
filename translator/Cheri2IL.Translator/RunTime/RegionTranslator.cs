using System.Runtime.Loader;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.RunTime;

/// <summary>Serves code of a file that was not found ahead of time: regions go through the ordinary pipeline and into the cache.</summary>
/// <remarks>Thread-safe; shared by the address spaces that have the file at the same load bias.</remarks>
public sealed unsafe class RegionTranslator : IRegionTranslator
{
    /// <summary>Bytes around a pc that must be those of the file.</summary>
    private const int Span = 1024;

    private readonly GuestImage _image;
    private readonly Func<string, Func<byte[]>, TranslatedModule>? _cache;
    private readonly Lock _gate = new();
    private readonly TranslationOptions _options;
    private readonly string _key;

    /// <summary>Makes the translator of one image.</summary>
    /// <param name="image">The file at its guest addresses.</param>
    /// <param name="options">Same as for the ahead-of-time translation.</param>
    /// <param name="cache">The module of that name, made by the function if it is not kept anywhere; null: nothing is kept.</param>
    public RegionTranslator(GuestImage image, TranslationOptions options, Func<string, Func<byte[]>, TranslatedModule>? cache)
    {
        ArgumentNullException.ThrowIfNull(image);
        _image = image;
        _options = options;
        _cache = cache;
        _key = TranslationKey.Of(image.File, image.LoadBias, options);
        Description = new CodeDescription(image);
    }

    /// <inheritdoc/>
    public ICodeDescription Description { get; }

    /// <inheritdoc/>
    public TranslatedModule? Translate(ICodeMemory memory, GuestState* state, long pc)
    {
        ArgumentNullException.ThrowIfNull(memory);
        lock (_gate)
        {
            if (!_image.IsExecutable(pc) || IsModified(memory, pc))
                return null;
            var isa = CodeEvaluator.IsaOf(state);
            var name = isa == _image.Isa ? $"{_key}_{pc:x}" : $"{_key}_{pc:x}_{isa}";
            return Load(name, () => ModuleTranslator.TranslateRegion(_image.DecodedAs(isa), pc, _options, "r_" + name).Assembly);
        }
    }

    /// <summary>Whether the bytes around a pc differ from the file's: the guest has changed its own code.</summary>
    private bool IsModified(ICodeMemory memory, long pc)
    {
        var (start, end, _) = _image.RangeOf(pc);
        start = Math.Max(start, pc - Span);
        end = Math.Min(end, pc + Span);
        Span<byte> original = stackalloc byte[2];
        for (var at = start; at + 2 <= end; at += 2)
        {
            if (!_image.TryRead(at, original) || !memory.IsExecutable(at))
                return true;
            if (!original.SequenceEqual(new ReadOnlySpan<byte>(memory.Base + at, 2)))
                return true;
        }

        return false;
    }

    private TranslatedModule Load(string name, Func<byte[]> make)
    {
        if (_cache is not null)
            return _cache(name, make);
        using var stream = new MemoryStream(make());
        return new TranslatedModule(AssemblyLoadContext.Default.LoadFromStream(stream));
    }
}
