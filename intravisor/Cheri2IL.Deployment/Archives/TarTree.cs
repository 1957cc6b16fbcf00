using System.Formats.Tar;
using System.Text;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Microsoft.Win32.SafeHandles;

namespace Cheri2IL.Deployment.Archives;

/// <summary>The file tree in an uncompressed tar archive, read in place: nothing is unpacked.</summary>
/// <remarks>
/// Thread-safe. The archive must not change while it is used. Devices, sockets and FIFOs are left out, as from a folder. An archive whose names
/// lead upwards is refused.
/// </remarks>
public sealed class TarTree : IHostTree, IDisposable
{
    private const int MostEntries = 1_000_000;

    private readonly SafeFileHandle _file;
    private readonly Node _root = new(HostEntryKind.Directory, 0x1ed, 0);

    private TarTree(SafeFileHandle file) => _file = file;

    /// <summary>Opens an archive; null if the file is none.</summary>
    /// <param name="path">The file.</param>
    /// <param name="folder">Folder of the archive that is the root, without a slash at the end; empty: all of it.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It must not be read.</exception>
    public static TarTree? TryOpen(string path, string folder = "")
    {
        var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        var tree = new TarTree(file);
        try
        {
            using var stream = new FileStream(new SafeFileHandle(file.DangerousGetHandle(), ownsHandle: false), FileAccess.Read);
            if (tree.TryIndex(stream, folder.Length == 0 ? "" : folder + "/"))
                return tree;
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException or FormatException)
        {
            // Whatever it is, it is no archive that could be used.
        }
        catch
        {
            tree.Dispose();
            throw;
        }

        tree.Dispose();
        return null;
    }

    /// <inheritdoc/>
    public IReadOnlyList<HostEntry> List(IReadOnlyList<string> path)
        => Find(path) is { Kind: HostEntryKind.Directory } directory
            ? [.. directory.Children.Select(c => new HostEntry(c.Key, c.Value.Kind, c.Value.Mode, c.Value.Time, c.Value.LinkTarget))]
            : [];

    /// <inheritdoc/>
    public IHostFile? Open(IReadOnlyList<string> path)
        => Find(path) is { Kind: HostEntryKind.File } file ? new Part(_file, file.Offset, file.Length) : null;

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static string Latin1(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));

    private bool TryIndex(FileStream stream, string prefix)
    {
        using var reader = new TarReader(stream, leaveOpen: true);
        var count = 0;
        while (reader.GetNextEntry(copyData: false) is { } entry)
        {
            if (!entry.Name.StartsWith(prefix, StringComparison.Ordinal))
                continue;
            if (++count > MostEntries)
                return false;
            var names = Split(entry.Name[prefix.Length..]);
            if (names is null)
                return false;
            if (names.Length > 0 && Make(entry) is { } node)
                Add(names, node);
        }

        return count > 0;
    }

    /// <summary>Names of a path in the guest's encoding; null if it leads upwards.</summary>
    private static string[]? Split(string path)
    {
        string[] names = [.. path.Split('/').Where(n => n is not ("" or ".")).Select(Latin1)];
        return names.Contains("..") ? null : names;
    }

    private Node? Make(TarEntry entry)
    {
        var mode = (int)entry.Mode & 0xfff;
        var time = (entry.ModificationTime.UtcDateTime - DateTime.UnixEpoch).Ticks * 100;
        switch (entry.EntryType)
        {
            case TarEntryType.Directory:
                return new Node(HostEntryKind.Directory, mode, time);
            case TarEntryType.SymbolicLink:
                return new Node(HostEntryKind.SymbolicLink, 0x1ff, time) { LinkTarget = Latin1(entry.LinkName) };
            case TarEntryType.HardLink:
                return Split(entry.LinkName) is { } target && Find(target) is { Kind: HostEntryKind.File } same ? same : null;
            case TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile:
                // An empty file has no data, and no place of it.
                return new Node(HostEntryKind.File, mode, time) { Offset = Math.Max(entry.DataOffset, 0), Length = entry.Length };
            default:
                return null;
        }
    }

    private void Add(string[] names, Node node)
    {
        var at = _root;
        foreach (var name in names[..^1])
        {
            if (!at.Children.TryGetValue(name, out var next) || next.Kind != HostEntryKind.Directory)
                at.Children[name] = next = new Node(HostEntryKind.Directory, 0x1ed, node.Time);
            at = next;
        }

        // A folder that comes after its files only changes rights and times.
        if (node.Kind == HostEntryKind.Directory && at.Children.TryGetValue(names[^1], out var known) && known.Kind == HostEntryKind.Directory)
            (known.Mode, known.Time) = (node.Mode, node.Time);
        else
            at.Children[names[^1]] = node;
    }

    private Node? Find(IReadOnlyList<string> path)
    {
        var at = _root;
        foreach (var name in path)
        {
            if (!at.Children.TryGetValue(name, out at!))
                return null;
        }

        return at;
    }

    private sealed class Node(HostEntryKind kind, int mode, long time)
    {
        public HostEntryKind Kind => kind;

        public int Mode { get; set; } = mode;

        public long Time { get; set; } = time;

        public string? LinkTarget { get; init; }

        public long Offset { get; init; }

        public long Length { get; init; }

        public SortedDictionary<string, Node> Children { get; } = new(StringComparer.Ordinal);
    }

    /// <summary>A file's bytes inside the archive.</summary>
    private sealed class Part(SafeFileHandle file, long offset, long length) : IHostFile
    {
        public long Length => length;

        public int Read(long at, Span<byte> destination)
        {
            var wanted = destination[..(int)Math.Clamp(length - at, 0, destination.Length)];
            var done = 0;
            while (done < wanted.Length)
            {
                var count = RandomAccess.Read(file, wanted[done..], offset + at + done);
                if (count == 0)
                    break;
                done += count;
            }

            return done;
        }
    }
}
