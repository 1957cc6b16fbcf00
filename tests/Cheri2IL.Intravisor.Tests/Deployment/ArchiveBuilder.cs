using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Cheri2IL.Intravisor.Tests.Deployment;

/// <summary>Archives and images of containers, as bytes.</summary>
internal static class ArchiveBuilder
{
    public static TarEntry Directory(string name, UnixFileMode mode = (UnixFileMode)0x1ed) => new PaxTarEntry(TarEntryType.Directory, name) { Mode = mode };

    public static TarEntry File(string name, string content = "", Dictionary<string, string>? attributes = null)
    {
        var entry = attributes is null
            ? new PaxTarEntry(TarEntryType.RegularFile, name)
            : new PaxTarEntry(TarEntryType.RegularFile, name, attributes.Select(a => KeyValuePair.Create("SCHILY.xattr." + a.Key, a.Value)));
        entry.DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content));
        return entry;
    }

    public static TarEntry Symbolic(string name, string target) => new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = target };

    public static TarEntry Hard(string name, string target) => new PaxTarEntry(TarEntryType.HardLink, name) { LinkName = target };

    public static TarEntry Device(string name, int major, int minor) => new PaxTarEntry(TarEntryType.CharacterDevice, name) { DeviceMajor = major, DeviceMinor = minor };

    public static TarEntry Fifo(string name) => new PaxTarEntry(TarEntryType.Fifo, name);

    public static byte[] Tar(params TarEntry[] entries)
    {
        var output = new MemoryStream();
        using (var writer = new TarWriter(output, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach (var entry in entries)
            {
                if (entry.ModificationTime > DateTimeOffset.UnixEpoch.AddYears(50))
                    entry.ModificationTime = DateTimeOffset.UnixEpoch.AddSeconds(1_000_000_000.25);
                writer.WriteEntry(entry);
            }
        }

        return output.ToArray();
    }

    public static byte[] Gzip(byte[] content)
    {
        var output = new MemoryStream();
        using (var gzip = new GZipStream(output, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(content);
        return output.ToArray();
    }

    public static byte[] Zstd(byte[] content)
    {
        using var compressor = new ZstdSharp.Compressor();
        compressor.SetParameter(ZstdSharp.Unsafe.ZSTD_cParameter.ZSTD_c_checksumFlag, 1);
        return compressor.Wrap(content).ToArray();
    }

    public static string Hash(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    public static byte[] Configuration(string architecture, IEnumerable<byte[]> layers, object? config = null)
        => JsonSerializer.SerializeToUtf8Bytes(new { architecture, os = "linux", config = config ?? new { }, rootfs = new { type = "layers", diff_ids = layers.Select(l => "sha256:" + Hash(l)) } });

    /// <summary>An OCI image layout with one image for each architecture; layers are stored as <paramref name="store"/> makes them.</summary>
    public static byte[] Layout(Func<byte[], byte[]> store, object? config, byte[][] layers, params string[] architectures)
    {
        var blobs = new Dictionary<string, byte[]>();
        object Blob(string type, byte[] content, object? platform = null)
        {
            blobs["blobs/sha256/" + Hash(content)] = content;
            return platform is null
                ? new { mediaType = type, digest = "sha256:" + Hash(content), size = content.Length }
                : new { mediaType = type, digest = "sha256:" + Hash(content), size = content.Length, platform };
        }

        var manifests = architectures.Select(a => Blob(
            "application/vnd.oci.image.manifest.v1+json",
            JsonSerializer.SerializeToUtf8Bytes(new
            {
                schemaVersion = 2,
                config = Blob("application/vnd.oci.image.config.v1+json", Configuration(a, layers, config)),
                layers = layers.Select(l => Blob("application/vnd.oci.image.layer.v1.tar", store(l))),
            }),
            new { architecture = a, os = "linux" })).ToArray();
        var inner = Blob("application/vnd.oci.image.index.v1+json", JsonSerializer.SerializeToUtf8Bytes(new { schemaVersion = 2, manifests }));
        return Tar(
        [
            File("oci-layout", """{"imageLayoutVersion":"1.0.0"}"""),
            File("index.json", JsonSerializer.Serialize(new { schemaVersion = 2, manifests = new[] { inner } })),
            .. blobs.Select(b => Binary(b.Key, b.Value)),
        ]);
    }

    /// <summary>What "docker save" writes, or wrote: the second image shares its layers through symbolic links.</summary>
    public static byte[] Saved(byte[] configuration, params byte[][] layers)
        => Tar(
        [
            Binary(Hash(configuration) + ".json", configuration),
            .. layers.SelectMany((l, k) => (TarEntry[])[Binary($"data{k}/layer.tar", l), Symbolic($"link{k}/layer.tar", $"../data{k}/layer.tar")]),
            File("manifest.json", JsonSerializer.Serialize(new[] { new { Config = Hash(configuration) + ".json", Layers = layers.Select((_, k) => $"link{k}/layer.tar") } })),
        ]);

    public static TarEntry Binary(string name, byte[] content) => new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) };
}
