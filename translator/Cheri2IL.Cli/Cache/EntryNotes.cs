using System.Buffers.Binary;
using Cheri2IL.Translator;
using Cheri2IL.Translator.RunTime;

namespace Cheri2IL.Cli.Cache;

/// <summary>What runs note of entries of the cache, for who translates and compiles them behind the run: numbers, in a file of its own for each entry.</summary>
/// <remarks>
/// Layout: int64; the first is <see cref="TranslationKey.Build"/>, the others ascend. What others than this build have noted is for them to translate and to
/// compile, and counts as nothing here. What two processes note at once, one of them may lose; the next run notes it again.
/// </remarks>
internal sealed class EntryNotes
{
    /// <summary>Extension of the files of <see cref="UsedMethods"/>.</summary>
    public const string UsedExtension = ".used";

    /// <summary>Extension of the files of <see cref="EvaluatedFunctions"/>.</summary>
    public const string EvaluatedExtension = ".evaluated";

    private readonly string _extension;

    private EntryNotes(string extension) => _extension = extension;

    /// <summary>
    /// Which methods, by their rows in the assembly's metadata, runs have used without machine code, until they are compiled. Most of a large program is never
    /// run, and to compile all of it takes a hundred times as long.
    /// </summary>
    public static EntryNotes UsedMethods { get; } = new(UsedExtension);

    /// <summary>
    /// Where, by guest address, runs have entered code that was evaluated, until it is translated. An entry of a file that is not translated in parts has a file
    /// of these, perhaps with nothing in it, exactly as long as it has no code.
    /// </summary>
    public static EntryNotes EvaluatedFunctions { get; } = new(EvaluatedExtension);

    /// <summary>Adds numbers to those of an entry.</summary>
    /// <exception cref="IOException">The cache cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The cache cannot be written.</exception>
    public void Note(TranslationCache cache, string name, IEnumerable<long> numbers)
    {
        var all = new SortedSet<long>(Find(cache, name));
        all.UnionWith(numbers);
        var content = new byte[(1 + all.Count) * sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(content, TranslationKey.Build);
        foreach (var (k, number) in all.Index())
            BinaryPrimitives.WriteInt64LittleEndian(content.AsSpan((1 + k) * sizeof(long)), number);
        AtomicFile.Write(PathOf(cache, name), content);
    }

    /// <summary>Whether an entry has a file of them.</summary>
    public bool Has(TranslationCache cache, string name) => File.Exists(PathOf(cache, name));

    /// <summary>Entries that have one of this build.</summary>
    public string[] Names(TranslationCache cache)
        => [.. Directory.GetFiles(cache.Directory, "*" + _extension).Select(f => Path.GetFileNameWithoutExtension(f))
            .Where(n => TranslationCache.IsName(n) && IsOfThisBuild(Read(cache, n))).Order(StringComparer.Ordinal)];

    /// <summary>Those of an entry, ascending.</summary>
    public long[] Find(TranslationCache cache, string name)
    {
        var content = Read(cache, name);
        if (!IsOfThisBuild(content))
            return [];
        var numbers = new long[(content.Length / sizeof(long)) - 1];
        for (var k = 0; k < numbers.Length; k++)
            numbers[k] = BinaryPrimitives.ReadInt64LittleEndian(content.AsSpan((1 + k) * sizeof(long)));
        return numbers;
    }

    /// <summary>Those of an entry, ascending, which are forgotten.</summary>
    public long[] Take(TranslationCache cache, string name)
    {
        var numbers = Find(cache, name);
        Forget(cache, name);
        return numbers;
    }

    /// <summary>Forgets those of an entry.</summary>
    public void Forget(TranslationCache cache, string name) => File.Delete(PathOf(cache, name));

    private static bool IsOfThisBuild(byte[] content) => content.Length >= sizeof(long) && BinaryPrimitives.ReadInt64LittleEndian(content) == TranslationKey.Build;

    private byte[] Read(TranslationCache cache, string name) => TranslationCache.TryRead(PathOf(cache, name)) ?? [];

    private string PathOf(TranslationCache cache, string name) => cache.PathOf(name + _extension);
}
