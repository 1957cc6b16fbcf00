using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;

namespace Cheri2IL.Deployment.Bundles;

/// <summary>
/// What a bundle is: a tar archive whose first entry says so and whose last is the SHA-256 of all bytes before it. Between them are the
/// manifest, the index, translated assemblies and contents of buffers under their SHA-256, and the files of each root.
/// </summary>
internal static class BundleFormat
{
    /// <summary>Name of the first entry: a bundle's file begins with these bytes.</summary>
    public const string Magic = "cheri2il-bundle";

    /// <summary>Content of the first entry: what only readers of another version understand has another number.</summary>
    public const string Version = "1\n";

    /// <summary>The manifest, as it was.</summary>
    public const string Manifest = "manifest.yaml";

    /// <summary>JSON: which parts belong to which cVM and buffer.</summary>
    public const string Index = "index.json";

    /// <summary>Folder of translated assemblies.</summary>
    public const string Code = "code/";

    /// <summary>Folder of contents of buffers.</summary>
    public const string Files = "files/";

    /// <summary>Folder of roots, a numbered folder each.</summary>
    public const string Roots = "roots/";

    /// <summary>Bytes of the end: header and content of the last entry, and what ends an archive.</summary>
    public const int EndLength = 4 * 512;

    private const string Digest = "sha256";

    /// <summary>An entry without anything that differs from run to run.</summary>
    public static GnuTarEntry Entry(TarEntryType type, string name) => new(type, name)
    {
        ModificationTime = DateTimeOffset.UnixEpoch,
        AccessTime = DateTimeOffset.UnixEpoch,
        ChangeTime = DateTimeOffset.UnixEpoch,
        Mode = type == TarEntryType.Directory ? (UnixFileMode)0x1ed : (UnixFileMode)0x1a4,
    };

    /// <summary>The end of a bundle whose other bytes have that hash.</summary>
    public static byte[] End(ReadOnlySpan<byte> hash)
    {
        var end = new MemoryStream();
        using (var writer = new TarWriter(end, TarEntryFormat.Gnu, leaveOpen: true))
        {
            var entry = Entry(TarEntryType.RegularFile, Digest);
            entry.DataStream = new MemoryStream(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hash) + "\n"));
            writer.WriteEntry(entry);
        }

        return end.Length == EndLength ? end.ToArray() : throw new InvalidOperationException($"the end of an archive has {end.Length} bytes");
    }

    /// <summary>Name of a part by its content.</summary>
    public static string NameOf(string folder, ReadOnlySpan<byte> content, string extension) => folder + Convert.ToHexStringLower(SHA256.HashData(content)) + extension;
}

/// <summary>A bundle that cannot be used.</summary>
public sealed class BundleException(string message) : Exception(message);
