using System.Buffers.Binary;
using Cheri2IL.Translator;

namespace Cheri2IL.Cli.Cache;

/// <summary>
/// Where runs have entered the code of entries of the cache that was evaluated: a file NAME.evaluated each, until that code is translated. An entry of a file
/// that is not translated in parts has one exactly as long as it has no code.
/// </summary>
/// <remarks>Layout: guest addresses, int64, ascending. What two processes note at once, one of them may lose; the next run notes it again.</remarks>
internal static class EvaluatedFunctions
{
    private const string Extension = ".evaluated";

    /// <summary>Adds guest addresses of an entry.</summary>
    /// <exception cref="IOException">The cache cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The cache cannot be written.</exception>
    public static void Note(TranslationCache cache, string name, IEnumerable<long> addresses)
    {
        var all = new SortedSet<long>(Find(cache, name));
        all.UnionWith(addresses);
        var content = new byte[all.Count * sizeof(long)];
        foreach (var (k, address) in all.Index())
            BinaryPrimitives.WriteInt64LittleEndian(content.AsSpan(k * sizeof(long)), address);
        AtomicFile.Write(cache.PathOf(name + Extension), content);
    }

    /// <summary>Whether an entry has any, or none yet.</summary>
    public static bool Has(TranslationCache cache, string name) => File.Exists(cache.PathOf(name + Extension));

    /// <summary>Entries that have some, or none yet.</summary>
    public static string[] Names(TranslationCache cache)
        => [.. Directory.GetFiles(cache.Directory, "*" + Extension).Select(f => Path.GetFileNameWithoutExtension(f)).Where(TranslationCache.IsName).Order(StringComparer.Ordinal)];

    /// <summary>Those of an entry, ascending.</summary>
    public static long[] Find(TranslationCache cache, string name)
    {
        var content = TranslationCache.TryRead(cache.PathOf(name + Extension)) ?? [];
        var addresses = new long[content.Length / sizeof(long)];
        for (var k = 0; k < addresses.Length; k++)
            addresses[k] = BinaryPrimitives.ReadInt64LittleEndian(content.AsSpan(k * sizeof(long)));
        return addresses;
    }

    /// <summary>Forgets those of an entry.</summary>
    public static void Delete(TranslationCache cache, string name) => File.Delete(cache.PathOf(name + Extension));
}
