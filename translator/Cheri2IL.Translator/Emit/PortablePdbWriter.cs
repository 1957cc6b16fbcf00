using System.Collections.Immutable;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Security.Cryptography;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Emit;

/// <summary>A portable PDB.</summary>
/// <param name="Content">The file.</param>
/// <param name="Id">Identity, which the assembly's debug directory repeats.</param>
/// <param name="Checksum">SHA-256 of the file with an identity of zeros.</param>
public sealed record PortablePdb(byte[] Content, BlobContentId Id, ImmutableArray<byte> Checksum);

/// <summary>
/// Writes the portable PDB of a translated assembly (dotnet/runtime, docs/design/specs/PortablePdb-Metadata.md). Sequence points
/// lead from IL offsets to source lines where the program has line information, else to lines of a listing that the PDB
/// carries. Each method's <see cref="ModuleFormat.GuestAddresses"/> leads to guest addresses, instruction by instruction.
/// </summary>
public sealed class PortablePdbWriter
{
    private static readonly Guid EmbeddedSource = new("0e8a571b-6926-466e-b4ad-8ab04611f5fe");
    private static readonly Guid Sha256 = new("8829d00f-11b8-4213-878b-770e8597ac16");

    private readonly MetadataBuilder _metadata = new();
    private readonly Dictionary<string, DocumentHandle> _documents = [];
    private readonly GuestImage _image;
    private readonly GuestListing _listing;
    private readonly string _listingName;

    private PortablePdbWriter(GuestImage image, GuestListing listing, string listingName)
    {
        _image = image;
        _listing = listing;
        _listingName = listingName;
    }

    /// <summary>Encodes the PDB.</summary>
    /// <param name="image">The program.</param>
    /// <param name="methods">Methods in row order.</param>
    /// <param name="name">Name of the assembly, after which the listing is called.</param>
    /// <param name="rowCounts">Row counts of the assembly's tables.</param>
    public static PortablePdb Write(GuestImage image, IReadOnlyList<MethodImage> methods, string name, ImmutableArray<int> rowCounts)
    {
        var writer = new PortablePdbWriter(image, new GuestListing(image, methods), name + ".s");
        for (var k = 0; k < methods.Count; k++)
            writer.AddMethod(MetadataTokens.MethodDefinitionHandle(k + 1), methods[k].Body.Map);
        return writer.Serialize(rowCounts);
    }

    private PortablePdb Serialize(ImmutableArray<int> rowCounts)
    {
        byte[] checksum = [];
        var builder = new PortablePdbBuilder(_metadata, rowCounts, entryPoint: default, content =>
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var blob in content)
                hash.AppendData(blob.GetBytes());
            checksum = hash.GetHashAndReset();
            return BlobContentId.FromHash(checksum);
        });
        var file = new BlobBuilder();
        var id = builder.Serialize(file);
        return new PortablePdb(file.ToArray(), id, [.. checksum]);
    }

    private void AddMethod(MethodDefinitionHandle method, (int Offset, long Pc)[] map)
    {
        var points = Points(map);
        var isOneDocument = points.TrueForAll(p => p.Document == points[0].Document);
        _metadata.AddMethodDebugInformation(isOneDocument ? points[0].Document : default, _metadata.GetOrAddBlob(Encode(points, isOneDocument)));
        _metadata.AddCustomDebugInformation(method, _metadata.GetOrAddGuid(ModuleFormat.GuestAddresses), _metadata.GetOrAddBlob(ModuleFormat.EncodeMap(map)));
    }

    /// <summary>Where the line changes; of several instructions at one offset the last has code there.</summary>
    private List<(int Offset, DocumentHandle Document, int Line)> Points((int Offset, long Pc)[] map)
    {
        var points = new List<(int Offset, DocumentHandle Document, int Line)>();
        for (var k = 0; k < map.Length; k++)
        {
            var (offset, pc) = map[k];
            if (k + 1 < map.Length && map[k + 1].Offset == offset)
                continue;
            var (document, line) = Position(pc);
            if (points.Count == 0 || points[^1].Document != document || points[^1].Line != line)
                points.Add((offset, document, line));
        }

        return points;
    }

    private (DocumentHandle Document, int Line) Position(long pc)
        => _image.LineOf(pc) is var (file, line) ? (Document(file), line) : (Listing(), _listing.LineOf(pc));

    /// <summary>"Sequence Points Blob" of the specification. Each point spans columns 1 to 2 of its line.</summary>
    private static BlobBuilder Encode(List<(int Offset, DocumentHandle Document, int Line)> points, bool isOneDocument)
    {
        var blob = new BlobBuilder();
        blob.WriteCompressedInteger(0);
        if (!isOneDocument)
            blob.WriteCompressedInteger(MetadataTokens.GetRowNumber(points[0].Document));
        for (var k = 0; k < points.Count; k++)
        {
            var (offset, document, line) = points[k];
            if (k > 0 && document != points[k - 1].Document)
            {
                blob.WriteCompressedInteger(0);
                blob.WriteCompressedInteger(MetadataTokens.GetRowNumber(document));
            }

            blob.WriteCompressedInteger(k == 0 ? offset : offset - points[k - 1].Offset);
            blob.WriteCompressedInteger(0);
            blob.WriteCompressedInteger(1);
            if (k == 0)
            {
                blob.WriteCompressedInteger(line);
                blob.WriteCompressedInteger(1);
            }
            else
            {
                blob.WriteCompressedSignedInteger(line - points[k - 1].Line);
                blob.WriteCompressedSignedInteger(0);
            }
        }

        return blob;
    }

    private DocumentHandle Document(string name)
    {
        if (!_documents.TryGetValue(name, out var handle))
            _documents.Add(name, handle = _metadata.AddDocument(_metadata.GetOrAddDocumentName(name), default, default, default));
        return handle;
    }

    private DocumentHandle Listing()
    {
        if (_documents.TryGetValue(_listingName, out var handle))
            return handle;
        var text = _listing.Encode();
        handle = _metadata.AddDocument(
            _metadata.GetOrAddDocumentName(_listingName), _metadata.GetOrAddGuid(Sha256), _metadata.GetOrAddBlob(SHA256.HashData(text)), default);
        _metadata.AddCustomDebugInformation(handle, _metadata.GetOrAddGuid(EmbeddedSource), _metadata.GetOrAddBlob(GuestListing.Compress(text)));
        _documents.Add(_listingName, handle);
        return handle;
    }
}
