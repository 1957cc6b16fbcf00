using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>A loaded translated assembly: code that any number of cVMs share, and the ELF file it was made from.</summary>
/// <remarks>Immutable after construction; thread-safe.</remarks>
public sealed unsafe class TranslatedModule
{
    private const int MethodTable = 0x06000000;

    /// <summary>The module that was made last; the others follow by <see cref="_previous"/>. No assembly of translated code is ever unloaded.</summary>
    private static TranslatedModule? _last;

    private readonly ModuleHandle _module;
    private readonly byte* _entries;
    private readonly byte* _map;
    private readonly int _mapLength;
    private readonly byte* _commits;
    private readonly int _commitsLength;
    private readonly AddressRange* _constants;
    private readonly int _count;
    private readonly bool _hasWhole;
    private readonly TranslatedModule? _previous;

    /// <summary>Wraps a loaded assembly.</summary>
    /// <exception cref="BadImageFormatException">The assembly lacks the resources of a translation.</exception>
    public TranslatedModule(Assembly assembly)
    {
        Assembly = assembly;
        _module = assembly.ManifestModule.ModuleHandle;
        _entries = Resource(assembly, ModuleFormat.EntryResource, out var length);
        _map = Resource(assembly, ModuleFormat.MapResource, out _mapLength);

        // Not by asking for each: for one that is not there .NET asks whether a handler knows it.
        var resources = assembly.GetManifestResourceNames();
        HasCapabilities = Array.IndexOf(resources, ModuleFormat.CapabilityResource) >= 0;
        _hasWhole = Array.IndexOf(resources, ModuleFormat.WholeResource) >= 0;
        if (Array.IndexOf(resources, ModuleFormat.CommitResource) >= 0)
            _commits = Resource(assembly, ModuleFormat.CommitResource, out _commitsLength);
        if (Array.IndexOf(resources, ModuleFormat.ConstantResource) >= 0)
        {
            _constants = (AddressRange*)Resource(assembly, ModuleFormat.ConstantResource, out var bytes);
            ConstantCount = bytes / sizeof(AddressRange);
        }

        IsCapabilityMode = HasCapabilities && Resource(assembly, ModuleFormat.CapabilityResource, out var mode) is var flag && mode == 1 && *flag != 0;
        LoadBias = BinaryPrimitives.ReadInt64LittleEndian(new ReadOnlySpan<byte>(_entries, length));
        _count = BinaryPrimitives.ReadInt32LittleEndian(new ReadOnlySpan<byte>(_entries, length)[8..]);
        if (_count < 0 || length != 12 + (12L * _count))
            throw new BadImageFormatException($"{assembly.GetName().Name}: the table of entries is malformed");
        do
            _previous = Volatile.Read(ref _last);
        while (Interlocked.CompareExchange(ref _last, this, _previous) != _previous);
    }

    /// <summary>The assembly.</summary>
    public Assembly Assembly { get; }

    private ReadOnlySpan<byte> Map => new(_map, _mapLength);

    /// <summary>Whether the state block is exact at every access that the hardware may trap.</summary>
    public bool HasPreciseFaults => _commits != null;

    /// <summary>Whether the program has instructions of CHERI, whether or not its ELF file says so.</summary>
    public bool HasCapabilities { get; }

    /// <summary>Whether its code is that of capability mode.</summary>
    public bool IsCapabilityMode { get; }

    /// <summary>What was added to the ELF file's addresses: guest address = ELF address + this.</summary>
    public long LoadBias { get; }

    /// <summary>Ranges of <see cref="Constant"/>.</summary>
    public int ConstantCount { get; }

    /// <summary>Guest memory whose content its code relies on, ascending: it may be used only where that is as in the ELF file, and nobody can change it.</summary>
    // Not a span: .NET would have to compile code for spans of this type at every start.
    public AddressRange Constant(int index) => _constants[index];

    /// <summary>Guest pcs with an entry, ascending.</summary>
    public int EntryCount => _count;

    /// <summary>Whether it has the file and none of its code, which is translated in parts (<see cref="ModuleFormat.PartBytes"/>).</summary>
    public bool IsInParts => _count == 0;

    /// <summary>The ELF file, byte for byte, where the assembly is mapped: nothing is read or copied.</summary>
    public ReadOnlyMemory<byte> Image => new MappedBytes(Resource(Assembly, ModuleFormat.ImageResource, out var length), length).Memory;

    /// <summary>Entry point of the method for <paramref name="pc"/>, or 0. Compiles it if that has not happened yet.</summary>
    /// <remarks>
    /// Compiling here, outside the guest's floating-point environment, keeps the flags that the JIT raises out of fflags.
    /// </remarks>
    public nint Find(long pc)
    {
        if (FindRow(pc) is not (var row and not 0))
            return 0;
        var method = Method(row);
        RuntimeHelpers.PrepareMethod(method);
        return method.GetFunctionPointer();
    }

    /// <summary>Methods, parts of split functions included, but not what is there for crossgen2 alone (<see cref="ModuleFormat.WholeResource"/>).</summary>
    public int MethodCount => BinaryPrimitives.ReadInt32LittleEndian(Map) - WholeCount;

    private int WholeCount
        => !_hasWhole
            ? 0
            : ModuleFormat.DecodeWhole(new ReadOnlySpan<byte>(Resource(Assembly, ModuleFormat.WholeResource, out var length), length)).Length;

    /// <summary>Compiles every method that is not yet.</summary>
    public void CompileAll()
    {
        for (var row = 1; row <= MethodCount; row++)
            RuntimeHelpers.PrepareMethod(Method(row));
    }

    /// <summary>Metadata row (from 1) of the method for <paramref name="pc"/>, or 0.</summary>
    public int FindRow(long pc)
    {
        var (low, high) = (0, _count - 1);
        while (low <= high)
        {
            var middle = (low + high) >> 1;
            var at = BinaryPrimitives.ReadInt64LittleEndian(Entry(12 + (8 * middle), sizeof(long)));
            if (at == pc)
                return BinaryPrimitives.ReadInt32LittleEndian(Entry(12 + (8 * _count) + (4 * middle), sizeof(int)));
            if (at < pc)
                low = middle + 1;
            else
                high = middle - 1;
        }

        return 0;
    }

    /// <summary>The module that wraps <paramref name="assembly"/>, or null.</summary>
    public static TranslatedModule? Of(Assembly assembly)
    {
        var module = Volatile.Read(ref _last);
        while (module is not null && module.Assembly != assembly)
            module = module._previous;
        return module;
    }

    /// <summary>Handle of the method in metadata row <paramref name="row"/> (from 1).</summary>
    public RuntimeMethodHandle Method(int row) => _module.GetRuntimeMethodHandleFromMetadataToken(MethodTable | row);

    /// <summary>The module of the translated method that a frame belongs to, or null.</summary>
    internal static TranslatedModule? Of(StackFrame frame) => frame.GetMethod() is { } method ? Of(method.Module.Assembly) : null;

    /// <summary>Guest pc of the instruction that a frame of a method of this module stands at.</summary>
    internal long GuestPc(StackFrame frame) => GuestPc(frame.GetMethod()!.MetadataToken, frame.GetILOffset());

    /// <summary>
    /// Guest pc of the access that trapped in a frame of a method of this module. Exact with precise faults. Otherwise, for a
    /// load, it may be that of the instruction that uses the value: RyuJIT moves loads there.
    /// </summary>
    internal long TrapPc(StackFrame frame)
        => ModuleFormat.FindPc(HasPreciseFaults ? new ReadOnlySpan<byte>(_commits, _commitsLength) : Map, (frame.GetMethod()!.MetadataToken & 0xffffff) - 1, frame.GetILOffset());

    /// <summary>Guest pc of the instruction that IL offset <paramref name="offset"/> of a method belongs to.</summary>
    public long GuestPc(int methodToken, int offset) => ModuleFormat.FindPc(Map, (methodToken & 0xffffff) - 1, offset);

    // In bounds: the constructor has compared the count with the length.
    private ReadOnlySpan<byte> Entry(int offset, int length) => new(_entries + offset, length);

    /// <summary>Bytes of the mapped assembly, which is never unmapped.</summary>
    private sealed class MappedBytes(byte* start, int length) : MemoryManager<byte>
    {
        public override Span<byte> GetSpan() => new(start, length);

        public override MemoryHandle Pin(int elementIndex = 0) => new(start + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }

    /// <summary>A resource where it is mapped, which it stays while the assembly lives: large ones are hardly ever read.</summary>
    private static byte* Resource(Assembly assembly, string name, out int length)
    {
        using var stream = assembly.GetManifestResourceStream(name) as UnmanagedMemoryStream
            ?? throw new BadImageFormatException($"{assembly.GetName().Name} has no resource '{name}': not an assembly made by cheri2il translate");
        length = checked((int)stream.Length);
        return stream.PositionPointer;
    }
}
