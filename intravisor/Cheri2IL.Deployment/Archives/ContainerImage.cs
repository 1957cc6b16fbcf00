using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Deployment.Archives;

/// <summary>
/// The image of a container in a tar archive: an OCI image layout (image-layout.md of the OCI Image Format Specification), or what "docker save" writes.
/// </summary>
/// <remarks>Everything that has a digest is compared with it, once for a file that stays the same. Layers that are not compressed are read in place.</remarks>
internal sealed class ContainerImage
{
    private const string Architecture = "riscv64";
    private const string Digest = "sha256:";
    private const int LongestDocument = 4 << 20;
    private const int MostLayers = 512;
    private const int MostIndexes = 4;

    private static readonly SearchValues<char> _hexDigits = SearchValues.Create("0123456789abcdef");

    private readonly ImageFile _file;
    private readonly TarTree _archive;
    private readonly RootStore _store;
    private readonly bool _isChecked;

    private ContainerImage(ImageFile file, TarTree archive, RootStore store)
    {
        (_file, _archive, _store) = (file, archive, store);
        _isChecked = store.IsChecked(file);
    }

    /// <summary>Opens the image in an archive; null if it has none. The tree of a file system disposes of its files, not of the archive.</summary>
    /// <param name="file">The file.</param>
    /// <param name="archive">The archive in it.</param>
    /// <param name="store">Where compressed layers are unpacked.</param>
    /// <exception cref="RootFormatException">The image is malformed, damaged, or for another architecture.</exception>
    public static (TarTree Tree, ImageConfiguration Configuration)? TryOpen(ImageFile file, TarTree archive, RootStore store)
    {
        var isLayout = archive.Open(["oci-layout"]) is not null && archive.Open(["index.json"]) is not null;
        if (!isLayout && archive.Open(["manifest.json"]) is null)
            return null;
        var image = new ContainerImage(file, archive, store);
        try
        {
            return isLayout ? image.OpenLayout() : image.OpenSaved();
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw file.Problem($"malformed image: {error.Message.ReplaceLineEndings(" ")}");
        }
    }

    private (TarTree Tree, ImageConfiguration Configuration) OpenLayout()
    {
        // An index lists manifests, or further indexes; a manifest has a configuration.
        var manifest = Document("index.json", Content("index.json"));
        for (var depth = 0; depth <= MostIndexes; depth++)
        {
            if (manifest.TryGetProperty("config", out var config))
                return Open(ReadBlob(config), Elements(manifest, "layers").Select(Blob));
            manifest = Document("manifest", ReadBlob(Choose(manifest)));
        }

        throw _file.Problem("malformed image: too many indexes in each other");
    }

    /// <summary>The first manifest for this architecture, or that says nothing of architectures.</summary>
    private JsonElement Choose(JsonElement index)
    {
        var others = new List<string>();
        foreach (var descriptor in Elements(index, "manifests"))
        {
            if (!descriptor.TryGetProperty("platform", out var platform) || !platform.TryGetProperty("architecture", out var architecture))
                return descriptor;
            if (architecture.GetString() == Architecture)
                return descriptor;
            others.Add(architecture.GetString() ?? "");
        }

        throw _file.Problem(others.Count == 0 ? "malformed image: its index is empty" : $"the image is for {string.Join(", ", others.Distinct())}, not for {Architecture}");
    }

    private (TarTree Tree, ImageConfiguration Configuration)? OpenSaved()
    {
        // A file system may have a file of that name, too.
        if (!TryDocument(Content("manifest.json"), out var images, out _) || images.ValueKind != JsonValueKind.Array || images.GetArrayLength() == 0
            || images[0].ValueKind != JsonValueKind.Object || !images[0].TryGetProperty("Layers", out _) || !images[0].TryGetProperty("Config", out _))
            return null;
        RootFormatException? other = null;
        foreach (var image in images.EnumerateArray())
        {
            var name = image.GetProperty("Config").GetString()!;
            var config = Content(name);
            // A configuration is called by its hash.
            var stem = Path.GetFileNameWithoutExtension(name);
            if (!_isChecked && stem.Length == 2 * SHA256.HashSizeInBytes)
                Compare(name, stem, SHA256.HashData(config));
            try
            {
                return Open(config, Elements(image, "Layers").Select(l => Layer(l.GetString()!, digest: null)));
            }
            catch (ArchitectureException error)
            {
                other ??= _file.Problem(error.Message);
            }
        }

        throw other!;
    }

    private (TarTree Tree, ImageConfiguration Configuration) Open(byte[] configuration, IEnumerable<LayerFile> layers)
    {
        var root = Document("configuration", configuration);
        if (root.TryGetProperty("architecture", out var architecture) && architecture.GetString() is { Length: > 0 } name && name != Architecture)
            throw new ArchitectureException($"the image is for {name}, not for {Architecture}");
        string[] hashes = [.. Elements(root.GetProperty("rootfs"), "diff_ids").Select(d => HashOf(d.GetString()))];
        LayerFile[] files = [.. layers.Take(MostLayers + 1)];
        if (files.Length != hashes.Length || files.Length > MostLayers)
            throw _file.Problem($"malformed image: {files.Length} layers, and {hashes.Length} hashes of their contents");
        var tree = new TarTree();
        try
        {
            for (var k = 0; k < files.Length; k++)
                Add(tree, files[k], hashes[k]);
        }
        catch
        {
            tree.Dispose();
            throw;
        }

        if (!_isChecked)
            _store.SetChecked(_file);
        return (tree, ConfigurationOf(root));
    }

    private void Add(TarTree tree, LayerFile layer, string contentHash)
    {
        Span<byte> head = stackalloc byte[Compression.HeadLength];
        head = head[.._file.Read(layer.Offset, head[..(int)Math.Min(head.Length, layer.Length)])];
        var isCompressed = Compression.IsCompressed(head);
        // A compressed one without digest is unpacked under its hash, also when it was checked before.
        var hash = !_isChecked || (isCompressed && layer.Digest is null) ? Hash(_file, layer.Offset, layer.Length) : null;
        if (hash is not null && layer.Digest is { } digest)
            Compare(layer.Name, digest, hash);
        if (!isCompressed)
        {
            if (hash is not null)
                Compare(layer.Name, contentHash, hash);
            tree.Add(_file, layer.Offset, layer.Length, "", isLayer: true);
            return;
        }

        var unpacked = _store.Decompressed(layer.Digest ?? Convert.ToHexStringLower(hash!), _file, layer.Offset, layer.Length);
        tree.Own(unpacked);
        if (!_isChecked)
            Compare(layer.Name, contentHash, Hash(unpacked, 0, unpacked.Length));
        tree.Add(unpacked, 0, unpacked.Length, "", isLayer: true);
    }

    private static ImageConfiguration ConfigurationOf(JsonElement root)
    {
        if (!root.TryGetProperty("config", out var config) || config.ValueKind != JsonValueKind.Object)
            return ImageConfiguration.None;
        return new ImageConfiguration(
            Texts(config, "Env"),
            [.. Texts(config, "Entrypoint"), .. Texts(config, "Cmd")],
            Text(config, "WorkingDir"),
            Text(config, "User"));
    }

    private static string? Text(JsonElement element, string name)
        => element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;

    private static string[] Texts(JsonElement element, string name)
        => element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(v => v.GetString()!)] : [];

    private static JsonElement[] Elements(JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray()];

    private LayerFile Blob(JsonElement descriptor)
    {
        var hash = HashOf(descriptor.GetProperty("digest").GetString());
        var layer = Layer($"blobs/sha256/{hash}", hash);
        return layer.Length == descriptor.GetProperty("size").GetInt64() ? layer : throw _file.Problem($"{layer.Name}: it has {layer.Length} bytes, not as many as the image says");
    }

    private byte[] ReadBlob(JsonElement descriptor)
    {
        var blob = Blob(descriptor);
        var content = Read(blob);
        if (!_isChecked)
            Compare(blob.Name, blob.Digest!, SHA256.HashData(content));
        return content;
    }

    private string HashOf(string? digest)
        => digest is { Length: 71 } && digest.StartsWith(Digest, StringComparison.Ordinal) && digest.AsSpan(Digest.Length).IndexOfAnyExcept(_hexDigits) < 0
            ? digest[Digest.Length..]
            : throw _file.Problem($"malformed image: '{digest}' is no digest that is supported (sha256)");

    private void Compare(string name, string expected, ReadOnlySpan<byte> hash)
    {
        if (!expected.Equals(Convert.ToHexStringLower(hash), StringComparison.OrdinalIgnoreCase))
            throw _file.Problem($"{name}: damaged: its SHA-256 is not the one that the image says");
    }

    private static byte[] Hash(ImageFile file, long offset, long length)
    {
        using var content = file.Slice(offset, length);
        return SHA256.HashData(content);
    }

    private JsonElement Document(string name, byte[] content)
        => TryDocument(content, out var root, out var problem) ? root : throw _file.Problem($"{name}: malformed JSON: {problem}");

    private static bool TryDocument(byte[] content, out JsonElement root, out string problem)
    {
        (root, problem) = (default, "");
        try
        {
            using var document = JsonDocument.Parse(content);
            root = document.RootElement.Clone();
            return true;
        }
        catch (JsonException error)
        {
            problem = error.Message.ReplaceLineEndings(" ");
            return false;
        }
    }

    private byte[] Content(string name) => Read(Layer(name, digest: null));

    private byte[] Read(LayerFile part)
    {
        if (part.Length > LongestDocument)
            throw _file.Problem($"{part.Name}: longer than 4 MiB");
        var content = new byte[part.Length];
        _file.ReadExactly(part.Offset, content);
        return content;
    }

    /// <summary>A file of the archive. Docker has written a layer that two images share as a symbolic link.</summary>
    private LayerFile Layer(string name, string? digest)
        => _archive.ContentOf(name) is { } place ? new LayerFile(name, place.Offset, place.Length, digest) : throw _file.Problem($"malformed image: {name} is missing");

    private sealed record LayerFile(string Name, long Offset, long Length, string? Digest);

    private sealed class ArchitectureException(string message) : Exception(message);
}
