using System.Buffers.Binary;
using Cheri2IL.Translator;

namespace Cheri2IL.Cli.Cache;

/// <summary>
/// Which methods of entries of the cache runs have used without machine code: a file NAME.used each, until they are compiled. Most of a large
/// program is never run, and to compile all of it takes a hundred times as long.
/// </summary>
/// <remarks>Layout: the methods' rows in the assembly's metadata, int32, ascending. What two processes note at once, one of them may lose; the next run notes it again.</remarks>
internal static class UsedMethods
{
    /// <summary>Extension of such a file.</summary>
    public const string Extension = ".used";

    /// <summary>Adds methods of an entry.</summary>
    /// <exception cref="IOException">The cache cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The cache cannot be written.</exception>
    public static void Note(TranslationCache cache, string name, IEnumerable<int> rows)
    {
        var path = cache.PathOf(name + Extension);
        var all = new SortedSet<int>(Decode(TranslationCache.TryRead(path)));
        all.UnionWith(rows);
        var content = new byte[all.Count * sizeof(int)];
        foreach (var (k, row) in all.Index())
            BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(k * sizeof(int)), row);
        AtomicFile.Write(path, content);
    }

    /// <summary>Entries that have some.</summary>
    public static string[] Names(TranslationCache cache)
        => [.. Directory.GetFiles(cache.Directory, "*" + Extension).Select(f => Path.GetFileNameWithoutExtension(f)).Where(TranslationCache.IsName).Order(StringComparer.Ordinal)];

    /// <summary>Those of an entry, which are forgotten.</summary>
    public static HashSet<int> Take(TranslationCache cache, string name)
    {
        var path = cache.PathOf(name + Extension);
        var rows = Decode(TranslationCache.TryRead(path));
        File.Delete(path);
        return rows;
    }

    private static HashSet<int> Decode(byte[]? content)
    {
        var rows = new HashSet<int>();
        for (var at = 0; at + sizeof(int) <= content?.Length; at += sizeof(int))
            rows.Add(BinaryPrimitives.ReadInt32LittleEndian(content.AsSpan(at)));
        return rows;
    }
}
