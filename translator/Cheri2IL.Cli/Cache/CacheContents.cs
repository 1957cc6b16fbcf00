using System.Globalization;

namespace Cheri2IL.Cli.Cache;

/// <summary>The translations of one program file with one set of options.</summary>
/// <param name="Name">Name in the cache.</param>
/// <param name="Files">Its files: with or without machine code, regions translated at run time.</param>
/// <param name="Programs">Paths from which it was last started, as far as they are recorded.</param>
internal sealed record CacheEntry(string Name, IReadOnlyList<FileInfo> Files, IReadOnlyList<string> Programs)
{
    /// <summary>Bytes on disk.</summary>
    public long Bytes => Files.Sum(f => f.Length);

    /// <summary>Last use, to the hour.</summary>
    public DateTime LastUse => Files.Max(f => f.LastWriteTimeUtc);

    /// <summary>Whether machine code is among the files.</summary>
    public bool IsNative => Files.Any(f => f.Name.AsSpan(StartRecord.NameLength).StartsWith(".x86", StringComparison.Ordinal));
}

/// <summary>Looks through the cache, off the start-up path.</summary>
internal sealed class CacheContents
{
    /// <summary>Bytes that the cache may hold when <c>CHERI2IL_CACHE_SIZE</c> is not set: 16 GiB, in which all programs of some thousand packages fit.</summary>
    public const long DefaultLimit = 16L << 30;

    private static readonly TimeSpan Abandoned = TimeSpan.FromHours(1);
    private readonly FileInfo[] _files;

    /// <summary>Looks through <paramref name="cache"/>.</summary>
    public CacheContents(TranslationCache cache)
    {
        var directory = new DirectoryInfo(cache.Directory);

        // Asked now: another process may delete any of them later.
        _files = directory.Exists ? [.. directory.GetFiles().Where(f => f.Exists)] : [];
        var programs = _files.Where(f => f.Extension == StartRecord.Extension)
            .Select(f => StartRecord.Read(f.FullName)).OfType<(string Name, string ProgramPath)>().ToLookup(r => r.Name, r => r.ProgramPath);
        Entries =
        [
            .. _files.Where(IsTranslation).GroupBy(f => f.Name[..StartRecord.NameLength])
                .Select(g => new CacheEntry(g.Key, [.. g], [.. programs[g.Key].Distinct().Order(StringComparer.Ordinal)]))
                .OrderByDescending(e => e.LastUse).ThenBy(e => e.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>Entries, the most recently used first.</summary>
    public IReadOnlyList<CacheEntry> Entries { get; }

    /// <summary>Bytes of all entries.</summary>
    public long Bytes => Entries.Sum(e => e.Bytes);

    /// <summary>Bytes that the cache may hold.</summary>
    /// <exception cref="ToolException"><c>CHERI2IL_CACHE_SIZE</c> is not a size.</exception>
    public static long Limit
    {
        get
        {
            if (Environment.GetEnvironmentVariable("CHERI2IL_CACHE_SIZE") is not { Length: > 0 } text)
                return DefaultLimit;
            var shift = char.ToUpperInvariant(text[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, _ => 0 };
            return long.TryParse(shift == 0 ? text : text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= long.MaxValue >> shift
                ? number << shift
                : throw new ToolException(ExitCode.Usage, $"CHERI2IL_CACHE_SIZE wants bytes, with an optional suffix K, M or G, not '{text}'");
        }
    }

    /// <summary>
    /// Deletes the least recently used entries beyond the limit, except the one that <paramref name="newest"/> belongs to, and
    /// what no longer belongs to any.
    /// </summary>
    public void Trim(string newest)
    {
        var kept = 0L;
        var limit = Limit;
        var names = new HashSet<string>();
        foreach (var entry in Entries)
        {
            var isNewest = newest.StartsWith(entry.Name, StringComparison.Ordinal);
            kept += entry.Bytes;
            if (kept <= limit || isNewest)
            {
                names.Add(entry.Name);
                continue;
            }

            kept -= entry.Bytes;
            foreach (var file in entry.Files)
                Delete(file);
        }

        foreach (var file in _files)
        {
            // What says that an entry has no code stays with it; it is written first.
            var isOfNone = file.Extension == EntryNotes.EvaluatedExtension && !names.Contains(Path.GetFileNameWithoutExtension(file.Name));
            var isAbandoned = (isOfNone || file.Extension is ".tmp" or ".lock" or ".failed" or EntryNotes.UsedExtension) && DateTime.UtcNow - file.LastWriteTimeUtc > Abandoned;
            if (isAbandoned || (file.Extension == StartRecord.Extension && (StartRecord.Read(file.FullName) is not { } record || !names.Contains(record.Name))))
                Delete(file);
        }
    }

    /// <summary>Deletes every file that the cache made; returns the bytes of the entries.</summary>
    public long Clear()
    {
        var bytes = Bytes;
        foreach (var file in _files)
        {
            if (IsTranslation(file) || file.Extension is StartRecord.Extension or EntryNotes.UsedExtension or EntryNotes.EvaluatedExtension or ".tmp" or ".lock" or ".failed")
                Delete(file);
        }

        return bytes;
    }

    private static bool IsTranslation(FileInfo file)
        => file.Extension == ".dll" && file.Name.Length > StartRecord.NameLength && StartRecord.IsName(file.Name.AsSpan(0, StartRecord.NameLength));

    private static void Delete(FileInfo file)
    {
        try
        {
            file.Delete();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Not ours to delete, or gone: the next time may succeed.
        }
    }
}
