using Cheri2IL.Runtime.Elf;

namespace Cheri2IL.Runtime.Execution;

/// <summary>Translates parts of a file's code when they are needed, and describes it.</summary>
public unsafe interface IRegionTranslator
{
    /// <summary>See <see cref="ICodeImage.Description"/>.</summary>
    ICodeDescription Description { get; }

    /// <summary>The region that starts at <paramref name="pc"/>, of code that is as in the file; null: it is to be evaluated.</summary>
    /// <param name="state">State block.</param>
    /// <param name="pc">Guest address.</param>
    /// <param name="evaluated">See <see cref="ICodeImage.Translate"/>.</param>
    TranslatedModule? Translate(GuestState* state, long pc, long evaluated = 0);

    /// <summary>See <see cref="ICodeImage.EvaluatesFirst"/>.</summary>
    bool EvaluatesFirst => false;

    /// <summary>Where code was called, or come to by a pc that is computed, that was then evaluated because little of it had been so far.</summary>
    long[] Entered => [];
}

/// <summary>The code of an ELF file at one load bias, with its translation. Immutable, thread-safe.</summary>
/// <remarks>An image is at wherever its file's very bytes are; which file an address space says it mapped there does not count.</remarks>
public sealed unsafe class FileImage : ICodeImage
{
    /// <summary>Bytes around a pc that must be those of the file for a region to be translated.</summary>
    private const int RegionSpan = 1024;

    private readonly IRegionTranslator? _regions;

    /// <summary>Wraps a translation.</summary>
    /// <param name="module">The file's translation, which has the file in it.</param>
    /// <param name="regions">Translates what that lacks; null: it is evaluated.</param>
    /// <param name="name">What errors call it; null: the assembly's name, which takes .NET a while to make.</param>
    /// <exception cref="ElfFormatException">The file is malformed.</exception>
    /// <exception cref="BadImageFormatException">Its code is outside of what guests can address.</exception>
    public FileImage(TranslatedModule module, IRegionTranslator? regions, string? name = null)
    {
        Module = module;
        _regions = regions;
        Elf = ElfExecutable.Parse(module.Image, name ?? module.Assembly.GetName().Name!, module.HasCapabilities);
        ProgramHeader? first = null, last = null;
        foreach (var segment in Elf.Segments)
        {
            if (segment.IsExecutable)
                (first, last) = (first ?? segment, segment);
        }

        if (first is null || last is null)
            return;
        (Start, End) = (first.VirtualAddress + module.LoadBias, last.VirtualAddress + last.FileSize + module.LoadBias);
        if (Start < 0 || End > ElfExecutable.AddressLimit)
            throw new BadImageFormatException($"{name ?? module.Assembly.GetName().Name}: code at 0x{Start:x} to 0x{End:x}, where none can be");
    }

    /// <summary>The file, parsed.</summary>
    public ElfExecutable Elf { get; }

    /// <inheritdoc/>
    public TranslatedModule Module { get; }

    /// <inheritdoc/>
    public long Start { get; }

    /// <inheritdoc/>
    public long End { get; }

    /// <inheritdoc/>
    public ICodeDescription? Description => _regions?.Description;

    /// <inheritdoc/>
    public bool IsIntact(ICodeMemory memory) => IsIntact(memory, Start, End) && AreConstantsIntact(memory, Module);

    /// <inheritdoc/>
    public bool EvaluatesFirst => _regions is { EvaluatesFirst: true };

    /// <inheritdoc/>
    public TranslatedModule? Translate(ICodeMemory memory, GuestState* state, long pc, long evaluated = 0)
        => IsIntact(memory, pc - RegionSpan, pc + RegionSpan) && _regions?.Translate(state, pc, evaluated) is { } made && AreConstantsIntact(memory, made) ? made : null;

    /// <summary>Whether constants that code relies on are those of the file, and nobody can change them.</summary>
    private bool AreConstantsIntact(ICodeMemory memory, TranslatedModule module)
    {
        for (var k = 0; k < module.ConstantCount; k++)
        {
            var (start, end) = module.Constant(k);
            if (!memory.IsConstant(start, end) || !Holds(memory, start, end - start, Original(start - Module.LoadBias, end - start)))
                return false;
        }

        return true;
    }

    /// <summary>Bytes of the file by their address in it; none if they are not in one segment.</summary>
    private ReadOnlySpan<byte> Original(long address, long length)
    {
        foreach (var segment in Elf.Segments)
        {
            if (address >= segment.VirtualAddress && address - segment.VirtualAddress <= segment.FileSize - length)
                return Elf.Content(segment).Span.Slice((int)(address - segment.VirtualAddress), (int)length);
        }

        return default;
    }

    private bool IsIntact(ICodeMemory memory, long from, long to)
    {
        foreach (var segment in Elf.Segments)
        {
            if (!segment.IsExecutable)
                continue;
            var (start, content) = (segment.VirtualAddress + Module.LoadBias, Elf.Content(segment));
            for (var (at, end) = (Math.Max(start, from), Math.Min(start + content.Length, to)); at < end;)
            {
                // A page that is not executable faults when it is entered by the table: what it holds does not matter.
                var next = Math.Min(end, (at & -HostMemory.PageSize) + HostMemory.PageSize);
                var original = content.Span[(int)(at - start)..(int)(next - start)];
                if (memory.IsExecutable(at) && !Holds(memory, at, original.Length, original))
                    return false;
                at = next;
            }
        }

        return true;
    }

    /// <summary>Whether memory is as in the file; not if another thread of the guest unmaps it meanwhile.</summary>
    private static bool Holds(ICodeMemory memory, long address, long length, ReadOnlySpan<byte> original)
    {
        try
        {
            return original.SequenceEqual(new ReadOnlySpan<byte>(memory.Base + address, (int)length));
        }
        catch (NullReferenceException)
        {
            return false;
        }
    }
}
