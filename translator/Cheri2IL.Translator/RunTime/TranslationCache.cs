using System.Security.Cryptography;

namespace Cheri2IL.Translator.RunTime;

/// <summary>
/// Translations on disk, found by what they were made from: the ELF file's content, the translator's own build and the
/// options. Entries are written under a temporary name and renamed, so readers never see a part.
/// </summary>
/// <remarks>Safe for concurrent use by several processes: equal keys hold equal bytes.</remarks>
public sealed class TranslationCache
{
    /// <summary>A cache in <paramref name="directory"/>, which is created when first written to.</summary>
    public TranslationCache(string directory) => Directory = directory;

    /// <summary>Where it lives.</summary>
    public string Directory { get; }

    /// <summary><c>$XDG_CACHE_HOME/cheri2il</c>, or <c>~/.cache/cheri2il</c>.</summary>
    public static string DefaultDirectory
    {
        get
        {
            var root = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            if (string.IsNullOrEmpty(root))
                root = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
            return Path.Combine(root, "cheri2il");
        }
    }

    /// <summary>Key of an ELF file's translation: 32 hexadecimal digits.</summary>
    public static string Key(ReadOnlySpan<byte> file, TranslationOptions options)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(typeof(TranslationCache).Module.ModuleVersionId.ToByteArray());
        hash.AppendData(typeof(Cheri2IL.Runtime.Execution.GuestState).Module.ModuleVersionId.ToByteArray());
        hash.AppendData([(byte)options.Checks, options.CountChecks ? (byte)1 : (byte)0, options.PreciseFaults ? (byte)1 : (byte)0]);
        hash.AppendData(file);
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..32];
    }

    /// <summary>Path of an entry, whether it exists or not.</summary>
    public string PathOf(string name) => Path.Combine(Directory, name + ".dll");

    /// <summary>The path of entry <paramref name="name"/>, made by <paramref name="make"/> if it does not exist.</summary>
    public string GetOrAdd(string name, Func<byte[]> make)
    {
        var path = PathOf(name);
        if (!File.Exists(path))
            AtomicFile.Write(path, make());
        return path;
    }
}
