using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Emit;

/// <summary>
/// Prepares translated assemblies for crossgen2, and what it makes of them for the runtime. Both change a few words of the file in place.
/// </summary>
/// <remarks>
/// RyuJIT gives up optimising methods beyond a certain size when it compiles at run time, but not when crossgen2 runs it ahead of time. So functions
/// that are split for the former are there whole for the latter (<see cref="ModuleFormat.WholeResource"/>): an interpreter's main loop that
/// passes from part to part for most instructions takes twice as long.
/// </remarks>
public static class NativeForm
{
    /// <summary>What follows a function's name in the names of the methods, but the first, that it was split into; a number follows it.</summary>
    public const string PartMark = ".part";

    /// <summary>Where in a row of the table of methods its flags are: behind the address of its code.</summary>
    private const int ImplementationFlags = 4;

    /// <summary>
    /// Of a method that crossgen2 is not to compile: it leaves alone what asks to be optimised to the end. That all methods ask for afterwards
    /// (<see cref="MarkFinal"/>), so the other flag is what tells them apart. Nothing inlines these methods anyway.
    /// </summary>
    private const MethodImplAttributes LeftOut = MethodImplAttributes.AggressiveOptimization | MethodImplAttributes.NoInlining;

    /// <summary>
    /// The assembly with each split function in one method: the row that all callers name gets the code and the maps of the whole one. Parts, and the
    /// rows that this leaves, get the shortest code that there is, because nothing enters them any more. The same array if nothing is split.
    /// </summary>
    /// <param name="assembly">A translated assembly.</param>
    /// <exception cref="BadImageFormatException">It is none.</exception>
    public static byte[] Whole(byte[] assembly)
    {
        using var file = new PEReader(new MemoryStream(assembly));
        var metadata = MetadataOf(file);
        if (Resource(file, metadata, ModuleFormat.WholeResource) is not { } split)
            return assembly;
        var result = (byte[])assembly.Clone();
        var methods = new MethodRows(file, metadata);
        var shortest = methods.Address(Enumerable.Range(1, methods.Count).MinBy(row => file.GetMethodBody(methods.Address(row)).Size));
        foreach (var rows in ModuleFormat.DecodeWhole(assembly.AsSpan(split)))
        {
            methods.SetAddress(result, rows.Function, methods.Address(rows.Whole));
            methods.SetAddress(result, rows.Whole, shortest);
            for (var part = 0; part < rows.NextParts; part++)
                methods.SetAddress(result, rows.NextPart + part, shortest);
            foreach (var map in (string[])[ModuleFormat.MapResource, ModuleFormat.CommitResource])
            {
                if (Resource(file, metadata, map) is { } content)
                    assembly.AsSpan(content)[ModuleFormat.BoundsOfMap(rows.Whole - 1)].CopyTo(result.AsSpan(content)[ModuleFormat.BoundsOfMap(rows.Function - 1)]);
            }
        }

        return result;
    }

    /// <summary>
    /// Marks all methods but some, in place, so that crossgen2 leaves them to the JIT compiler. Functions stay split: what is left of one of them is to be
    /// compiled at run time, and to compile the largest in one piece takes crossgen2 minutes.
    /// </summary>
    /// <param name="assembly">A translated assembly.</param>
    /// <param name="used">Rows of the methods to compile.</param>
    /// <exception cref="BadImageFormatException">It is no assembly.</exception>
    public static void LeaveOut(byte[] assembly, IReadOnlySet<int> used)
    {
        using var file = new PEReader(new MemoryStream(assembly));
        var methods = new MethodRows(file, MetadataOf(file));
        for (var row = 1; row <= methods.Count; row++)
        {
            if (!used.Contains(row))
                methods.Mark(assembly, row, LeftOut);
        }
    }

    /// <summary>Rows of functions, and of the parts that those were split into, which call each other.</summary>
    /// <param name="assembly">A translated assembly.</param>
    /// <param name="functions">Rows of functions.</param>
    /// <exception cref="BadImageFormatException">It is no assembly, or has no such rows.</exception>
    public static IReadOnlySet<int> WithParts(byte[] assembly, IEnumerable<int> functions)
    {
        using var file = new PEReader(new MemoryStream(assembly));
        var metadata = MetadataOf(file);
        var methods = new MethodRows(file, metadata);
        var parts = Enumerable.Range(1, methods.Count).Where(row => metadata.GetString(methods.Definition(row).Name).Contains(PartMark, StringComparison.Ordinal)).ToHashSet();
        var rows = functions.ToHashSet();
        var work = new Stack<int>(rows);
        while (work.TryPop(out var row))
        {
            // What only looks like a call of a part, in an operand, costs the compilation of one that may not be needed.
            var code = file.GetMethodBody(methods.Address(row)).GetILBytes()!;
            for (var at = 0; at + sizeof(int) < code.Length; at++)
            {
                var token = BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at + 1));
                var callee = token & 0xff_ffff;
                if (code[at] == (byte)ILOpCode.Call && token >> 24 == (int)TableIndex.MethodDef && parts.Contains(callee) && rows.Add(callee))
                    work.Push(callee);
            }
        }

        return rows;
    }

    /// <summary>Rows of the methods that were compiled of an image, by what <see cref="LeaveOut"/> has left in it.</summary>
    /// <exception cref="BadImageFormatException">It is no such image.</exception>
    public static IReadOnlySet<int> CompiledRows(byte[] image)
    {
        using var file = new PEReader(new MemoryStream(image));
        var methods = new MethodRows(file, MetadataOf(file));
        return Enumerable.Range(1, methods.Count).Where(row => !methods.Definition(row).ImplAttributes.HasFlag(LeftOut)).ToHashSet();
    }

    /// <summary>
    /// Marks all methods of an image as optimised to the end, in place: otherwise the runtime would compile those again that are called most, the whole
    /// ones without optimising.
    /// </summary>
    /// <param name="image">What crossgen2 has made of a translated assembly.</param>
    /// <exception cref="BadImageFormatException">It is no such image.</exception>
    public static void MarkFinal(byte[] image)
    {
        using var file = new PEReader(new MemoryStream(image));
        var methods = new MethodRows(file, MetadataOf(file));
        for (var row = 1; row <= methods.Count; row++)
            methods.Mark(image, row, MethodImplAttributes.AggressiveOptimization);
    }

    private static MetadataReader MetadataOf(PEReader file)
        => file.HasMetadata ? file.GetMetadataReader() : throw new BadImageFormatException("the file has no metadata");

    /// <summary>Where in the file a resource is, without its length in front; null if there is none.</summary>
    private static Range? Resource(PEReader file, MetadataReader metadata, string name)
    {
        foreach (var handle in metadata.ManifestResources)
        {
            var resource = metadata.GetManifestResource(handle);
            if (!metadata.StringComparer.Equals(resource.Name, name))
                continue;
            if (!file.PEHeaders.TryGetDirectoryOffset(file.PEHeaders.CorHeader!.ResourcesDirectory, out var start))
                throw new BadImageFormatException("the assembly has no resources");
            var at = start + (int)resource.Offset;
            var length = file.GetEntireImage().GetReader(at, sizeof(int)).ReadInt32();
            return (at + sizeof(int))..(at + sizeof(int) + length);
        }

        return null;
    }

    /// <summary>The table of methods, where it is in the file.</summary>
    private readonly struct MethodRows(PEReader file, MetadataReader metadata)
    {
        private readonly int _start = file.PEHeaders.MetadataStartOffset + metadata.GetTableMetadataOffset(TableIndex.MethodDef);
        private readonly int _size = metadata.GetTableRowSize(TableIndex.MethodDef);

        public int Count => metadata.GetTableRowCount(TableIndex.MethodDef);

        public MethodDefinition Definition(int row) => metadata.GetMethodDefinition(MetadataTokens.MethodDefinitionHandle(row));

        public int Address(int row) => Definition(row).RelativeVirtualAddress;

        private int Offset(int row) => _start + (_size * (row - 1));

        /// <summary>Adds to a method's flags.</summary>
        public void Mark(byte[] image, int row, MethodImplAttributes marks)
        {
            var flags = image.AsSpan(Offset(row) + ImplementationFlags);
            BinaryPrimitives.WriteUInt16LittleEndian(flags, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(flags) | (ushort)marks));
        }

        public void SetAddress(byte[] image, int row, int address)
        {
            if (row < 1 || row > Count)
                throw new BadImageFormatException($"there is no method {row}");
            BinaryPrimitives.WriteInt32LittleEndian(image.AsSpan(Offset(row)), address);
        }
    }
}
