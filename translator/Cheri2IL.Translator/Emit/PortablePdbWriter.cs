using System.Collections.Immutable;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Security.Cryptography;

namespace Cheri2IL.Translator.Emit;

/// <summary>A position that debuggers, profilers and stack traces show for a guest address.</summary>
/// <param name="Document">Source file, or the guest listing.</param>
/// <param name="Line">Line, from 1.</param>
public readonly record struct SourcePosition(string Document, int Line);

/// <summary>
/// Writes the portable PDB of a translated assembly: sequence points from IL offsets to source lines where the program has
/// line information, else to lines of the guest listing, where line n is the code at the image's first code address + 2 (n - 1).
/// </summary>
public sealed class PortablePdbWriter
{
    /// <summary>ISO C in the portable PDB format's table of languages.</summary>
    private static readonly Guid LanguageC = new("63a08714-fc37-11d2-904c-00c04fa302a1");

    private readonly MetadataBuilder _metadata = new();
    private readonly Dictionary<string, DocumentHandle> _documents = [];

    /// <summary>Encodes the PDB.</summary>
    /// <param name="methods">Methods in row order.</param>
    /// <param name="position">Position of a guest pc.</param>
    /// <param name="rowCounts">Row counts of the assembly's type-system tables.</param>
    /// <param name="id">Identity to put into the assembly's debug directory.</param>
    public byte[] Write(IReadOnlyList<MethodImage> methods, Func<long, SourcePosition> position, ImmutableArray<int> rowCounts, out BlobContentId id)
    {
        foreach (var method in methods)
        {
            var (document, points) = Encode(method.Body.Map, position);
            _metadata.AddMethodDebugInformation(document, points);
        }

        var builder = new PortablePdbBuilder(_metadata, rowCounts, default, content =>
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var blob in content)
                hash.AppendData(blob.GetBytes());
            return BlobContentId.FromHash(ImmutableArray.Create(hash.GetHashAndReset()));
        });
        var image = new BlobBuilder();
        id = builder.Serialize(image);
        return image.ToArray();
    }

    /// <summary>Sequence points blob (portable PDB specification): local signature, then delta-coded points.</summary>
    private (DocumentHandle First, BlobHandle Points) Encode((int Offset, long Pc)[] map, Func<long, SourcePosition> position)
    {
        var blob = new BlobBuilder();
        blob.WriteCompressedInteger(0);
        DocumentHandle first = default;
        DocumentHandle current = default;
        var (lastOffset, lastLine) = (-1, -1);
        foreach (var (offset, pc) in map)
        {
            // Cold code follows in the order it was emitted, so offsets ascend; one point per offset.
            if (offset <= lastOffset)
                continue;
            var at = position(pc);
            var document = Document(at.Document);
            if (first.IsNil)
            {
                first = current = document;
            }
            else if (document != current)
            {
                blob.WriteCompressedInteger(0);
                blob.WriteCompressedInteger(MetadataTokens.GetRowNumber(document));
                current = document;
            }

            blob.WriteCompressedInteger(lastOffset < 0 ? offset : offset - lastOffset);
            // One line, columns 1 to 2.
            blob.WriteCompressedInteger(0);
            blob.WriteCompressedInteger(1);
            if (lastLine < 0)
            {
                blob.WriteCompressedInteger(at.Line);
                blob.WriteCompressedInteger(1);
            }
            else
            {
                blob.WriteCompressedSignedInteger(at.Line - lastLine);
                blob.WriteCompressedSignedInteger(0);
            }

            (lastOffset, lastLine) = (offset, at.Line);
        }

        return (first, _metadata.GetOrAddBlob(blob));
    }

    private DocumentHandle Document(string name)
    {
        if (!_documents.TryGetValue(name, out var handle))
            _documents[name] = handle = _metadata.AddDocument(_metadata.GetOrAddDocumentName(name), default, default, _metadata.GetOrAddGuid(LanguageC));
        return handle;
    }
}
