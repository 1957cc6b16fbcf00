using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Emit;

/// <summary>One method of the assembly to write.</summary>
/// <param name="EntryPc">Guest pc of its entry.</param>
/// <param name="Name">Metadata name.</param>
/// <param name="Body">IL.</param>
public sealed record MethodImage(long EntryPc, string Name, EmittedMethod Body);

/// <summary>
/// Writes a translated assembly: static classes of translated methods, and the resources that the loader needs
/// (<see cref="ModuleFormat"/>). The output is a function of its input alone: no time stamp, no path, module id from the content.
/// </summary>
public sealed class AssemblyWriter
{
    /// <summary>Methods per class: small classes load lazily, and the runtime refuses more than 65,521.</summary>
    public const int MethodsPerType = 64;

    /// <summary>What the names of the classes begin with; a number follows.</summary>
    public const string TypePrefix = "Guest";

    private readonly MetadataBuilder _metadata = new();
    private readonly string _name;

    /// <summary>Starts an assembly called <paramref name="name"/>, of code with capabilities or without.</summary>
    public AssemblyWriter(string name, bool hasCapabilities)
    {
        _name = name;
        Members = new RuntimeMembers(_metadata, hasCapabilities);
    }

    /// <summary>Tokens of the allow-listed members.</summary>
    public RuntimeMembers Members { get; }

    /// <summary>Token of the method at <paramref name="index"/> of the list that <see cref="Write"/> will receive.</summary>
    public static int MethodToken(int index) => MetadataTokens.GetToken(MetadataTokens.MethodDefinitionHandle(index + 1));

    /// <summary>Encodes the assembly.</summary>
    /// <param name="methods">Methods; the index of each is its token's row.</param>
    /// <param name="resources">Named resources, in order.</param>
    /// <param name="symbols">Makes the PDB to refer to, from the row counts of the assembly's tables; null: none.</param>
    public byte[] Write(
        IReadOnlyList<MethodImage> methods, IReadOnlyList<(string Name, byte[] Content)> resources, Func<ImmutableArray<int>, PortablePdb>? symbols = null)
    {
        var code = new BlobBuilder();
        var bodies = new MethodBodyStreamEncoder(code);
        var signature = _metadata.GetOrAddBlob(Members.GuestMethodSignature());
        var objectType = Members.Type(typeof(object));

        _metadata.AddTypeDefinition(default, default, _metadata.GetOrAddString("<Module>"), default, MetadataTokens.FieldDefinitionHandle(1), MetadataTokens.MethodDefinitionHandle(1));
        for (var first = 0; first < methods.Count; first += MethodsPerType)
        {
            _metadata.AddTypeDefinition(
                TypeAttributes.Public | TypeAttributes.Abstract | TypeAttributes.Sealed | TypeAttributes.BeforeFieldInit,
                default,
                _metadata.GetOrAddString($"{TypePrefix}{first / MethodsPerType}"),
                objectType,
                MetadataTokens.FieldDefinitionHandle(1),
                MetadataTokens.MethodDefinitionHandle(first + 1));
        }

        foreach (var method in methods)
        {
            var body = method.Body;
            var encoded = bodies.AddMethodBody(
                body.Code.Length, body.MaxStack, exceptionRegionCount: 0, hasSmallExceptionRegions: false,
                LocalSignature(body.Locals), MethodBodyAttributes.None);
            new BlobWriter(encoded.Instructions).WriteBytes(body.Code);
            _metadata.AddMethodDefinition(
                MethodAttributes.Public | MethodAttributes.Static | MethodAttributes.HideBySig,
                MethodImplAttributes.IL,
                _metadata.GetOrAddString(method.Name),
                signature,
                encoded.Offset,
                MetadataTokens.ParameterHandle(1));
        }

        var resourceBlob = new BlobBuilder();
        foreach (var (name, content) in resources)
        {
            _metadata.AddManifestResource(ManifestResourceAttributes.Public, _metadata.GetOrAddString(name), default, (uint)resourceBlob.Count);
            resourceBlob.WriteInt32(content.Length);
            resourceBlob.WriteBytes(content);
            resourceBlob.Align(8);
        }

        var mvid = _metadata.ReserveGuid();
        _metadata.AddModule(0, _metadata.GetOrAddString(_name + ".dll"), mvid.Handle, default, default);
        _metadata.AddAssembly(_metadata.GetOrAddString(_name), new Version(1, 0, 0, 0), default, default, default, AssemblyHashAlgorithm.None);

        var builder = new ManagedPEBuilder(
            new PEHeaderBuilder(imageCharacteristics: Characteristics.ExecutableImage | Characteristics.Dll),
            new MetadataRootBuilder(_metadata),
            code,
            managedResources: resourceBlob,
            debugDirectoryBuilder: symbols is null ? null : DebugDirectory(symbols(_metadata.GetRowCounts())),
            deterministicIdProvider: ContentId);
        var image = new BlobBuilder();
        var id = builder.Serialize(image);
        new BlobWriter(mvid.Content).WriteGuid(id.Guid);
        return image.ToArray();
    }

    private DebugDirectoryBuilder DebugDirectory(PortablePdb symbols)
    {
        const ushort PortablePdbVersion = 0x0100;
        var directory = new DebugDirectoryBuilder();
        directory.AddCodeViewEntry(_name + ".pdb", symbols.Id, PortablePdbVersion);
        directory.AddPdbChecksumEntry(nameof(HashAlgorithmName.SHA256), symbols.Checksum);
        directory.AddReproducibleEntry();
        return directory;
    }

    private static BlobContentId ContentId(IEnumerable<Blob> content)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var blob in content)
            hash.AppendData(blob.GetBytes());
        return BlobContentId.FromHash(ImmutableArray.Create(hash.GetHashAndReset()));
    }

    private StandaloneSignatureHandle LocalSignature(LocalType[] locals)
    {
        if (locals.Length == 0)
            return default;
        var blob = new BlobBuilder();
        var encoder = new BlobEncoder(blob).LocalVariableSignature(locals.Length);
        foreach (var type in locals)
        {
            var variable = encoder.AddVariable().Type();
            switch (type)
            {
                case LocalType.Int32:
                    variable.Int32();
                    break;
                case LocalType.Int64:
                    variable.Int64();
                    break;
                case LocalType.Float32:
                    variable.Single();
                    break;
                case LocalType.Float64:
                    variable.Double();
                    break;
                case LocalType.Native:
                    variable.IntPtr();
                    break;
                case LocalType.Return:
                    variable.Type(Members.Type(typeof(GuestReturn)), isValueType: true);
                    break;
                case LocalType.Capability:
                    variable.Type(Members.Type(typeof(Capability)), isValueType: true);
                    break;
                case LocalType.Window:
                    variable.Type(Members.Type(typeof(AccessWindow)), isValueType: true);
                    break;
                case LocalType.Vector:
                    Members.Encode(variable, typeof(Vector256<byte>));
                    break;
            }
        }

        return _metadata.AddStandaloneSignature(_metadata.GetOrAddBlob(blob));
    }
}
