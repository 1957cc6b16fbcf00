using System.Buffers.Binary;
using System.Security.Cryptography;
using Cheri2IL.Runtime;

namespace Cheri2IL.Deployment.Archives;

/// <summary>What is known of the files that roots come from, in a directory of the host: which were checked, and what compressed ones become.</summary>
/// <remarks>
/// SHA256.tar is what data of that hash becomes; DEVICE-INODE.root says that a file, while it is the same, was found to be in order, and has
/// its hash if that was needed. Files appear whole or not at all. Several processes may use it at a time. Who can write to it can give guests another root.
/// </remarks>
/// <param name="directory">The directory, which is made when it is needed.</param>
public sealed class RootStore(string directory)
{
    private const string Unpacked = ".tar";
    private const string Unfinished = ".tmp";
    private const string Record = ".root";
    private const int RecordLength = 8 + (5 * sizeof(long)) + SHA256.HashSizeInBytes;

    /// <summary>Bytes of unpacked archives that are kept: 16 GiB. What was used least recently goes first.</summary>
    private const long Limit = 16L << 30;

    /// <summary>Time after which a file that nobody finished is nobody's.</summary>
    private static readonly TimeSpan _abandoned = TimeSpan.FromHours(1);

    /// <summary>Nanoseconds that must have passed since a file's last change before it is recorded: above the 2 s of the coarsest file system.</summary>
    private const long Settled = 3_000_000_000;

    /// <summary>Where it is.</summary>
    public string Directory => directory;

    private IEnumerable<FileInfo> Files => System.IO.Directory.Exists(directory) ? new DirectoryInfo(directory).EnumerateFiles() : [];

    /// <summary>Bytes that it has.</summary>
    public long Bytes => Files.Sum(f => f.Length);

    /// <summary>Deletes everything, and returns how many bytes that were.</summary>
    public long Clear()
    {
        var bytes = 0L;
        foreach (var file in Files)
        {
            bytes += file.Length;
            file.Delete();
        }

        return bytes;
    }

    /// <summary>Whether a file was found to be in order before.</summary>
    internal bool IsChecked(ImageFile file) => HashIn(file.Identity) is not null;

    /// <summary>A file was found to be in order.</summary>
    internal void SetChecked(ImageFile file) => Write(file.Identity, new byte[SHA256.HashSizeInBytes]);

    /// <summary>SHA-256 of a file, which is computed once.</summary>
    internal string HashOf(ImageFile file)
    {
        if (HashIn(file.Identity) is { } known)
            return Convert.ToHexStringLower(known);
        using var content = file.Slice(0, file.Length);
        var hash = SHA256.HashData(content);
        Write(file.Identity, hash);
        return Convert.ToHexStringLower(hash);
    }

    /// <summary>What a part of a file becomes when it is decompressed; made where that was not done before.</summary>
    /// <param name="hash">SHA-256 of the part, which the caller has computed.</param>
    /// <param name="file">The file.</param>
    /// <param name="offset">Offset of the part.</param>
    /// <param name="length">Its bytes.</param>
    /// <exception cref="RootFormatException">It is damaged.</exception>
    /// <exception cref="IOException">There is no room for it.</exception>
    internal ImageFile Decompressed(string hash, ImageFile file, long offset, long length)
    {
        var path = Path.Combine(directory, hash + Unpacked);
        if (!File.Exists(path))
        {
            var temporary = Begin(path);
            try
            {
                using (var output = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
                    Compression.Decompress(file, offset, length, output);
                File.Move(temporary, path, overwrite: true);
            }
            catch
            {
                File.Delete(temporary);
                throw;
            }

            Trim(path);
        }

        return new ImageFile(path);
    }

    private void Trim(string newest)
    {
        // What a process that was killed has left.
        foreach (var file in Files.Where(f => f.Extension == Unfinished && DateTime.UtcNow - f.LastWriteTimeUtc > _abandoned))
            file.Delete();
        var left = Limit;
        foreach (var file in Files.Where(f => f.Extension == Unpacked).OrderByDescending(f => f.FullName == newest).ThenByDescending(f => f.LastAccessTimeUtc))
        {
            left -= file.Length;
            if (left < 0 && file.FullName != newest)
                file.Delete();
        }
    }

    private string Begin(string path)
    {
        System.IO.Directory.CreateDirectory(directory);
        // Not after the process: numbers of processes are the same again in another container.
        return $"{path}.{Guid.NewGuid():N}{Unfinished}";
    }

    private string PathOf(FileIdentity identity) => Path.Combine(directory, $"{identity.Device:x}-{identity.Inode:x}{Record}");

    private byte[]? HashIn(FileIdentity identity)
    {
        using var file = HostFile.TryOpen(PathOf(identity), out _);
        Span<byte> content = stackalloc byte[RecordLength];
        Span<byte> expected = stackalloc byte[RecordLength];
        WriteRecord(expected, identity);
        const int known = RecordLength - SHA256.HashSizeInBytes;
        return file is not null && file.Read(0, content) == content.Length && content[..known].SequenceEqual(expected[..known]) ? content[known..].ToArray() : null;
    }

    /// <summary>Makes a record, unless the file changed just now: what changes once more in the same tick of a coarse clock would look the same.</summary>
    private void Write(FileIdentity identity, ReadOnlySpan<byte> hash)
    {
        if ((DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100 - Math.Max(identity.ModifyTime, identity.ChangeTime) < Settled)
            return;
        var content = new byte[RecordLength];
        WriteRecord(content, identity);
        hash.CopyTo(content.AsSpan(RecordLength - SHA256.HashSizeInBytes));
        try
        {
            var temporary = Begin(PathOf(identity));
            File.WriteAllBytes(temporary, content);
            File.Move(temporary, PathOf(identity), overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It is checked once more at the next start.
        }
    }

    private static void WriteRecord(Span<byte> record, FileIdentity identity)
    {
        "C2ILrt1\n"u8.CopyTo(record);
        var at = 8;
        foreach (var value in (ReadOnlySpan<long>)[(long)identity.Device, (long)identity.Inode, identity.Size, identity.ModifyTime, identity.ChangeTime])
        {
            BinaryPrimitives.WriteInt64LittleEndian(record[at..], value);
            at += sizeof(long);
        }
    }
}
