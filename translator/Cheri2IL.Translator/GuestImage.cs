using System.Buffers.Binary;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Translator.Lifting;

namespace Cheri2IL.Translator;

/// <summary>A part of guest memory whose content is known at translation time.</summary>
/// <param name="Start">Guest address.</param>
/// <param name="Length">Bytes in memory.</param>
/// <param name="Content">Bytes from the file; zeros follow up to <paramref name="Length"/>.</param>
/// <param name="IsExecutable">Whether code may be fetched from it.</param>
/// <param name="IsWritable">Whether the program may change it, so that its content proves nothing.</param>
public sealed record GuestSegment(long Start, long Length, ReadOnlyMemory<byte> Content, bool IsExecutable, bool IsWritable);

/// <summary>A function's extent.</summary>
/// <param name="Start">First guest address.</param>
/// <param name="End">Address after the last byte.</param>
/// <param name="Name">Symbol, if known.</param>
public readonly record struct GuestRange(long Start, long End, string? Name);

/// <summary>What the translator needs to know about a program: its code at guest addresses, and where functions are.</summary>
/// <remarks>Immutable; thread-safe.</remarks>
public sealed class GuestImage : ICodeSource
{
    /// <summary>
    /// Bytes of code up to which a file is translated as a whole. Beyond, that would take minutes and gigabytes, and programs of that size mostly run
    /// a small part of it. CPython and libcrypto have 6 and 4 MiB, and are better off without
    /// calls from part to part; PostgreSQL and gdb have 9, compilers 60: 8 MiB.
    /// </summary>
    private const long LargestWhole = 8 << 20;

    private readonly GuestSegment[] _segments;
    private readonly GuestRange[] _ranges;
    private readonly long[] _seeds;
    private readonly GuestRange[] _code;
    private readonly Func<long, (string File, int Line)?>? _lines;
    private readonly IReadOnlyDictionary<long, long> _pointers;

    /// <summary>Makes an image.</summary>
    /// <param name="file">The ELF file, to be carried in the assembly.</param>
    /// <param name="loadBias">Guest address minus ELF address.</param>
    /// <param name="segments">Loadable segments.</param>
    /// <param name="ranges">Function extents from symbols and unwind tables; may overlap.</param>
    /// <param name="seeds">Guest addresses where functions may start; those outside <paramref name="code"/> and those inside a function are ignored.</param>
    /// <param name="code">
    /// Where executable segments hold instructions rather than constants; null or empty if that is not known. Only what is found
    /// ahead of time depends on it, not what can run.
    /// </param>
    /// <param name="lines">Source line of a guest address, where it has one; null: none has.</param>
    /// <param name="pointers">By guest address: words that relocation fills in with another guest address.</param>
    public GuestImage(
        byte[] file, long loadBias, IEnumerable<GuestSegment> segments, IEnumerable<GuestRange> ranges, IEnumerable<long> seeds,
        IEnumerable<GuestRange>? code = null, Func<long, (string File, int Line)?>? lines = null,
        IReadOnlyDictionary<long, long>? pointers = null)
    {
        _lines = lines;
        _pointers = pointers ?? new Dictionary<long, long>();
        File = file;
        LoadBias = loadBias;
        _segments = [.. segments.OrderBy(s => s.Start)];
        _code = [.. code ?? []];
        // One extent per start: the longest, named if any of them is.
        _ranges = [.. ranges.Where(r => r.End > r.Start).GroupBy(r => r.Start)
            .Select(g => new GuestRange(g.Key, g.Max(r => r.End), g.Select(r => r.Name).FirstOrDefault(n => n is not null)))
            .OrderBy(r => r.Start)];
        _seeds = [.. seeds.Where(s => !IsInsideFunction(s)).Concat(_ranges.Select(r => r.Start)).Where(IsCode).Distinct().Order()];
    }

    /// <inheritdoc/>
    /// <remarks>The mode in which a program with capabilities starts. It may change it, which only running it shows.</remarks>
    public RiscVIsa Isa { get; init; }

    /// <summary>Those of <see cref="Seeds"/> that are no more than words of data which look like addresses.</summary>
    public IReadOnlySet<long> Candidates { get; init; } = new HashSet<long>();

    /// <summary>The ELF file.</summary>
    public byte[] File { get; }

    /// <summary>Guest address minus ELF address.</summary>
    public long LoadBias { get; }

    /// <summary>Bytes of executable segments in the file.</summary>
    public long ExecutableBytes => _segments.Where(s => s.IsExecutable).Sum(s => (long)s.Content.Length);

    /// <summary>Whether it has so much code that it is better translated in parts, as they are needed. Files with instructions of CHERI never are.</summary>
    public bool IsLarge => Isa == RiscVIsa.Rv64 && ExecutableBytes > LargestWhole;

    /// <summary>Addresses of the parts that have code, ascending.</summary>
    public IEnumerable<long> Parts => _seeds.Select(s => s & -ModuleFormat.PartBytes).Distinct();

    /// <summary>Where functions may start, ascending.</summary>
    public IReadOnlyList<long> Seeds => _seeds;

    /// <summary>Segments, ascending.</summary>
    public IReadOnlyList<GuestSegment> Segments => _segments;

    /// <summary>The same image, decoded as <paramref name="isa"/>: code with capabilities has two encoding modes.</summary>
    public GuestImage DecodedAs(RiscVIsa isa)
        => isa == Isa ? this : new GuestImage(File, LoadBias, _segments, _ranges, _seeds, _code, _lines, _pointers) { Isa = isa, Candidates = Candidates };

    /// <summary>Whether an even guest address lies in an executable segment.</summary>
    public bool IsExecutable(long address) => (address & 1) == 0 && Find(address) is { IsExecutable: true };

    /// <summary>Whether an even guest address lies where instructions are expected: not among the constants of an executable segment.</summary>
    public bool IsCode(long address)
        => IsExecutable(address) && (_code.Length == 0 || Array.Exists(_code, c => address >= c.Start && address < c.End));

    /// <summary>
    /// Whether the address lies in a function whose extent is known, behind its start. A pointer there is an entry of a jump table
    /// rather than to a function; if it is called nevertheless, it is translated then.
    /// </summary>
    public bool IsInsideFunction(long address)
    {
        var index = UpperBound(_ranges, address) - 1;
        return index >= 0 && address < _ranges[index].End && address != _ranges[index].Start;
    }

    /// <summary>
    /// The extent of the function that contains <paramref name="pc"/>: from unwind tables or symbols, or else up to the
    /// next known function start.
    /// </summary>
    public GuestRange RangeOf(long pc)
    {
        var index = UpperBound(_ranges, pc) - 1;
        for (var k = index; k >= 0 && k > index - 8; k--)
        {
            if (pc < _ranges[k].End)
                return _ranges[k].Start == pc ? _ranges[k] : _ranges[k] with { Name = Suffixed(_ranges[k], pc) };
        }

        var segment = Find(pc)!;
        var next = Array.BinarySearch(_seeds, pc + 1);
        next = next < 0 ? ~next : next;
        var end = next < _seeds.Length ? Math.Min(_seeds[next], segment.Start + segment.Length) : segment.Start + segment.Length;
        return new GuestRange(pc, end, null);
    }

    /// <summary>
    /// Whether there is an instruction of CHERI where code is expected, although none is decoded: then discovery has to say whether control comes to it.
    /// </summary>
    public bool MayHaveCapabilities()
    {
        for (var k = 0; k < _seeds.Length; k++)
        {
            var end = k + 1 < _seeds.Length ? _seeds[k + 1] : long.MaxValue;
            for (var at = _seeds[k]; at < end && IsCode(at);)
            {
                if (!TryDecode(at, out var instruction, out _) && RiscVDecoder.IsCapabilityInstruction(instruction))
                    return true;
                at += Math.Max((int)instruction.Length, 2);
            }
        }

        return false;
    }

    /// <summary>Name of the function that contains <paramref name="pc"/> (with "+offset"), or null.</summary>
    public string? NameOf(long pc)
    {
        var index = UpperBound(_ranges, pc) - 1;
        if (index < 0 || pc >= _ranges[index].End || _ranges[index].Name is not { } name)
            return null;
        return _ranges[index].Start == pc ? name : Suffixed(_ranges[index], pc);
    }

    /// <summary>Source file and line of the code at <paramref name="pc"/>, or null.</summary>
    public (string File, int Line)? LineOf(long pc) => _lines?.Invoke(pc);

    /// <summary>The last place at or below <paramref name="pc"/> where a function is known to start, in the same segment; null if there is none.</summary>
    public long? FunctionStart(long pc)
    {
        var index = Array.BinarySearch(_seeds, pc);
        index = index < 0 ? ~index - 1 : index;
        return index >= 0 && Find(_seeds[index]) == Find(pc) ? _seeds[index] : null;
    }

    /// <inheritdoc/>
    /// <remarks>An instruction that the content cuts off does not decode: what follows in memory is not known here.</remarks>
    public bool TryDecode(long address, out RiscVInstruction instruction, out long? absent)
    {
        instruction = default;
        absent = address;
        if (Find(address) is not { IsExecutable: true } segment || address - segment.Start + 2 > segment.Content.Length)
            return false;
        absent = null;
        return RiscVDecoder.TryDecode(segment.Content.Span[(int)(address - segment.Start)..], address, Isa, out instruction);
    }

    /// <inheritdoc/>
    public bool TryRead(long address, Span<byte> destination)
    {
        if (destination.Length == sizeof(long) && _pointers.TryGetValue(address, out var pointer))
        {
            BinaryPrimitives.WriteInt64LittleEndian(destination, pointer);
            return true;
        }

        if (Find(address) is not { } segment || address - segment.Start + destination.Length > segment.Content.Length)
            return false;
        segment.Content.Span.Slice((int)(address - segment.Start), destination.Length).CopyTo(destination);
        return true;
    }

    /// <inheritdoc/>
    public bool IsConstant(long address, long length)
        => Find(address) is { IsWritable: false } segment && length <= segment.Start + segment.Content.Length - address;

    private static string? Suffixed(GuestRange range, long pc) => range.Name is null ? null : $"{range.Name}+0x{pc - range.Start:x}";

    private static int UpperBound(GuestRange[] ranges, long pc)
    {
        var (low, high) = (0, ranges.Length);
        while (low < high)
        {
            var middle = (low + high) >> 1;
            if (ranges[middle].Start <= pc)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }

    /// <summary>The bytes of the file from a guest address to the end of its executable segment; none if there are none.</summary>
    public ReadOnlySpan<byte> CodeAt(long address)
        => Find(address) is { IsExecutable: true } segment && address - segment.Start < segment.Content.Length
            ? segment.Content.Span[(int)(address - segment.Start)..]
            : default;

    private GuestSegment? Find(long address)
    {
        foreach (var segment in _segments)
        {
            if (address >= segment.Start && address < segment.Start + segment.Length)
                return segment;
        }

        return null;
    }
}
